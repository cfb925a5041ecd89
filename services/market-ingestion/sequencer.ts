/**
 * Turns a feed's ticks into market events: numbers them per symbol without gaps, carries the last trade's price
 * into quotes, and adds up the session's volume. Its whole state is each symbol's last event. Pure.
 */
import assert from 'node:assert/strict';
import { fits, type Price, type Quantity, roundHalfEven } from '#domain/data/decimal.ts';
import type { EventId, Symbol } from '#domain/data/identifiers.ts';
import type { MarketEvent } from '#domain/data/market-event.ts';
import type { FeedQuote, FeedTick } from './feed.ts';

const DAY_MS = 86_400_000;

export interface Sequencer {
  /** The next event of the tick's symbol. */
  next(tick: FeedTick, idPrefix: string): MarketEvent;
  readonly lastEvents: ReadonlyMap<Symbol, MarketEvent>;
}

export function createSequencer(lastEvents: Iterable<MarketEvent>): Sequencer {
  const last = new Map<Symbol, MarketEvent>();
  for (const event of lastEvents) last.set(event.symbol, event);

  function next(tick: FeedTick, idPrefix: string): MarketEvent {
    const { symbol, quote } = tick;
    const before = last.get(symbol);
    const sequence = (before?.sequence ?? 0) + 1;
    const event: MarketEvent = {
      eventId: `${idPrefix}:${symbol}:${sequence}` as EventId,
      symbol,
      sequence,
      price: tick.price ?? before?.price ?? quotedPrice(quote),
      feedTimestampMs: tick.timeMs,
      bid: quote?.bid ?? null,
      bidSize: quote?.bidSize ?? null,
      ask: quote?.ask ?? null,
      askSize: quote?.askSize ?? null,
      size: tick.size,
      volume: sessionVolume(tick, before),
    };
    last.set(symbol, event);
    return event;
  }

  return { next, lastEvents: last };
}

/** Of a symbol that has not traded yet: the middle of its quote, or its only side. */
function quotedPrice(quote: FeedQuote | null): Price {
  const bid = quote?.bid ?? quote?.ask ?? null;
  const ask = quote?.ask ?? bid;
  assert(bid !== null && ask !== null, 'a tick has a price or a side of a quote');
  return roundHalfEven(bid + ask, 2n) as Price;
}

/** Sessions are days in UTC. A sum that no longer fits stays where it was. */
function sessionVolume(tick: FeedTick, before: MarketEvent | undefined): Quantity | null {
  const sameSession =
    before !== undefined && Math.floor(before.feedTimestampMs / DAY_MS) === Math.floor(tick.timeMs / DAY_MS);
  const soFar = sameSession ? before.volume : null;
  if (tick.size === null) return soFar;
  const sum = (soFar ?? 0n) + tick.size;
  return fits(sum) ? (sum as Quantity) : soFar;
}
