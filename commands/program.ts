/** The command line: every command registered, errors turned into sentences and exit codes. */

import { Command, CommanderError } from 'commander';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import packageJson from '#package.json' with { type: 'json' };
import { register as registerAccount } from './account.ts';
import { register as registerBackup } from './backup.ts';
import { register as registerConfig } from './config.ts';
import { register as registerDeadLetters } from './dead-letters.ts';
import { register as registerExport } from './export.ts';
import { register as registerStart } from './start.ts';
import { register as registerStatus } from './status.ts';
import { type Terminal, UsageError } from './terminal.ts';
import { register as registerVerify } from './verify.ts';

const registrations: readonly ((program: Command, terminal: Terminal) => void)[] = [
  registerStart,
  registerAccount,
  registerStatus,
  registerVerify,
  registerDeadLetters,
  registerConfig,
  registerBackup,
  registerExport,
];

const EXIT_NO = 1;
const EXIT_USAGE = 2;
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
  for (const register of registrations) register(program, terminal);
  // Commands made by \`command()\` copy these settings when they are made, so nothing more is needed here.
  try {
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
      return error.code === 'UNKNOWN_TARGET' || error.code === 'PART_NOT_SHARED' ? EXIT_USAGE : EXIT_NO;
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
