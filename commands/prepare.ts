/** `tradehall prepare`: makes on the configured servers what a start does not make itself. */
import type { Command } from 'commander';
import { processOptions } from '#composition/options.ts';
import { prepareServers } from '#composition/prepare-servers.ts';
import { createLogger } from '#infrastructure/core/pino-logger.ts';
import { addConfigurationFlags, effectiveConfiguration } from './effective-configuration.ts';
import type { Terminal } from './terminal.ts';

export function register(program: Command, terminal: Terminal): void {
  const command = program
    .command('prepare')
    .description('Make what the configured servers need before a first start: the table on DynamoDB.')
    .addHelpText(
      'after',
      `
It takes the options of \`start\`, and may be run again. Only what a start does not make itself is made here: tables,
indices and topics on the other servers need no preparation. The right to make tables is needed here, and not later.

Example:
  npx tradehall prepare --portfolios dynamodb://eu-central-1`,
    );
  addConfigurationFlags(command);
  command.action(async (flags: Readonly<Record<string, unknown>>) => {
    const config = effectiveConfiguration(flags).of(processOptions);
    const logger = createLogger({
      level: 'warn',
      format: 'text',
      write: (text) => terminal.tell(text.trimEnd()),
    });
    const done = await prepareServers(config, logger);
    if (done.length === 0) terminal.print('Nothing to prepare: no option names a server that needs it.');
    for (const sentence of done) terminal.print(sentence);
  });
}
