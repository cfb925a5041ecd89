/** `tradehall backup` and `tradehall restore`: a consistent copy of a data folder while it runs, and back from it. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { restoreDataFolder } from '#composition/data-folder-copy.ts';
import { createLogger } from '#infrastructure/core/pino-logger.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { addDataFlag, dataFolderOf } from './data-flag.ts';
import { connectOperator } from './operator-client.ts';
import type { Terminal } from './terminal.ts';

type Flags = Readonly<Record<string, unknown>>;

export function register(program: Command, terminal: Terminal): void {
  addDataFlag(
    program
      .command('backup')
      .description('Copy the data folder of the running instance, consistently, into a new folder.')
      .argument('<folder>', 'Where to: a new or an empty folder.')
      .option('--json', 'As JSON: {target, bytes}.'),
  )
    .addHelpText(
      'after',
      `
The copy holds the event log with its seals, the heads kept outside it, and the API keys (their hashes). Portfolios,
history, analytics, orders and statements follow from the log: the first start after a restore rebuilds them.`,
    )
    .action(async (folder: string, flags: Flags) => {
      const answer = (await connectOperator(dataFolderOf(flags)).call('POST', '/operator/backup', {
        target: resolve(folder),
      })) as { readonly target: string; readonly bytes: number };
      terminal.print(
        flags['json'] === true
          ? JSON.stringify(answer)
          : `Backed up into ${answer.target} (${answer.bytes} bytes).`,
      );
    });

  addDataFlag(
    program
      .command('restore')
      .description('Make a data folder from a backup.')
      .argument('<folder>', 'The backup.')
      .option('--json', 'As JSON: {dataFolder, records}.'),
  )
    .addHelpText(
      'after',
      '\nThe data folder must be new or empty. Check it with `tradehall verify`, then start on it.',
    )
    .action(async (folder: string, flags: Flags) => {
      const dataFolder = resolve(dataFolderOf(flags));
      const logger = createLogger({
        level: 'warn',
        format: 'text',
        write: (text) => terminal.tell(text.trimEnd()),
      });
      const { records } = await restoreDataFolder(folder, dataFolder, {
        runtime: createSystemRuntime(),
        logger,
      });
      terminal.print(
        flags['json'] === true
          ? JSON.stringify({ dataFolder, records })
          : `Restored into ${dataFolder}: ${records} records. Its first start rebuilds what follows from the log.`,
      );
    });
}
