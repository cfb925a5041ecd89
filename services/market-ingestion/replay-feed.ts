/**
 * The feed that replays a file. Its position is the key of the last item given, with the file's digest: from
 * there on a restart reads again whatever can still have trades to come, and skips what it has given.
 */
import { FieldReader, isWireObject } from '#domain/data/field-reader.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Clock } from '#infrastructure/core/runtime.ts';
import type { MarketFile, MarketFileRow, MarketFiles } from '#infrastructure/market-files/market-files.ts';
import { barPath } from './bar-path.ts';
import {
  type AdmitSymbol,
  type BadRow,
  type Feed,
  type FeedBatch,
  type FeedTick,
  MAX_BATCH_ITEMS,
} from './feed.ts';
import { type MarketRow, readMarketRow } from './market-rows.ts';
import type { Pacer } from './pacer.ts';
import {
  compareKeys,
  createReplayMerge,
  type ItemKey,
  type ReplayItem,
  type ReplayTick,
} from './replay-merge.ts';

/** Of a file in which no symbol has two bars. */
const DEFAULT_INTERVAL_MS = 60_000;

interface ReplayPosition {
  readonly digest: string;
  /** `null` before the first item. */
  readonly last: ItemKey | null;
}

/**
 * How far ahead of the clock a row may be: time zones and clocks that differ, no more. Market time only ever grows, so one
 * row with a year too many would make every later price too old to trade on, for ever.
 */
const AHEAD_OF_CLOCK_MS = 86_400_000;

export function createReplayFeed(files: MarketFiles, path: string, clock: Clock, pacer: Pacer): Feed {
  let file: MarketFile | null = null;
  let intervalMs: number | null = null;

  async function opened(): Promise<MarketFile> {
    file ??= await files.open(path);
    return file;
  }

  /** The smallest time between two bars of one symbol; a bar's trades lie within it. */
  async function intervalOf(source: MarketFile): Promise<number> {
    if (source.kind !== 'bars') return 0;
    intervalMs ??= (await source.smallestGapMs()) ?? DEFAULT_INTERVAL_MS;
    return intervalMs;
  }

  async function* batches(
    text: string | null,
    signal: AbortSignal,
    admit: AdmitSymbol,
  ): AsyncGenerator<FeedBatch> {
    const source = await opened();
    const last = text === null ? null : lastKey(text, path, source.digest);
    const barMs = await intervalOf(source);
    const batch = createBatch(source.digest, last);
    const latestMs = clock.nowMs() + AHEAD_OF_CLOCK_MS;
    for await (const items of replayItems(source, last, { intervalMs: barMs, latestMs, admit })) {
      for (const item of items) {
        // What has no time is given at once: only ticks wait for their time.
        const isDue = item.kind === 'bad' || pacer.isDue(item.timeMs);
        if (batch.size() > 0 && (batch.size() >= MAX_BATCH_ITEMS || !isDue)) yield batch.take(false);
        if (item.kind === 'tick' && !pacer.isDue(item.timeMs)) await pacer.until(item.timeMs, signal);
        if (signal.aborted) return;
        batch.add(item);
      }
    }
    yield batch.take(true);
  }

  return {
    source: `replay:${path}`,
    idPrefix: () => `replay-${file?.digest ?? ''}`,
    async open() {
      await opened();
    },
    batches,
    async close() {
      await file?.close();
      file = null;
    },
  };
}

function createBatch(digest: string, last: ItemKey | null) {
  let ticks: FeedTick[] = [];
  let badRows: BadRow[] = [];
  let lastGiven = last;
  return {
    size: () => ticks.length + badRows.length,
    add(item: ReplayItem) {
      if (item.kind === 'tick') ticks.push(item);
      else badRows.push(item.row);
      lastGiven = item;
    },
    take(finished: boolean): FeedBatch {
      const key = lastGiven && { timeMs: lastGiven.timeMs, line: lastGiven.line, step: lastGiven.step };
      const position: ReplayPosition = { digest, last: key };
      const batch = { ticks, badRows, position: JSON.stringify(position), finished };
      ticks = [];
      badRows = [];
      return batch;
    },
  };
}

interface RowRules {
  /** The smallest time between two bars of one symbol. */
  readonly intervalMs: number;
  /** The latest time that a row may have. */
  readonly latestMs: number;
  readonly admit: AdmitSymbol;
}

/** What the file gives after `last`, in the order of keys, as many at a time as there are: a promise for each would cost more than it. */
async function* replayItems(
  file: MarketFile,
  last: ItemKey | null,
  rules: RowRules,
): AsyncGenerator<readonly ReplayItem[]> {
  const merge = createReplayMerge();
  const isNew = (item: ItemKey) => last === null || compareKeys(item, last) > 0;
  const fromMs = last === null || last.timeMs === null ? null : last.timeMs - rules.intervalMs;
  for await (const rows of file.read(fromMs)) {
    const items: ReplayItem[] = [];
    for (const row of rows) {
      for (const item of itemsOf(row, file, rules)) if (isNew(item)) merge.add(item);
      const limit = { timeMs: row.timeMs, line: row.line, step: 0 };
      for (let item = merge.take(limit); item !== undefined; item = merge.take(limit)) items.push(item);
    }
    yield items;
  }
  const rest: ReplayItem[] = [];
  for (let item = merge.take(null); item !== undefined; item = merge.take(null)) rest.push(item);
  yield rest;
}

function itemsOf(
  row: MarketFileRow,
  file: MarketFile,
  { intervalMs, latestMs, admit }: RowRules,
): readonly ReplayItem[] {
  const { line, timeMs } = row;
  const bad = (refusal: Pick<BadRow, 'reason' | 'errors'>): readonly ReplayItem[] => {
    const { reason, errors } = refusal;
    return [{ kind: 'bad', timeMs, line, step: 0, row: { line, reason, errors, original: row.original } }];
  };
  const read = readMarketRow(file.kind, row, latestMs);
  if (read.kind === 'refused') return bad(read);
  const admission = admit(read.row.symbol);
  if (admission.kind === 'too-many') {
    const message = `is one more than the ${admission.maxSymbols} symbols that market_data_max_symbols allows`;
    return bad({
      reason: `line ${line}: symbol ${read.row.symbol} ${message}`,
      errors: [{ field: 'symbol', rule: 'maxItems', message }],
    });
  }
  return ticksOf(read.row, line, intervalMs);
}

function ticksOf(row: MarketRow, line: number, intervalMs: number): readonly ReplayTick[] {
  if (row.kind === 'bars') return barPath(row, line, intervalMs);
  const isTrade = row.kind === 'trades';
  return [
    {
      kind: 'tick',
      symbol: row.symbol,
      timeMs: row.timeMs,
      line,
      step: 0,
      price: isTrade ? row.price : null,
      size: isTrade ? row.size : null,
      quote: isTrade ? null : row.quote,
    },
  ];
}

function lastKey(text: string, path: string, digest: string): ItemKey | null {
  const position = readPosition(text);
  if (position === null) {
    throw new OperatingError(
      'FEED_POSITION_UNREADABLE',
      `The stored position of replay:${path} cannot be read.`,
      {
        retry: 'never',
      },
    );
  }
  if (position.digest === digest) return position.last;
  throw new OperatingError(
    'FEED_FILE_CHANGED',
    `The file ${path} is not the one that was replayed under this name before (it was ${position.digest}, now it is ${digest}). ` +
      'Put the former file back, or give this one another name to replay it from its beginning.',
    { retry: 'never' },
  );
}

function readPosition(text: string): ReplayPosition | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isWireObject(parsed)) return null;
  const reader = new FieldReader();
  const digest = reader.text(parsed['digest'], 'digest', 64);
  const key = parsed['last'];
  if (key === null) return reader.failed ? null : { digest, last: null };
  const fields = reader.object(key, 'last');
  const timeMs = fields['timeMs'];
  const last: ItemKey = {
    timeMs: timeMs === null ? null : reader.integer(timeMs, 'timeMs', Number.MIN_SAFE_INTEGER),
    line: reader.integer(fields['line'], 'line', 1),
    step: reader.integer(fields['step'], 'step', 0),
  };
  return reader.failed ? null : { digest, last };
}
