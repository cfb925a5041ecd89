/** The command line: commands registered when named, errors turned into sentences and exit codes. */

import { Command, CommanderError } from 'commander';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import packageJson from '#package.json' with { type: 'json' };
import { type Terminal, UsageError } from './terminal.ts';

interface Registration {
  /** The commands that the file registers, with the sentences they give themselves there. */
  readonly summaries: Readonly<Record<string, string>>;
  load(): Promise<{ register(program: Command, terminal: Terminal): void }>;
}

/** A command's file is loaded only when its name is among the words: most of them load half of the program. */
export const registrations: readonly Registration[] = [
  {
    summaries: { start: 'Run Tradehall: the named targets, or all of them, in this process.' },
    load: () => import('./start.ts'),
  },
  {
    summaries: {
      prepare: 'Make what the configured servers need before a first start: the table on DynamoDB.',
    },
    load: () => import('./prepare.ts'),
  },
  {
    summaries: { account: 'Open accounts, move money, make and revoke API keys.' },
    load: () => import('./account.ts'),
  },
  {
    summaries: { 'kill-switch': 'Halt trading, of every account or of one, and let it go on.' },
    load: () => import('./kill-switch.ts'),
  },
  {
    summaries: { breaker: 'Let an account sell only, and let it trade again after a quiet period.' },
    load: () => import('./breaker.ts'),
  },
  {
    summaries: { status: 'Show the running instance of a data folder: health, lags, positions, feed, disk.' },
    load: () => import('./status.ts'),
  },
  {
    summaries: { verify: 'Prove a stopped data folder or an exported log, or name the first bad record.' },
    load: () => import('./verify.ts'),
  },
  {
    summaries: { 'dead-letters': 'List, show, retry or drop records and rows that could not be read.' },
    load: () => import('./dead-letters.ts'),
  },
  {
    summaries: {
      config: 'Show the effective configuration and where each value comes from; secrets are hidden.',
    },
    load: () => import('./config.ts'),
  },
  {
    summaries: {
      backup: 'Copy the data folder of the running instance, consistently, into a new folder.',
      restore: 'Make a data folder from a backup.',
    },
    load: () => import('./backup.ts'),
  },
  {
    summaries: {
      export: 'Write the event log of a stopped instance to a file.',
      import: 'Make a data folder, or a log on Kafka, from an exported log.',
    },
    load: () => import('./export.ts'),
  },
  {
    summaries: { bench: 'Run the benchmarks, or those named, on folders of their own.' },
    load: () => import('./bench.ts'),
  },
];

/** Registers in full what the words name, and everything else by name and sentence alone, for --help and typing errors. */
async function registerCommands(
  program: Command,
  terminal: Terminal,
  words: readonly string[],
): Promise<void> {
  for (const { summaries, load } of registrations) {
    if (Object.keys(summaries).some((name) => words.includes(name))) {
      (await load()).register(program, terminal);
    } else {
      for (const [name, sentence] of Object.entries(summaries)) program.command(name).description(sentence);
    }
  }
}

const EXIT_NO = 1;
const EXIT_USAGE = 2;
/** Operating errors whose cause is what was typed, not the place where the program runs. */
const WRONG_USE: ReadonlySet<string> = new Set([
  'HOST_UNKNOWN',
  // What the running instance says of a value that it was given.
  'INVALID_REQUEST',
  'MARKET_FILE_MISSING',
  'MARKET_FILE_UNREADABLE',
  'MARKET_FILE_UNRECOGNISED',
  'PART_NOT_SHARED',
  'TLS_INCOMPLETE',
  'TLS_NEEDED',
  'TLS_UNREADABLE',
  'UNKNOWN_TARGET',
]);
const EXIT_BUG = 70;

/** Runs one command line; resolves with the exit code. */
export async function runProgram(
  argv: readonly string[],
  out: { write(text: string): void },
  err: { write(text: string): void },
): Promise<number> {
  let code = 0;
  const terminal: Terminal = {
    print: (line) => out.write(`${line}\n`),
    tell: (line) => err.write(`${line}\n`),
    exitWith: (chosen) => {
      code = chosen;
    },
  };
  const program = new Command('tradehall')
    .description('Tradehall: a self-hosted trading platform. Orders are executed exactly once.')
    .version(packageJson.version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => out.write(text), writeErr: (text) => err.write(text) })
    .addHelpText(
      'after',
      `
Exit codes: 0 done; 1 the answer is no; 2 wrong use; 70 a bug.
\`tradehall <command> --help\` explains a command. Start with: npx tradehall start`,
    );
  // Commands made by \`command()\` copy these settings when they are made, so nothing more is needed here.
  try {
    await registerCommands(program, terminal, argv.slice(2));
    await program.parseAsync([...argv]);
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    if (error instanceof UsageError) {
      err.write(`tradehall: ${error.message}\n`);
      return EXIT_USAGE;
    }
    if (error instanceof OperatingError) {
      err.write(`tradehall: ${error.message}\n`);
      return WRONG_USE.has(error.code) ? EXIT_USAGE : EXIT_NO;
    }
    err.write(
      `tradehall: a bug, please report it: ${error instanceof Error ? error.stack : String(error)}\n`,
    );
    return EXIT_BUG;
  }
}

/** The process's own entry. */
export async function main(argv: readonly string[]): Promise<void> {
  const code = await runProgram(argv, process.stdout, process.stderr);
  process.exitCode = code;
  // A pipe may still hold output; an open handle of a failed start must not keep the process.
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
}
