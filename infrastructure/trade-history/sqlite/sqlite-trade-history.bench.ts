/**
 * History of a million trades: how fast it is indexed, and how long searches take, in an account of ordinary size
 * and in one that made half of all trades.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Price, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, EventId, ExecutionId, OrderId, Symbol } from '#domain/data/identifiers.ts';
import type { TradeDocument, TradeHistory, TradeQuery } from '../trade-history.ts';
import { openSqliteTradeHistory } from './sqlite-trade-history.ts';

export interface TradeHistoryBenchResult {
  readonly trades: number;
  readonly indexedPerSecond: number;
  /** First page of 50, longest of nine, ms. */
  readonly searchMsMax: Readonly<Record<string, number>>;
}

const BATCH = 2_000;
const ACCOUNTS = 50_000;
const LARGEST = account(0);
const ORDINARY = account(777);

const SEARCHES: Readonly<Record<string, Omit<TradeQuery, 'limit'>>> = {
  'ordinary account': { userId: ORDINARY },
  'ordinary account, words': { userId: ORDINARY, text: 'insufficient funds' },
  'half of all trades': { userId: LARGEST },
  'half of all trades, symbol': { userId: LARGEST, symbol: 'SYM7' as Symbol },
  'half of all trades, rare words': { userId: LARGEST, text: 'insufficient sym7' },
  'half of all trades, commonest word': { userId: LARGEST, text: 'buy' },
};

export async function run(trades = 1_000_000): Promise<TradeHistoryBenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'tradehall-bench-'));
  const history = await openSqliteTradeHistory({ path: join(folder, 'history.sqlite') });
  try {
    const startedAtMs = performance.now();
    for (let first = 0; first < trades; first += BATCH) {
      await history.index(
        Array.from({ length: Math.min(BATCH, trades - first) }, (_, index) => trade(first + index)),
      );
    }
    const seconds = (performance.now() - startedAtMs) / 1_000;
    const searchMsMax: Record<string, number> = {};
    for (const [name, query] of Object.entries(SEARCHES)) searchMsMax[name] = await longestMs(history, query);
    return { trades, indexedPerSecond: Math.round(trades / seconds), searchMsMax };
  } finally {
    await history.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function longestMs(history: TradeHistory, query: Omit<TradeQuery, 'limit'>): Promise<number> {
  let longest = 0;
  for (let turn = 0; turn < 9; turn++) {
    const startedAtMs = performance.now();
    await history.search({ ...query, limit: 50 });
    longest = Math.max(longest, performance.now() - startedAtMs);
  }
  return Math.round(longest * 10) / 10;
}

function account(number: number): AccountId {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}` as AccountId;
}

/** Ids are spread as hashes are: neighbours in time are far apart in the index. */
function trade(number: number): TradeDocument {
  const spread = ((number * 2_654_435_761) % 4_294_967_296).toString(16).padStart(8, '0');
  const executed = number % 19 !== 0;
  return {
    eventId: `${spread}-0000-4000-8000-${String(number).padStart(12, '0')}` as EventId,
    orderId: `${spread}-0000-4000-9000-${String(number).padStart(12, '0')}` as OrderId,
    userId: number % 2 === 0 ? LARGEST : account(number % ACCOUNTS),
    symbol: `SYM${number % 499}` as Symbol,
    quantity: 10_000_000_000n as Quantity,
    side: number % 3 === 0 ? 'SELL' : 'BUY',
    status: executed ? 'EXECUTED' : 'FAILED_INSUFFICIENT_FUNDS',
    executionPrice: executed ? (187_120_000_001n as Price) : null,
    executionId: executed
      ? (`${spread}-0000-4000-a000-${String(number).padStart(12, '0')}` as ExecutionId)
      : null,
    executionTimestampMs: 1_549_895_400_000 + number * 20,
    failureReason: executed ? null : `the order needs ${number}.25, and 17.5 is free`,
  };
}
