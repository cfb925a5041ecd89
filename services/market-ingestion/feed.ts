/**
 * A source of market data, as ingestion sees it: batches in feed time order, each with the position that stands
 * for "everything up to here". Asked again from a position, a feed gives what came after it, once.
 *
 * Sequence numbers, event ids and session volumes are not a feed's: ingestion adds them (sequencer.ts).
 */

import type { Price, Quantity } from '#domain/data/decimal.ts';
import type { FieldIssue } from '#domain/data/decoded.ts';
import type { Symbol } from '#domain/data/identifiers.ts';

export interface FeedQuote {
  readonly bid: Price | null;
  readonly bidSize: Quantity | null;
  readonly ask: Price | null;
  readonly askSize: Quantity | null;
}

/** One change of one symbol: a trade, a quote, or both. At least one of `price` and a side of `quote` is there. */
export interface FeedTick {
  readonly symbol: Symbol;
  /** Market time, ms. */
  readonly timeMs: number;
  /** Of this trade; `null` when nothing was traded. */
  readonly price: Price | null;
  readonly size: Quantity | null;
  /** `null` where the feed has no quotes. */
  readonly quote: FeedQuote | null;
}

/** A row that cannot be read. */
export interface BadRow {
  readonly line: number;
  readonly reason: string;
  readonly errors: readonly FieldIssue[];
  readonly original: Uint8Array;
}

export interface FeedBatch {
  readonly ticks: readonly FeedTick[];
  readonly badRows: readonly BadRow[];
  /** The feed's own text; opaque to everybody else. */
  readonly position: string;
  /** Nothing comes after this batch. */
  readonly finished: boolean;
}

export type AdmitSymbol = (
  symbol: Symbol,
) => { readonly kind: 'admitted' } | { readonly kind: 'too-many'; readonly maxSymbols: number };

export interface Feed {
  /** Under which its position is kept. */
  readonly source: string;
  /** What event ids begin with: tells this feed's data from any other's. Known once `open` has resolved. */
  idPrefix(): string;
  /** Cheap checks, at the start of the service. Throws an `OperatingError` that says what to do. */
  open(): Promise<void>;
  /**
   * Ends after a finished batch, or when `signal` is aborted. `null`: from the beginning. A feed whose symbols are
   * given from outside asks `admit` for each, and gives rows of those that are one too many as bad rows.
   */
  batches(position: string | null, signal: AbortSignal, admit: AdmitSymbol): AsyncIterable<FeedBatch>;
  close(): Promise<void>;
}

/**
 * At most so many ticks and bad rows make a batch, and so one transaction. What follows from a batch costs much the same for
 * few as for many: last prices, commits and syncs of every reader. Of twice as many, the log's memory holds too little.
 */
export const MAX_BATCH_ITEMS = 4_096;
