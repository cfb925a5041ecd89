/** Trade analytics: executed trades in columns; volume, VWAP and bars, exact to the last digit. */
import type { Money, Price, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, EventId, Symbol } from '#domain/data/identifiers.ts';
import type { StoreLosses } from '#infrastructure/common/store-losses.ts';

export interface AnalyticsTrade {
  readonly eventId: EventId;
  readonly userId: AccountId;
  readonly symbol: Symbol;
  readonly side: 'BUY' | 'SELL';
  readonly quantity: Quantity;
  readonly executionPrice: Price;
  /** Market time, ms. */
  readonly executionTimestampMs: number;
}

export interface TimeRange {
  /** Inclusive, ms. */
  readonly startMs: number;
  /** Exclusive, ms. */
  readonly endMs: number;
}

export interface SymbolVolume {
  readonly symbol: Symbol;
  readonly volume: Quantity;
  readonly trades: number;
}

/** Callers refuse more; the store asserts. */
export const BARS_LIMIT_MAX = 50_000;

export interface TradeBar {
  /** Left edge, ms. */
  readonly startMs: number;
  readonly open: Price;
  readonly high: Price;
  readonly low: Price;
  readonly close: Price;
  readonly volume: Quantity;
  readonly trades: number;
}

export interface AccountTotal {
  readonly userId: AccountId;
  readonly symbol: Symbol;
  readonly bought: Quantity;
  readonly sold: Quantity;
  /** Each trade's price times quantity, rounded half to even to nine places, summed. */
  readonly notionalBought: Money;
  readonly notionalSold: Money;
}

export interface TradeAnalytics {
  /** `null` for one whose file a start would miss. */
  readonly losses: StoreLosses | null;
  /** Stores trades by event id; a repeat changes nothing. */
  append(trades: readonly AnalyticsTrade[]): Promise<void>;
  /** Whether it holds nothing: a start then fills it from the log. */
  isEmpty(): Promise<boolean>;
  /** Per symbol, ordered by symbol. */
  volume(range: TimeRange, symbol?: Symbol): Promise<readonly SymbolVolume[]>;
  /** Volume-weighted average price, rounded half to even to nine places; `null` without trades. */
  vwap(range: TimeRange, symbol: Symbol): Promise<Price | null>;
  /** Bars of `intervalMs`, left edges, oldest first, at most `limit`; empty intervals are left out. */
  bars(range: TimeRange, symbol: Symbol, intervalMs: number, limit: number): Promise<readonly TradeBar[]>;
  /** Sums over everything, for verification, ordered by account and symbol. */
  totals(): Promise<readonly AccountTotal[]>;
  close(): Promise<void>;
}
