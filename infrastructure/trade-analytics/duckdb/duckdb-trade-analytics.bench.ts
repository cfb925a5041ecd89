/** Analytics of a million trades: how fast they go in, in batches, and how long the queries take. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Price, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, EventId, Symbol } from '#domain/data/identifiers.ts';
import type { AnalyticsTrade } from '../trade-analytics.ts';
import { openDuckDbTradeAnalytics } from './duckdb-trade-analytics.ts';

export interface TradeAnalyticsBenchResult {
  readonly trades: number;
  readonly appendedPerSecond: number;
  /** Longest of nine, ms. */
  readonly queryMsMax: Readonly<Record<string, number>>;
  /** Of the whole process, after a restart of the store and the queries, MB. */
  readonly residentMb: number;
}

const BATCH = 2_000;
const START_MS = 1_549_895_400_000;
const SPACING_MS = 20;
const LIMITS = { memoryLimitMb: 128, threads: 2 };
const SYMBOL = 'SYM7' as Symbol;

export async function run(trades = 1_000_000): Promise<TradeAnalyticsBenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'tradehall-bench-'));
  const path = join(folder, 'analytics.duckdb');
  let analytics = await openDuckDbTradeAnalytics({ path, ...LIMITS });
  try {
    const startedAtMs = performance.now();
    for (let first = 0; first < trades; first += BATCH) {
      await analytics.append(
        Array.from({ length: Math.min(BATCH, trades - first) }, (_, index) => trade(first + index)),
      );
    }
    const seconds = (performance.now() - startedAtMs) / 1_000;
    await analytics.close();
    analytics = await openDuckDbTradeAnalytics({ path, ...LIMITS });
    const always = { startMs: START_MS, endMs: START_MS + trades * SPACING_MS };
    const lastHour = { startMs: always.endMs - 3_600_000, endMs: always.endMs };
    const queryMsMax = {
      'volume of all symbols': await longestMs(() => analytics.volume(always)),
      'volume of the last hour': await longestMs(() => analytics.volume(lastHour)),
      vwap: await longestMs(() => analytics.vwap(always, SYMBOL)),
      'one-minute bars': await longestMs(() => analytics.bars(always, SYMBOL, 60_000, 1_000)),
      'a repeated batch': await longestMs(() => analytics.append([trade(trades >> 1)])),
    };
    const residentMb = Math.round(process.memoryUsage.rss() / 1_000_000);
    return { trades, appendedPerSecond: Math.round(trades / seconds), queryMsMax, residentMb };
  } finally {
    await analytics.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function longestMs(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  for (let turn = 0; turn < 9; turn++) {
    const startedAtMs = performance.now();
    await work();
    longest = Math.max(longest, performance.now() - startedAtMs);
  }
  return Math.round(longest * 10) / 10;
}

function trade(number: number): AnalyticsTrade {
  const spread = ((number * 2_654_435_761) % 4_294_967_296).toString(16).padStart(8, '0');
  return {
    eventId: `${spread}-0000-4000-8000-${String(number).padStart(12, '0')}` as EventId,
    userId: `00000000-0000-4000-8000-${String(number % 50_000).padStart(12, '0')}` as AccountId,
    symbol: `SYM${number % 499}` as Symbol,
    side: number % 3 === 0 ? 'SELL' : 'BUY',
    quantity: 10_000_000_000n as Quantity,
    executionPrice: (187_120_000_001n + BigInt(number % 1_000)) as Price,
    executionTimestampMs: START_MS + number * SPACING_MS,
  };
}
