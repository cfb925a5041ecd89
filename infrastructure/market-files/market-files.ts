/**
 * Files of historical market data, read in time order whatever order they are written in.
 *
 * This port knows columns and times; what a row means and whether its prices make sense is ingestion's.
 *
 * Failures are `OperatingError`s, all of them `never`: `MARKET_FILE_MISSING`, `MARKET_FILE_UNRECOGNISED` (its
 * header is none of ours), `MARKET_FILE_UNREADABLE` (damaged, or no room to sort it).
 */
export const MARKET_FILE_COLUMNS = {
  bars: ['symbol', 't', 'open', 'high', 'low', 'close', 'volume'],
  trades: ['symbol', 't', 'price', 'size'],
  quotes: ['symbol', 't', 'bid', 'bid_size', 'ask', 'ask_size'],
} as const;

export type MarketFileKind = keyof typeof MARKET_FILE_COLUMNS;

export interface MarketFileRow {
  /** In the file, from 1; the header is line 1. In Parquet the row's number, from 1. */
  readonly line: number;
  /** UTC; `null` when the row's time cannot be read. */
  readonly timeMs: number | null;
  /** In the order of the kind's columns; empty where the row has none. */
  readonly cells: readonly string[];
  /** Why the row could not be taken apart; its cells are then empty. */
  readonly trouble: string | null;
  /** As in the file, cut at `MAX_ROW_BYTES`. In Parquet its cells with commas. */
  readonly original: Uint8Array;
}

/** A longer row is none. */
export const MAX_ROW_BYTES = 65_536;

export interface MarketFile {
  readonly kind: MarketFileKind;
  /** Of its size, head and tail: tells another file under the same name. Hexadecimal. */
  readonly digest: string;
  /** The smallest time between two rows of one symbol; `null` when there are no two such rows. Reads the whole file once. */
  smallestGapMs(): Promise<number | null>;
  /**
   * Ordered by time, then line; rows without a time first. From `fromTimeMs` on (without those that have no
   * time), or from the beginning. The whole file is read and sorted before the first batch.
   */
  read(fromTimeMs: number | null): AsyncIterable<readonly MarketFileRow[]>;
  close(): Promise<void>;
}

export interface MarketFiles {
  /** Reads the head only. */
  open(path: string): Promise<MarketFile>;
}
