/**
 * The feed of the simulated market. Feed time begins at the wall clock and goes on from the stored position, or
 * from the clock where that is ahead; the prices go on exactly where they were.
 */
import { FieldReader, isWireObject } from '#domain/data/field-reader.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Clock } from '#infrastructure/core/runtime.ts';
import { type Feed, type FeedBatch, type FeedTick, MAX_BATCH_ITEMS } from './feed.ts';
import type { Pacer } from './pacer.ts';
import { createSimulatedMarket, type SimulatedMarketState } from './simulated-market.ts';
import { SIMULATED_SYMBOLS } from './simulated-symbols.ts';

/**
 * Of feed time, given as one batch with one time. Every batch goes to every partition of execution and is kept, so a
 * finer one fills the disk of somebody who only left it running.
 */
const SLICE_MS = 100;

interface SimulatedPosition {
  /** Market time up to which ticks have been given, ms. */
  readonly timeMs: number;
  /** Ticks owed to the rate and not given yet, in thousandths. */
  readonly owedMilliTicks: number;
  readonly market: SimulatedMarketState;
}

export interface SimulatedFeedOptions {
  readonly seed: number;
  /** Ticks per second of feed time, over all symbols. */
  readonly feedRate: number;
}

export function createSimulatedFeed(options: SimulatedFeedOptions, clock: Clock, pacer: Pacer): Feed {
  const source = `simulated:${options.seed}`;

  async function* batches(text: string | null, signal: AbortSignal): AsyncGenerator<FeedBatch> {
    const stored = text === null ? null : readPosition(text, source);
    const market = createSimulatedMarket(stored?.market ?? options);
    let timeMs = Math.max(stored?.timeMs ?? 0, Math.floor(clock.nowMs()));
    let owedMilliTicks = stored?.owedMilliTicks ?? 0;

    function batch(ticks: readonly FeedTick[]): FeedBatch {
      const position: SimulatedPosition = { timeMs, owedMilliTicks, market: market.state() };
      return { ticks, badRows: [], position: JSON.stringify(position), finished: false };
    }

    if (stored === null) yield batch(market.opening(timeMs));
    while (!signal.aborted) {
      timeMs += SLICE_MS;
      await pacer.until(timeMs, signal);
      if (signal.aborted) return;
      owedMilliTicks += options.feedRate * SLICE_MS;
      const count = Math.min(Math.floor(owedMilliTicks / 1_000), MAX_BATCH_ITEMS);
      owedMilliTicks -= count * 1_000;
      if (count === 0) continue;
      const ticks = Array.from({ length: count }, () => market.tick(timeMs));
      yield batch(ticks);
    }
  }

  return {
    source,
    idPrefix: () => `simulated-${options.seed}`,
    async open() {},
    batches,
    async close() {},
  };
}

function readPosition(text: string, source: string): SimulatedPosition {
  const position = parsePosition(text);
  if (position !== null) return position;
  throw new OperatingError('FEED_POSITION_UNREADABLE', `The stored position of ${source} cannot be read.`, {
    retry: 'never',
  });
}

function parsePosition(text: string): SimulatedPosition | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isWireObject(parsed)) return null;
  const reader = new FieldReader();
  const timeMs = reader.integer(parsed['timeMs'], 'timeMs', 0);
  const owedMilliTicks = reader.integer(parsed['owedMilliTicks'], 'owedMilliTicks', 0);
  const market = reader.object(parsed['market'], 'market');
  const words = reader
    .list(market['random'], 'random', 4)
    .map((word) => reader.integer(word, 'random', -2_147_483_648));
  const fairCents = reader
    .list(market['fairCents'], 'fairCents', SIMULATED_SYMBOLS.length)
    .map((cents) => reader.integer(cents, 'fairCents', 1));
  const [a, b, c, counter] = words;
  if (reader.failed || a === undefined || b === undefined || c === undefined || counter === undefined)
    return null;
  return { timeMs, owedMilliTicks, market: { random: [a, b, c, counter], fairCents } };
}
