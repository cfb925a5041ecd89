/** What a bench asks of the trade analytics, whichever adapter: trades stored in batches, then questions one after another. */
import type { Price, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, EventId, Symbol } from '#domain/data/identifiers.ts';
import type { AnalyticsTrade, TradeAnalytics } from './trade-analytics.ts';

const BATCH = 20_000;
const TURNS = 15;
const HOUR_MS = 3_600_000;
const START_MS = 1_549_895_400_000;
const SPACING_MS = 20;
const SYMBOL = 'SYM7' as Symbol;

/** `appended_per_second`, and per question p50 and the longest of 15, ms. `reopen`: so that nothing is warm but what a start warms. */
export async function measureTradeAnalytics(
  opened: TradeAnalytics,
  trades: number,
  reopen: (before: TradeAnalytics) => Promise<TradeAnalytics>,
): Promise<Readonly<Record<string, number>>> {
  const startedAtMs = performance.now();
  for (let first = 0; first < trades; first += BATCH) {
    await opened.append(
      Array.from({ length: Math.min(BATCH, trades - first) }, (_, index) => trade(first + index)),
    );
  }
  const seconds = (performance.now() - startedAtMs) / 1_000;
  const analytics = await reopen(opened);
  const always = { startMs: START_MS, endMs: START_MS + trades * SPACING_MS };
  const lastHour = { startMs: always.endMs - HOUR_MS, endMs: always.endMs };
  const questions: Readonly<Record<string, () => Promise<unknown>>> = {
    volume_of_all: () => analytics.volume(always),
    volume_of_the_last_hour: () => analytics.volume(lastHour),
    vwap_of_all: () => analytics.vwap(always, SYMBOL),
    bars_of_one_minute: () => analytics.bars(always, SYMBOL, 60_000, 1_000),
    repeated_trade: () => analytics.append([trade(trades >> 1)]),
  };
  const figures: Record<string, number> = { trades, appended_per_second: trades / seconds };
  for (const [name, ask] of Object.entries(questions)) {
    const durations: number[] = [];
    for (let turn = 0; turn < TURNS; turn += 1) {
      const askedAtMs = performance.now();
      await ask();
      durations.push(performance.now() - askedAtMs);
    }
    durations.sort((one, other) => one - other);
    figures[`${name}_p50_ms`] = durations[TURNS >> 1] ?? 0;
    figures[`${name}_max_ms`] = durations.at(-1) ?? 0;
  }
  await analytics.close();
  return figures;
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
