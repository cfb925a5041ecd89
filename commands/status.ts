/** `tradehall status`: targets here and elsewhere, their health, lag, positions in the log, feed age, disk use. */
import type { Command } from 'commander';
import { addDataFlag, dataFolderOf } from './data-flag.ts';
import { connectOperator } from './operator-client.ts';
import type { Terminal } from './terminal.ts';

interface StatusAnswer {
  readonly version: string;
  readonly dataFolder: string;
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly targets: readonly {
    readonly name: string;
    readonly ready: boolean;
    readonly reasons: readonly string[];
    readonly status: Readonly<Record<string, unknown>>;
  }[];
  /** By the service that runs in other processes. */
  readonly elsewhere: Readonly<
    Record<
      string,
      readonly {
        readonly address: string;
        readonly state: 'unknown' | 'ready' | 'unready' | 'down';
        readonly reason: string;
      }[]
    >
  >;
  readonly log: {
    readonly error?: string;
    readonly partitions?: readonly {
      topic: string;
      partition: number;
      firstOffset: number;
      nextOffset: number;
    }[];
    readonly groups?: readonly {
      readonly group: string;
      readonly positions: readonly {
        readonly topic: string;
        readonly partition: number;
        readonly lag: number;
      }[];
    }[];
  };
  readonly feed: { readonly latestFeedTimestamp: unknown };
  readonly trading: {
    readonly error?: string;
    readonly partitions?: number;
    readonly partitionsUnknown?: number;
    readonly partitionsHalted?: number;
    readonly accountsHalted?: number;
    readonly breakersTripped?: number;
    readonly unlisted?: number;
  };
  readonly disk: { readonly bytes?: number; readonly freeBytes?: number };
}

const MIB = 1_048_576;

function inMebibytes(bytes: number | undefined): string {
  return bytes === undefined ? 'unknown' : `${Math.ceil((bytes / MIB) * 10) / 10} MiB`;
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Longer values, and those with parts, are for programs. */
const MOST_SHOWN = 60;

/** What a target says of itself, on one line: `feed simulated:1, events 3310, bad rows 0`. */
function summaryOf(status: Readonly<Record<string, unknown>>): string {
  return Object.entries(status)
    .filter(([, value]) => value !== null && typeof value !== 'object' && plain(value).length <= MOST_SHOWN)
    .map(([name, value]) => {
      const words = name.replace(/Ms$/, '').replace(/[A-Z]/g, (capital) => ` ${capital.toLowerCase()}`);
      const text =
        name.endsWith('Ms') && typeof value === 'number' ? new Date(value).toISOString() : plain(value);
      return `${words} ${text}`;
    })
    .join(', ');
}

function tradingOf(trading: StatusAnswer['trading']): string {
  const { error, partitions, partitionsUnknown = 0 } = trading;
  if (error !== undefined) return error;
  if (partitionsUnknown === 0) return haltsOf(trading);
  if (partitionsUnknown === partitions) return 'nothing is known of it: does execution run?';
  return `${haltsOf(trading)}; nothing is known of ${partitionsUnknown} of ${partitions} partitions`;
}

/** Of the partitions that are known. */
function haltsOf(trading: StatusAnswer['trading']): string {
  const { partitions, partitionsHalted = 0, accountsHalted = 0, breakersTripped = 0, unlisted = 0 } = trading;
  if (partitionsHalted > 0)
    return partitionsHalted === partitions
      ? 'halted for every account by the kill switch'
      : `halted for the accounts of ${partitionsHalted} of ${partitions} partitions by the kill switch`;
  const accounts = (count: number) => `${count} ${count === 1 ? 'account' : 'accounts'}`;
  const but: string[] = [];
  if (accountsHalted > 0) but.push(`${accounts(accountsHalted)} halted by the kill switch`);
  if (breakersTripped > 0)
    but.push(`${accounts(breakersTripped)} that may only sell since the breaker tripped`);
  if (unlisted > 0) but.push(`${accounts(unlisted)} more`);
  return but.length === 0 ? 'open' : `open, but for ${but.join('; ')}`;
}

const STATES = { unknown: 'not asked', ready: 'ready', unready: 'not ready', down: 'down' } as const;

/** A line for each address; of a service whose names no address is known, one that says so. */
function linesElsewhere(elsewhere: StatusAnswer['elsewhere']): readonly string[] {
  const line = (name: string, state: string, rest: string) =>
    `  ${name.padEnd(20)} ${state.padEnd(10)} ${rest}`;
  const lines = Object.entries(elsewhere).flatMap(([name, instances]) =>
    instances.length === 0
      ? [line(name, STATES.down, 'no address is known')]
      : instances.map(({ address, state, reason }) =>
          line(name, STATES[state], state === 'down' ? `${address}: ${reason}` : address),
        ),
  );
  return lines.length === 0 ? [] : ['', 'Elsewhere', ...lines];
}

/** The answer as lines for a person. */
export function describeStatus(answer: StatusAnswer): readonly string[] {
  const lines = [
    `Tradehall ${answer.version} on ${answer.dataFolder}: ${answer.ready ? 'ready' : `not ready (${answer.reasons.join('; ')})`}`,
    `Feed: ${answer.feed.latestFeedTimestamp === null ? 'no price yet' : `latest price of ${plain(answer.feed.latestFeedTimestamp)}`}`,
    `Trading: ${tradingOf(answer.trading)}`,
    `Disk: ${inMebibytes(answer.disk.bytes)} used, ${inMebibytes(answer.disk.freeBytes)} free`,
    '',
    'Targets',
  ];
  for (const target of answer.targets) {
    lines.push(
      `  ${target.name.padEnd(20)} ${(target.ready ? 'ready' : 'not ready').padEnd(10)} ${summaryOf(target.status)}`.trimEnd(),
    );
    for (const reason of target.reasons) lines.push(`    ${reason}`);
  }
  lines.push(...linesElsewhere(answer.elsewhere));
  lines.push('', 'Log');
  if (answer.log.error !== undefined) lines.push(`  ${answer.log.error}`);
  for (const { topic, partition, firstOffset, nextOffset } of answer.log.partitions ?? []) {
    if (nextOffset > 0)
      lines.push(`  ${`${topic}/${partition}`.padEnd(28)} records ${firstOffset} to ${nextOffset - 1}`);
  }
  lines.push('', 'Consumers');
  for (const { group, positions } of answer.log.groups ?? []) {
    const lag = positions.reduce((sum, position) => sum + position.lag, 0);
    lines.push(`  ${group.padEnd(20)} ${lag === 0 ? 'up to date' : `${lag} records behind`}`);
  }
  return lines;
}

export function register(program: Command, terminal: Terminal): void {
  addDataFlag(
    program
      .command('status')
      .description('Show the running instance of a data folder: health, lags, positions, feed, disk.')
      .option(
        '--json',
        'As JSON: {version, dataFolder, ready, reasons, targets, elsewhere, log, feed, trading, disk}.',
      ),
  )
    .addHelpText(
      'after',
      '\n--json shows all that each target says of itself. The exit code is 0 when it is ready, and 1 when it is not ready, not\nrunning, or a gateway to a service elsewhere of which no instance is ready.',
    )
    .action(async (flags: Readonly<Record<string, unknown>>) => {
      const answer = (await connectOperator(dataFolderOf(flags)).call(
        'GET',
        '/operator/status',
      )) as StatusAnswer;
      if (flags['json'] === true) terminal.print(JSON.stringify(answer, null, 2));
      else for (const line of describeStatus(answer)) terminal.print(line);
      terminal.exitWith(answer.ready ? 0 : 1);
    });
}
