/**
 * What a symbol's last price says to a buyer and to a seller. A crossed quote is no quote: the feed is wrong on one
 * side or both, and trading both sides of it would make money out of nothing. The last trade is used instead.
 */
import type { Price, Quantity } from '#domain/data/decimal.ts';
import type { BatchPrice } from '#domain/data/trading-inputs.ts';

export type Quoted = Pick<BatchPrice, 'price' | 'bid' | 'ask'>;

function isCrossed(quoted: Quoted): boolean {
  return quoted.bid !== null && quoted.ask !== null && quoted.bid > quoted.ask;
}

/** The price a buyer meets: the ask, or without a quote the last trade. */
export function buyersPrice(quoted: Quoted): Price {
  return quoted.ask === null || quoted.ask <= 0n || isCrossed(quoted) ? quoted.price : quoted.ask;
}

/** The price a seller meets: the bid, or without a quote the last trade. */
export function sellersPrice(quoted: Quoted): Price {
  return quoted.bid === null || quoted.bid <= 0n || isCrossed(quoted) ? quoted.price : quoted.bid;
}

/** The size on offer to one account until the next batch; `null` when the feed gives none: no limit. */
export function sizeOnOffer(price: BatchPrice, side: 'BUY' | 'SELL'): Quantity | null {
  return (side === 'BUY' ? price.askSize : price.bidSize) ?? price.tradedSize;
}

/** Market time since the price; below zero when the feed is ahead of the core's clock. */
export function priceAgeMs(price: BatchPrice, clockMs: number): number {
  return clockMs - price.feedTimestampMs;
}
