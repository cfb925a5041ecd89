/** One market data event, as ingestion writes it to `market_data` (key: symbol). */
import type { Price, Quantity } from './decimal.ts';
import type { EventId, Symbol } from './identifiers.ts';

export interface MarketEvent {
  /** Deterministic: source, symbol and sequence. */
  readonly eventId: EventId;
  readonly symbol: Symbol;
  /** The symbol's own, from 1, without gaps. */
  readonly sequence: number;
  /** Of the last trade. */
  readonly price: Price;
  /** Market time, ms. */
  readonly feedTimestampMs: number;
  readonly bid: Price | null;
  readonly bidSize: Quantity | null;
  readonly ask: Price | null;
  readonly askSize: Quantity | null;
  /** Of this trade. */
  readonly size: Quantity | null;
  /** Of the session so far. */
  readonly volume: Quantity | null;
}
