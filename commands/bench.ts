/** `tradehall bench`: the benchmarks, with the machine, percentiles and memory; embedded, and beside it on servers. */
import type { Command } from 'commander';
import { prepareServers } from '#composition/prepare-servers.ts';
import { readEnvironment } from '#infrastructure/core/config.ts';
import { environmentNameOf } from '#infrastructure/core/configuration.ts';
import { createLogger } from '#infrastructure/core/pino-logger.ts';
import { type BenchPlace, embeddedPlace, serversPlace, withLogOfItsOwn } from './bench/bench-place.ts';
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

interface Places {
  readonly embedded: BenchPlace;
  readonly servers: BenchPlace | null;
}

/** Why the bench has no second column; `null` when it has one. */
function notOnServers(bench: Bench, servers: BenchPlace): string | null {
  if ('none' in bench.onServers) return bench.onServers.none;
  const missing = bench.onServers.needs.filter((option) => !servers.options.includes(option));
  if (missing.length === 0) return null;
  return `it needs ${missing.map(environmentNameOf).join(', ')} to name a server.`;
}

/** The two in turns, so that what the machine does besides falls on both. */
async function measure(
  bench: Bench,
  runs: number,
  { embedded, servers }: Places,
  terminal: Terminal,
): Promise<BenchReport> {
  const none = servers === null ? null : notOnServers(bench, servers);
  const figures: Figures[] = [];
  const onServers: Figures[] = [];
  const tell = (line: string): void => terminal.tell(`  ${line}`);
  for (let run = 1; run <= runs; run += 1) {
    terminal.tell(`${bench.name}, run ${run}`);
    figures.push(await bench.run(embedded, tell));
    if (servers === null || none !== null) continue;
    terminal.tell(`${bench.name}, run ${run} on servers`);
    onServers.push(await bench.run(withLogOfItsOwn(servers), tell));
  }
  return reportOf(bench, figures, servers === null ? null : none === null ? onServers : { none });
}

export function register(program: Command, terminal: Terminal): void {
  program
    .command('bench')
    .description('Run the benchmarks, or those named, on folders of their own.')
    .argument('[name...]', `Which: ${BENCHES.map(({ name }) => name).join(', ')}. All when none is named.`)
    .option('--runs <count>', 'How often each; the median and the spread are told.')
    .option('--servers', 'Each a second time on the servers that the environment names, side by side.')
    .option(
      '--json',
      'As JSON: {machine, reports: [{name, sentence, runs, median, lowest, highest, servers}]}; servers is the same of the second column, {none: why not}, or null.',
    )
    .addHelpText(
      'after',
      `
Load comes from this process, the program runs as another. Orders arrive on a fixed schedule (open loop), and a latency
counts from when its order was due, so that stalls count. All of them together take some 40 minutes.

Without --servers everything runs embedded on the defaults, whatever the environment says: TRADEHALL_… variables are not
passed on. With it, those that name servers are, and accounts, orders and trades are WRITTEN TO THESE SERVERS and left
there: use servers for trying out. Each run makes a log of its own on Kafka (kafka://…/bench-<id>); the table on DynamoDB
is made when it is missing, as by \`tradehall prepare\`.

  scripts/servers up && eval "$(scripts/servers env)"
  npx tradehall bench --servers execution sockets`,
    )
    .action(async (names: readonly string[], flags: Flags) => {
      const runs = runsOf(flags);
      const benches = chosenBenches(names);
      const environment = readEnvironment();
      const servers = flags['servers'] === true ? serversPlace(environment) : null;
      if (servers !== null) await prepare(servers, terminal);
      const places = { embedded: embeddedPlace(environment), servers };
      const reports: BenchReport[] = [];
      const machine = [
        ...machineLines(Date.now()),
        ...(servers === null ? [] : [`servers: ${servers.options.join(', ')}`]),
      ];
      if (flags['json'] !== true) for (const line of machine) terminal.print(line);
      for (const bench of benches) {
        const report = await measure(bench, runs ?? bench.runs, places, terminal);
        reports.push(report);
        if (flags['json'] !== true) for (const line of ['', ...asLines(report)]) terminal.print(line);
      }
      if (flags['json'] === true) terminal.print(JSON.stringify({ machine, reports }, null, 2));
    });
}

async function prepare({ config }: BenchPlace, terminal: Terminal): Promise<void> {
  const write = (text: string): void => terminal.tell(text.trimEnd());
  const logger = createLogger({ level: 'warn', format: 'text', write });
  for (const sentence of await prepareServers(config, logger)) terminal.tell(sentence);
}
