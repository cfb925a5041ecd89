/** `tradehall bench`: the benchmarks, with the machine, percentiles and memory. */
import type { Command } from 'commander';
import { asLines, type Bench, type BenchReport, type Figures, reportOf } from './bench/bench-result.ts';
import { FEED_BENCHES } from './bench/feed-benches.ts';
import { machineLines } from './bench/machine.ts';
import { MEMORY_BENCHES } from './bench/memory-bench.ts';
import { ORDER_BENCHES } from './bench/order-benches.ts';
import { PART_BENCHES } from './bench/part-benches.ts';
import { SOCKET_BENCHES } from './bench/socket-bench.ts';
import { type Terminal, UsageError } from './terminal.ts';

type Flags = Readonly<Record<string, unknown>>;

const BENCHES: readonly Bench[] = [
  ...ORDER_BENCHES,
  ...FEED_BENCHES,
  ...SOCKET_BENCHES,
  ...MEMORY_BENCHES,
  ...PART_BENCHES,
];

function chosenBenches(names: readonly string[]): readonly Bench[] {
  const unknown = names.find((name) => !BENCHES.some((bench) => bench.name === name));
  if (unknown !== undefined) {
    throw new UsageError(
      `There is no benchmark "${unknown}"; there are ${BENCHES.map(({ name }) => name).join(', ')}.`,
    );
  }
  return names.length === 0 ? BENCHES : BENCHES.filter(({ name }) => names.includes(name));
}

function runsOf(flags: Flags): number | null {
  const text = flags['runs'];
  if (text === undefined) return null;
  const runs = typeof text === 'string' && /^[1-9][0-9]?$/.test(text) ? Number(text) : 0;
  if (runs === 0) throw new UsageError('--runs must be a whole number from 1 to 99.');
  return runs;
}

export function register(program: Command, terminal: Terminal): void {
  program
    .command('bench')
    .description('Run the benchmarks, or those named, on folders of their own.')
    .argument('[name...]', `Which: ${BENCHES.map(({ name }) => name).join(', ')}. All when none is named.`)
    .option('--runs <count>', 'How often each; the median and the spread are told.')
    .option('--json', 'As JSON: {machine, reports: [{name, sentence, runs, median, lowest, highest}]}.')
    .addHelpText(
      'after',
      `
Load comes from this process, the program runs as another. Orders arrive on a fixed schedule (open loop), and a latency
counts from when its order was due, so that stalls count. All of them together take some 20 minutes.`,
    )
    .action(async (names: readonly string[], flags: Flags) => {
      const runs = runsOf(flags);
      const reports: BenchReport[] = [];
      const machine = machineLines(Date.now());
      if (flags['json'] !== true) for (const line of machine) terminal.print(line);
      for (const bench of chosenBenches(names)) {
        const figures: Figures[] = [];
        for (let run = 1; run <= (runs ?? bench.runs); run += 1) {
          terminal.tell(`${bench.name}, run ${run}`);
          figures.push(await bench.run((line) => terminal.tell(`  ${line}`)));
        }
        const report = reportOf(bench, figures);
        reports.push(report);
        if (flags['json'] !== true) for (const line of ['', ...asLines(report)]) terminal.print(line);
      }
      if (flags['json'] === true) terminal.print(JSON.stringify({ machine, reports }, null, 2));
    });
}
