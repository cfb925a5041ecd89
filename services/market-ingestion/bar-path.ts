/**
 * A bar as the path of trades that it may have come from: open, the extreme nearer to the open, the other extreme,
 * close, a quarter of the interval apart. Deterministic; the trades' sizes add up to the bar's volume exactly.
 */
import { ONE, type Price, type Quantity } from '#domain/data/decimal.ts';
import type { FeedTick } from './feed.ts';
import type { BarRow } from './market-rows.ts';

export const PATH_STEPS = 4;

/** `PATH_STEPS` trades. */
export function barPath(bar: BarRow, intervalMs: number): readonly FeedTick[] {
  const { open, high, low, close } = bar;
  const lowFirst = open - low <= high - open;
  const prices: readonly Price[] = [open, lowFirst ? low : high, lowFirst ? high : low, close];
  const sizes = quarters(bar.volume);
  return prices.map((price, step) => ({
    symbol: bar.symbol,
    timeMs: bar.timeMs + Math.floor((step * intervalMs) / PATH_STEPS),
    price,
    size: sizes[step] as Quantity,
    quote: null,
  }));
}

/** Whole shares stay whole; what does not divide by four goes to the first parts. */
function quarters(volume: Quantity): readonly Quantity[] {
  const unit = volume % ONE === 0n ? ONE : 1n;
  const units = volume / unit;
  const least = units / 4n;
  const extra = Number(units % 4n);
  const size = (least * unit) as Quantity;
  const larger = ((least + 1n) * unit) as Quantity;
  return [extra > 0 ? larger : size, extra > 1 ? larger : size, extra > 2 ? larger : size, size];
}
