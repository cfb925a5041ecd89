/**
 * From market events to price batches: for each 20 ms of feed time at most one, holding per changed symbol the last
 * quote and trade, the size traded and the range since the batch before. Pure.
 *
 * Ids follow from the events taken in, so that a sequencer that repeats itself after a crash repeats its ids.
 */
import { fits, type Quantity } from '#domain/data/decimal.ts';
import type { CommandId, Symbol } from '#domain/data/identifiers.ts';
import type { MarketEvent } from '#domain/data/market-event.ts';
import type { BatchPrice, PriceBatch } from '#domain/data/trading-inputs.ts';
import { derivedUuid } from '#infrastructure/common/derived-id.ts';

/** A batch of more symbols is split, since a record has at most a mebibyte. */
const MAX_SYMBOLS_PER_BATCH = 1_000;

/** A price of the batch that is open. */
type OpenPrice = { -readonly [Field in keyof BatchPrice]: BatchPrice[Field] };

/** The batches of `events`, all of them closed: nothing waits for a later call. */
export function batchPrices(
  events: readonly MarketEvent[],
  windowMs: number,
  ingestTimeMs: number,
): readonly PriceBatch[] {
  const batches: PriceBatch[] = [];
  /** Where each symbol's price lies in its batch, this one or one before. A table for each batch would cost more than its prices. */
  const places = new Map<Symbol, number>();
  let open: OpenPrice[] = [];
  let windowEndMs = Number.NEGATIVE_INFINITY;
  let timeMs = Number.NEGATIVE_INFINITY;

  function close(): void {
    if (open.length > 0) batches.push(batchOf(open, timeMs, ingestTimeMs));
    open = [];
    timeMs = Number.NEGATIVE_INFINITY;
  }

  for (const event of events) {
    // A feed whose time goes backwards stays in the window that is open.
    if (event.feedTimestampMs >= windowEndMs || open.length >= MAX_SYMBOLS_PER_BATCH) {
      close();
      windowEndMs = event.feedTimestampMs + windowMs;
    }
    timeMs = Math.max(timeMs, event.feedTimestampMs);
    const price = open[places.get(event.symbol) ?? open.length];
    if (price?.symbol === event.symbol) {
      takeInto(price, event);
    } else {
      places.set(event.symbol, open.length);
      open.push(opened(event));
    }
  }
  close();
  return batches;
}

function opened(event: MarketEvent): OpenPrice {
  return {
    symbol: event.symbol,
    sequence: event.sequence,
    eventId: event.eventId,
    feedTimestampMs: event.feedTimestampMs,
    price: event.price,
    bid: event.bid,
    bidSize: event.bidSize,
    ask: event.ask,
    askSize: event.askSize,
    tradedSize: event.size,
    low: event.price,
    high: event.price,
  };
}

function takeInto(open: OpenPrice, event: MarketEvent): void {
  // A repeat of what is already in: ingestion numbers each symbol's events without gaps.
  if (event.sequence <= open.sequence) return;
  open.sequence = event.sequence;
  open.eventId = event.eventId;
  open.feedTimestampMs = event.feedTimestampMs;
  open.price = event.price;
  open.bid = event.bid;
  open.bidSize = event.bidSize;
  open.ask = event.ask;
  open.askSize = event.askSize;
  open.tradedSize = tradedSize(open.tradedSize, event.size);
  if (event.price < open.low) open.low = event.price;
  if (event.price > open.high) open.high = event.price;
}

/** A sum that no decimal can hold stays where it was: nobody could read the batch. */
function tradedSize(soFar: Quantity | null, size: Quantity | null): Quantity | null {
  if (size === null) return soFar;
  const sum = (soFar ?? 0n) + size;
  return fits(sum) ? (sum as Quantity) : soFar;
}

function batchOf(prices: readonly BatchPrice[], timeMs: number, ingestTimeMs: number): PriceBatch {
  const idParts = prices.map(({ eventId }) => eventId);
  return {
    type: 'PriceBatch',
    commandId: derivedUuid('price-batch', ...idParts) as CommandId,
    timeMs,
    ingestTimeMs,
    prices,
  };
}
