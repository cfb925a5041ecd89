/**
 * The analytics as plain loops over big integers: what the stores are compared with, in tests and by `verify`.
 */
import type { Money, Price, Quantity } from '#domain/data/decimal.ts';
import { divideHalfEven, SCALE } from './exact.ts';
import type { AccountTotal, AnalyticsTrade, TradeBar } from './trade-analytics.ts';

export function volumeWeightedPrice(trades: readonly AnalyticsTrade[]): Price | null {
  let quantity = 0n;
  let notional = 0n;
  for (const trade of trades) {
    quantity += trade.quantity;
    notional += trade.quantity * trade.executionPrice;
  }
  return quantity === 0n ? null : (divideHalfEven(notional, quantity) as Price);
}

export function tradeBars(trades: readonly AnalyticsTrade[], intervalMs: number): readonly TradeBar[] {
  const bars = new Map<number, TradeBar>();
  for (const { executionTimestampMs, executionPrice: price, quantity } of [...trades].sort(byTime)) {
    const startMs = Math.floor(executionTimestampMs / intervalMs) * intervalMs;
    const bar = bars.get(startMs);
    bars.set(
      startMs,
      bar === undefined
        ? { startMs, open: price, high: price, low: price, close: price, volume: quantity, trades: 1 }
        : {
            ...bar,
            high: larger(price, bar.high),
            low: smaller(price, bar.low),
            close: price,
            volume: (bar.volume + quantity) as Quantity,
            trades: bar.trades + 1,
          },
    );
  }
  return [...bars.values()];
}

export function accountTotals(trades: readonly AnalyticsTrade[]): readonly AccountTotal[] {
  const totals = new Map<string, AccountTotal>();
  for (const { userId, symbol, side, quantity, executionPrice } of trades) {
    const key = `${userId} ${symbol}`;
    const total = totals.get(key) ?? emptyTotal(userId, symbol);
    const notional = divideHalfEven(quantity * executionPrice, SCALE);
    totals.set(
      key,
      side === 'BUY'
        ? {
            ...total,
            bought: (total.bought + quantity) as Quantity,
            notionalBought: (total.notionalBought + notional) as Money,
          }
        : {
            ...total,
            sold: (total.sold + quantity) as Quantity,
            notionalSold: (total.notionalSold + notional) as Money,
          },
    );
  }
  return [...totals].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, total]) => total);
}

function emptyTotal(userId: AnalyticsTrade['userId'], symbol: AnalyticsTrade['symbol']): AccountTotal {
  return {
    userId,
    symbol,
    bought: 0n as Quantity,
    sold: 0n as Quantity,
    notionalBought: 0n as Money,
    notionalSold: 0n as Money,
  };
}

function byTime(one: AnalyticsTrade, other: AnalyticsTrade): number {
  return one.executionTimestampMs - other.executionTimestampMs || (one.eventId < other.eventId ? -1 : 1);
}

/** `Math.max` and `Math.min` take no bigints. */
function larger(one: Price, other: Price): Price {
  if (one > other) return one;
  return other;
}

function smaller(one: Price, other: Price): Price {
  if (one < other) return one;
  return other;
}
