/** `tradehall start [target…]`: runs the named targets, or all, until told to end. */
import type { Command } from 'commander';
import { runTargets } from '#composition/main.ts';
import { targetNames } from '#composition/targets.ts';
import { addConfigurationFlags, effectiveConfiguration } from './effective-configuration.ts';
import type { Terminal } from './terminal.ts';

export function register(program: Command, terminal: Terminal): void {
  const command = program
    .command('start')
    .description('Run Tradehall: the named targets, or all of them, in this process.')
    .argument('[target...]', `Which: ${targetNames().join(', ')}. All when none is named.`)
    .addHelpText(
      'after',
      `
When every target is ready, one line "ready http://HOST:PORT" appears on standard output; all else goes to standard
error. SIGTERM or SIGINT drains and ends within 10 seconds; a second one ends at once.

Every option that \`tradehall config\` lists is a flag of this command too, and a variable TRADEHALL_<NAME>, and a
member of the file of --config; the flag wins, then the variable, then the file.

Examples:
  npx tradehall start                          all of it, simulated prices, data in ./data
  npx tradehall start --feed replay:bars.csv.gz --replay-speed max
  npx tradehall start --data /srv/hall --port 0 --log-level warn`,
    );
  addConfigurationFlags(command);
  command.action(async (targets: readonly string[], flags: Readonly<Record<string, unknown>>) => {
    const code = await runTargets(effectiveConfiguration(flags), targets, {
      print: (line) => terminal.print(line),
      writeLog: (text) => process.stderr.write(text),
      logToTerminal: process.stderr.isTTY === true,
    });
    terminal.exitWith(code === 0 ? 0 : 1);
  });
}
