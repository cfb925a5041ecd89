/**
 * What a bench asks of a trade history, whichever adapter: trades stored as trade-persistence does, then searches in an
 * account of ordinary size and in one that made half of all trades, one after another.
 */
import type { Price, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, EventId, ExecutionId, OrderId, Symbol } from '#domain/data/identifiers.ts';
import type { TradeDocument, TradeHistory, TradeQuery } from './trade-history.ts';

const BATCH = 1_000;
const TURNS = 50;
const ACCOUNTS = 50_000;
const LARGEST = account(0);
const ORDINARY = account(777);

const SEARCHES: Readonly<Record<string, Omit<TradeQuery, 'limit'>>> = {
  ordinary_account: { userId: ORDINARY },
  ordinary_account_words: { userId: ORDINARY, text: 'insufficient funds' },
  half_of_all_trades: { userId: LARGEST },
  half_of_all_trades_symbol: { userId: LARGEST, symbol: 'SYM7' as Symbol },
  half_of_all_trades_rare_words: { userId: LARGEST, text: 'insufficient sym7' },
  half_of_all_trades_common_word: { userId: LARGEST, text: 'buy' },
};

/** `indexed_per_second`, and per search p50 and the longest of 50, ms, each the first page of 50 trades with the count of all. */
export async function measureTradeHistory(
  history: TradeHistory,
  trades: number,
): Promise<Readonly<Record<string, number>>> {
  const startedAtMs = performance.now();
  for (let first = 0; first < trades; first += BATCH) {
    await history.index(
      Array.from({ length: Math.min(BATCH, trades - first) }, (_, index) => trade(first + index)),
    );
  }
  const seconds = (performance.now() - startedAtMs) / 1_000;
  const figures: Record<string, number> = { trades, indexed_per_second: trades / seconds };
  for (const [name, query] of Object.entries(SEARCHES)) {
    const durations: number[] = [];
    for (let turn = 0; turn < TURNS; turn += 1) {
      const askedAtMs = performance.now();
      await history.search({ ...query, limit: 50 });
      durations.push(performance.now() - askedAtMs);
    }
    durations.sort((one, other) => one - other);
    figures[`${name}_p50_ms`] = durations[TURNS / 2] ?? 0;
    figures[`${name}_max_ms`] = durations.at(-1) ?? 0;
  }
  return figures;
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
