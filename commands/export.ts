/** `tradehall export` and `tradehall import`: the log of a stopped instance to a file, and a log from such a file. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { describeLogOnKafka } from '#composition/kafka-log.ts';
import { exportDataFolder, importDataFolder } from '#composition/log-transfer.ts';
import { addLogFlags, dataFolderOf, logServerOf } from './data-flag.ts';
import type { Terminal } from './terminal.ts';

type Flags = Readonly<Record<string, unknown>>;

const TELL_EVERY = 100_000;

function progressTo(terminal: Terminal, verb: string): (records: number) => void {
  let told = 0;
  return (records) => {
    if (records - told < TELL_EVERY) return;
    told = records;
    terminal.tell(`${verb} ${records} records`);
  };
}

export function register(program: Command, terminal: Terminal): void {
  addLogFlags(
    program
      .command('export')
      .description('Write the event log of a stopped instance to a file.')
      .argument('<file>', 'The file; gzipped when its name ends in .gz. It appears only when it is whole.')
      .option('--json', 'As JSON: {file, records}.'),
  )
    .addHelpText(
      'after',
      `
One JSON object a line: topics, partitions, heads, positions, then every record with its offset, time, key and value
(base64), and at the end how many there were and their SHA-256. \`tradehall verify <file>\` checks it like a data folder.`,
    )
    .action(async (file: string, flags: Flags) => {
      const target = resolve(file);
      const { records } = await exportDataFolder(
        dataFolderOf(flags),
        logServerOf(flags),
        target,
        progressTo(terminal, 'exported'),
      );
      terminal.print(
        flags['json'] === true
          ? JSON.stringify({ file: target, records })
          : `Exported ${records} records to ${target}.`,
      );
    });

  addLogFlags(
    program
      .command('import')
      .description('Make a data folder, or a log on Kafka, from an exported log.')
      .argument('<file>', 'As `tradehall export` wrote it.')
      .option('--json', 'As JSON: {dataFolder, records, problems}.'),
  )
    .addHelpText(
      'after',
      `
The data folder must be new or empty. The log is the same to the byte, seals and positions included, and is refused when
its seals do not hold. API keys are not in a log: make new ones with \`tradehall account key add\`. The first start
rebuilds portfolios, orders, statements, history and analytics.

With --event-log kafka://… the log goes to Kafka, where Tradehall may have none yet: every record to its partition with its
offset and time, the seals, and how far execution and the prices are. The data folder then gets only the heads. It is new
or empty, or the one that was exported, unchanged: then it keeps its API keys. Stop every instance first, and see docs/moving.md.`,
    )
    .action(async (file: string, flags: Flags) => {
      const dataFolder = resolve(dataFolderOf(flags));
      const server = logServerOf(flags);
      const verdict = await importDataFolder(
        resolve(file),
        dataFolder,
        server,
        progressTo(terminal, 'imported'),
      );
      if (flags['json'] === true) {
        terminal.print(JSON.stringify({ dataFolder, records: verdict.records, problems: verdict.problems }));
      } else if (verdict.sound) {
        const target =
          server === null ? dataFolder : `${describeLogOnKafka(server)}, the heads into ${dataFolder}`;
        terminal.print(`Imported ${verdict.records} records into ${target}.`);
      } else {
        terminal.print('Nothing was imported: the seals of the file do not hold.');
        for (const problem of verdict.problems) terminal.print(`  ${problem.message}`);
      }
      terminal.exitWith(verdict.sound ? 0 : 1);
    });
}
