/** How a batch of trades goes to ClickHouse: in inserts that it takes, each of whole rows and few partitions. */
import type { AnalyticsTrade } from '../trade-analytics.ts';

const ROWS_MAX = 20_000;
/** A partition is a day of market time; an insert may touch 100. */
const DAYS_MAX = 90;
const DAY_MS = 86_400_000;

/** In the order of time, so that an insert touches as few days as possible. */
export function writeBatches(trades: readonly AnalyticsTrade[]): readonly (readonly AnalyticsTrade[])[] {
  const batches: AnalyticsTrade[][] = [];
  let days = new Set<number>();
  const inOrder = trades.toSorted((one, other) => one.executionTimestampMs - other.executionTimestampMs);
  for (const trade of inOrder) {
    const day = Math.floor(trade.executionTimestampMs / DAY_MS);
    const current = batches.at(-1);
    if (current === undefined || current.length === ROWS_MAX || (days.size === DAYS_MAX && !days.has(day))) {
      batches.push([trade]);
      days = new Set([day]);
    } else {
      current.push(trade);
      days.add(day);
    }
  }
  return batches;
}
