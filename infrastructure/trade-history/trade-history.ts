/** Trade history: every executed or failed trade, found by filter and free text, paged by cursor. */
import type { Price, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, EventId, ExecutionId, OrderId, Symbol } from '#domain/data/identifiers.ts';
import type { StoreLosses } from '#infrastructure/common/store-losses.ts';

export type TradeStatus =
  | 'EXECUTED'
  | 'FAILED_INSUFFICIENT_FUNDS'
  | 'FAILED_INSUFFICIENT_SHARES'
  | 'FAILED_OTHER';

export interface TradeDocument {
  readonly eventId: EventId;
  readonly orderId: OrderId;
  readonly userId: AccountId;
  readonly symbol: Symbol;
  readonly quantity: Quantity;
  readonly side: 'BUY' | 'SELL';
  readonly status: TradeStatus;
  readonly executionPrice: Price | null;
  readonly executionId: ExecutionId | null;
  /** Market time, ms. */
  readonly executionTimestampMs: number;
  readonly failureReason: string | null;
}

/** Callers refuse more; the store asserts. */
export const TRADE_PAGE_LIMIT_MAX = 10_000;
/** Characters. */
export const SEARCH_TEXT_LENGTH_MAX = 256;

export interface TradeQuery {
  readonly userId: AccountId;
  readonly symbol?: Symbol;
  readonly status?: TradeStatus;
  /** Inclusive, ms. */
  readonly startMs?: number;
  /** Exclusive, ms. */
  readonly endMs?: number;
  /**
   * Words, all of which must occur in the failure reason, symbol, side or status. Never query syntax.
   * A word is a run of letters and digits; case does not count. At most `SEARCH_TEXT_LENGTH_MAX` characters.
   */
  readonly text?: string;
  /** 1 to `TRADE_PAGE_LIMIT_MAX`. */
  readonly limit: number;
  readonly pageToken?: string;
}

export type TradePage =
  | {
      readonly kind: 'page';
      readonly trades: readonly TradeDocument[];
      readonly nextPageToken: string | null;
      readonly totalCount: number;
    }
  /** The token is not one of ours, or belongs to another query. */
  | { readonly kind: 'bad-page-token' };

export interface TradeHistory {
  /** `null` for one whose file a start would miss. */
  readonly losses: StoreLosses | null;
  /** Stores documents by event id; a repeat changes nothing. */
  index(trades: readonly TradeDocument[]): Promise<void>;
  /** Whether it holds nothing: a start then fills it from the log. */
  isEmpty(): Promise<boolean>;
  /** Newest first (time, then event id). */
  search(query: TradeQuery): Promise<TradePage>;
  /** All documents in event-id order after `after`, for verification. */
  scan(after: EventId | null, limit: number): Promise<readonly TradeDocument[]>;
  close(): Promise<void>;
}
