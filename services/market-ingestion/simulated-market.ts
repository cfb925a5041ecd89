/**
 * The simulated market: per symbol a fair price in cents that wanders and is drawn back to where it began, quoted
 * with a spread and traded at the quote. Integers only, so that a seed gives the same market on every machine.
 */
import type { Price, Quantity } from '#domain/data/decimal.ts';
import { ONE } from '#domain/data/decimal.ts';
import type { Symbol } from '#domain/data/identifiers.ts';
import type { FeedTick } from './feed.ts';
import { type RandomState, randomStreamFrom, seededRandomStream } from './random-stream.ts';
import { SIMULATED_SYMBOLS } from './simulated-symbols.ts';

const CENT = ONE / 100n;
const MIN_CENTS = 100;
/** One tick in so many is a trade; the others move the quote. */
const TICKS_PER_TRADE = 3;
/** A step is at most the price over this, and at least a cent: a basis point and a half. */
const STEP_DIVISOR = 6_000;
const SPREAD_DIVISOR = 10_000;
/** How strongly the price is drawn back: steps away from the start that bias one step in as many thousand. */
const PULL_PER_MILLE_STEPS = 2;

export interface SimulatedMarketState {
  readonly random: RandomState;
  /** In the order of `SIMULATED_SYMBOLS`. */
  readonly fairCents: readonly number[];
}

export interface SimulatedMarket {
  /** A quote and a trade of every symbol, so that each has a price from the first moment. */
  opening(timeMs: number): readonly FeedTick[];
  tick(timeMs: number): FeedTick;
  state(): SimulatedMarketState;
}

export function createSimulatedMarket(
  from: { readonly seed: number } | SimulatedMarketState,
): SimulatedMarket {
  const random = 'seed' in from ? seededRandomStream(from.seed) : randomStreamFrom(from.random);
  const stored = 'seed' in from ? [] : from.fairCents;
  // Symbols that a newer release added begin at their start.
  const fair = SIMULATED_SYMBOLS.map(([, startCents], index) => stored[index] ?? startCents);

  function step(index: number, startCents: number): number {
    const now = fair[index] ?? startCents;
    const stepMax = Math.max(1, Math.floor(startCents / STEP_DIVISOR));
    const away = Math.trunc((now - startCents) / stepMax);
    const bias = Math.max(-400, Math.min(400, away * PULL_PER_MILLE_STEPS));
    const size = 1 + random.below(stepMax);
    const next = Math.max(MIN_CENTS, random.below(1_000) < 500 - bias ? now + size : now - size);
    fair[index] = next;
    return next;
  }

  function tickOf(index: number, timeMs: number, traded: boolean): FeedTick {
    const [symbol, startCents] = SIMULATED_SYMBOLS[index] as (typeof SIMULATED_SYMBOLS)[number];
    const cents = step(index, startCents);
    const spread = 1 + random.below(2 + Math.floor(cents / SPREAD_DIVISOR));
    const bid = cents - Math.floor(spread / 2);
    const ask = bid + spread;
    const quote = {
      bid: price(bid),
      bidSize: roundLot(random.below(20)),
      ask: price(ask),
      askSize: roundLot(random.below(20)),
    };
    const base = { symbol: symbol as Symbol, timeMs, quote };
    if (!traded) return { ...base, price: null, size: null };
    return { ...base, price: price(random.below(2) === 0 ? bid : ask), size: shares(1 + random.below(400)) };
  }

  return {
    opening: (timeMs) => SIMULATED_SYMBOLS.map((_, index) => tickOf(index, timeMs, true)),
    tick: (timeMs) =>
      tickOf(random.below(SIMULATED_SYMBOLS.length), timeMs, random.below(TICKS_PER_TRADE) === 0),
    state: () => ({ random: random.state(), fairCents: [...fair] }),
  };
}

function price(cents: number): Price {
  return (BigInt(cents) * CENT) as Price;
}

function shares(count: number): Quantity {
  return (BigInt(count) * ONE) as Quantity;
}

function roundLot(lots: number): Quantity {
  return shares((lots + 1) * 100);
}
