/**
 * From market events to price batches: for each 20 ms of feed time at most one, holding per changed symbol the last
 * quote and trade, the size traded and the range since the batch before. Pure.
 *
 * Ids follow from the events taken in, so that a sequencer that repeats itself after a crash repeats its ids.
 */
import { fits, type Price, type Quantity } from '#domain/data/decimal.ts';
import type { CommandId, Symbol } from '#domain/data/identifiers.ts';
import type { MarketEvent } from '#domain/data/market-event.ts';
import type { BatchPrice, PriceBatch } from '#domain/data/trading-inputs.ts';
import { derivedUuid } from '#infrastructure/common/derived-id.ts';

/** A batch of more symbols is split, since a record has at most a mebibyte. */
export const MAX_SYMBOLS_PER_BATCH = 2_000;

interface OpenPrice {
  /** The number of the batch that it goes into. */
  batch: number;
  last: MarketEvent;
  tradedSize: bigint | null;
  low: Price;
  high: Price;
}

/** The batches of `events`, all of them closed: nothing waits for a later call. */
export function batchPrices(
  events: readonly MarketEvent[],
  windowMs: number,
  ingestTimeMs: number,
): readonly PriceBatch[] {
  const batches: PriceBatch[] = [];
  /** As each symbol was last: of this batch, or of one before. A table for each batch would cost more than its prices. */
  const known = new Map<Symbol, OpenPrice>();
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
    const price = known.get(event.symbol);
    if (price?.batch === batches.length) {
      takeInto(price, event);
    } else {
      const { price: first, size } = event;
      const opened = { batch: batches.length, last: event, tradedSize: size, low: first, high: first };
      known.set(event.symbol, opened);
      open.push(opened);
    }
  }
  close();
  return batches;
}

function takeInto(price: OpenPrice, event: MarketEvent): void {
  // A repeat of what is already in: ingestion numbers each symbol's events without gaps.
  if (event.sequence <= price.last.sequence) return;
  price.last = event;
  price.tradedSize = tradedSize(price.tradedSize, event.size);
  if (event.price < price.low) price.low = event.price;
  if (event.price > price.high) price.high = event.price;
}

/** A sum that no decimal can hold stays where it was: nobody could read the batch. */
function tradedSize(soFar: bigint | null, size: bigint | null): bigint | null {
  if (size === null) return soFar;
  const sum = (soFar ?? 0n) + size;
  return fits(sum) ? sum : soFar;
}

function batchOf(open: readonly OpenPrice[], timeMs: number, ingestTimeMs: number): PriceBatch {
  const prices: BatchPrice[] = [];
  const idParts: string[] = ['price-batch'];
  for (const { last, tradedSize, low, high } of open) {
    idParts.push(last.eventId);
    prices.push({
      symbol: last.symbol,
      sequence: last.sequence,
      eventId: last.eventId,
      feedTimestampMs: last.feedTimestampMs,
      price: last.price,
      bid: last.bid,
      bidSize: last.bidSize,
      ask: last.ask,
      askSize: last.askSize,
      tradedSize: tradedSize === null ? null : (tradedSize as Quantity),
      low,
      high,
    });
  }
  return {
    type: 'PriceBatch',
    commandId: derivedUuid(...idParts) as CommandId,
    timeMs,
    ingestTimeMs,
    prices,
  };
}
