/**
 * A bar as the path of trades that it may have come from: open, the extreme nearer to the open, the other extreme,
 * close, a quarter of the interval apart. Deterministic; the trades' sizes add up to the bar's volume exactly.
 */
import { ONE, type Price, type Quantity } from '#domain/data/decimal.ts';
import type { BarRow } from './market-rows.ts';

export const PATH_STEPS = 4;

export interface PathTrade {
  readonly step: number;
  readonly timeMs: number;
  readonly price: Price;
  readonly size: Quantity;
}

export function barPath(bar: BarRow, intervalMs: number): readonly PathTrade[] {
  const { open, high, low, close } = bar;
  const lowFirst = open - low <= high - open;
  const prices: readonly Price[] = [open, lowFirst ? low : high, lowFirst ? high : low, close];
  const sizes = quarters(bar.volume);
  return prices.map((price, step) => ({
    step,
    timeMs: bar.timeMs + Math.floor((step * intervalMs) / PATH_STEPS),
    price,
    size: sizes[step] as Quantity,
  }));
}

/** Whole shares stay whole; what does not divide by four goes to the first parts. */
function quarters(volume: Quantity): readonly Quantity[] {
  const unit = volume % ONE === 0n ? ONE : 1n;
  const units = volume / unit;
  const steps = BigInt(PATH_STEPS);
  return Array.from({ length: PATH_STEPS }, (_, step) => {
    const extra = BigInt(step) < units % steps ? 1n : 0n;
    return ((units / steps + extra) * unit) as Quantity;
  });
}
