/** `tradehall verify`: proves a stopped data folder or an exported log, or names the first bad record. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Verdict, verifyDataFolder } from '#composition/verification/verify-data-folder.ts';
import { addLogFlags, dataFolderOf, logServerOf } from './data-flag.ts';
import { addStoreFlags, processConfigOf } from './store-flags.ts';
import { type Terminal, UsageError } from './terminal.ts';

type Flags = Readonly<Record<string, unknown>>;

function describeVerdict(verdict: Verdict): readonly string[] {
  const { source, records, seals, accounts, inputsReplayed } = verdict;
  if (verdict.sound) {
    return [
      `Sound: ${records} records, ${seals} seals, ${accounts} accounts, ${inputsReplayed} inputs replayed.`,
      `Log: ${source}.`,
      `Checked: ${verdict.checked.join(', ')}.`,
    ];
  }
  return [
    `Not sound: ${verdict.findings.length} ${verdict.findings.length === 1 ? 'finding' : 'findings'} in ${source}.`,
    ...verdict.findings.map(
      ({ check, record, message }) => `  ${check}: ${record === null ? '' : `${record}: `}${message}`,
    ),
    'Do not start on it. Restore a backup, or if only projections are named, delete those stores and start.',
  ];
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** The environment may name a server for other commands; an option is meant for this one. */
function logOfFile(file: string, flags: Flags): null {
  if (flags['eventLog'] === undefined || logServerOf(flags) === null) return null;
  throw new UsageError(
    `${file} is an exported log, and --event-log names another: leave out one of the two.`,
  );
}

export function register(program: Command, terminal: Terminal): void {
  addStoreFlags(
    addLogFlags(
      program
        .command('verify')
        .description('Prove a stopped data folder or an exported log, or name the first bad record.')
        .argument(
          '[source]',
          'A data folder or a file of `tradehall export`; the folder of --data when left out.',
        )
        .option(
          '--deep',
          'Compare every projection (portfolios, history, analytics, orders, statements) with the log too.',
        )
        .option(
          '--json',
          'As JSON: {sound, source, checked, findings: [{check, record, message}], records, …}.',
        ),
    ),
  )
    .addHelpText(
      'after',
      `
Checked are the seals (a record changed, removed, reordered or cut off at the end), every account's sequence, the books
(every entry balances, nothing below zero), and a replay of every input through the core, which must give the same
outputs and state hashes. Offline: stop the instance first. A log on a server, and with --deep stores on servers, are named
by the options (or variables) that \`start\` had; an exported file is a log by itself. Of either a copy is made in the folder
for temporary files (TMPDIR). Progress goes to standard error.
The exit code is 0 when all holds, and 1 when something does not.`,
    )
    .action(async (source: string | undefined, flags: Flags) => {
      const place = resolve(source ?? dataFolderOf(flags));
      const verdict = await verifyDataFolder(
        place,
        {
          log: source !== undefined && !isFolder(place) ? logOfFile(place, flags) : logServerOf(flags),
          stores: flags['deep'] === true ? processConfigOf(flags) : null,
        },
        (line) => terminal.tell(line),
      );
      if (flags['json'] === true) terminal.print(JSON.stringify(verdict, null, 2));
      else for (const line of describeVerdict(verdict)) terminal.print(line);
      terminal.exitWith(verdict.sound ? 0 : 1);
    });
}
