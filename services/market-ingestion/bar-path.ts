/**
 * A bar as the path of trades that it may have come from: open, the extreme nearer to the open, the other extreme,
 * close, a quarter of the interval apart. Deterministic; the trades' sizes add up to the bar's volume exactly.
 */
import { ONE, type Price, type Quantity } from '#domain/data/decimal.ts';
import type { BarRow } from './market-rows.ts';
import { PATH_STEPS, type ReplayTick } from './replay-merge.ts';

/** `PATH_STEPS` trades of a bar that stands in this line of its file. */
export function barPath(bar: BarRow, line: number, intervalMs: number): readonly ReplayTick[] {
  const { symbol, timeMs, open, high, low, close } = bar;
  const lowFirst = open - low <= high - open;
  const size = quarters(bar.volume);
  const trade = (step: number, price: Price): ReplayTick => ({
    kind: 'tick',
    symbol,
    timeMs: timeMs + Math.floor((step * intervalMs) / PATH_STEPS),
    line,
    step,
    price,
    size: step < size.larger ? size.large : size.small,
    quote: null,
  });
  return [trade(0, open), trade(1, lowFirst ? low : high), trade(2, lowFirst ? high : low), trade(3, close)];
}

/** Whole shares stay whole; what does not divide by four goes to the first parts, so many of which are larger. */
function quarters(volume: Quantity): {
  readonly larger: number;
  readonly large: Quantity;
  readonly small: Quantity;
} {
  const unit = volume % ONE === 0n ? ONE : 1n;
  const units = volume / unit;
  const least = units / 4n;
  return {
    larger: Number(units % 4n),
    large: ((least + 1n) * unit) as Quantity,
    small: (least * unit) as Quantity,
  };
}
