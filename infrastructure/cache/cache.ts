/**
 * The cache: latest prices with fan-out to every subscriber, rate limits, single-use tickets, and who may not trade.
 *
 * It decides nothing: all of it can be rebuilt from the log or asked for again.
 */
import type { AccountHalt } from '#domain/data/account-state.ts';
import type { Price, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, EventId, Symbol } from '#domain/data/identifiers.ts';

export interface CachedPrice {
  readonly symbol: Symbol;
  /** Of the last trade. */
  readonly price: Price;
  readonly bid: Price | null;
  readonly bidSize: Quantity | null;
  readonly ask: Price | null;
  readonly askSize: Quantity | null;
  /** Of the last trade. */
  readonly size: Quantity | null;
  /** Of the session so far. */
  readonly volume: Quantity | null;
  /** The symbol's own, without gaps. */
  readonly sequence: number;
  readonly eventId: EventId;
  readonly feedTimestampMs: number;
}

export interface PriceCache {
  /** Stores and publishes. A price whose sequence is not above the stored one is ignored. */
  put(prices: readonly CachedPrice[]): Promise<void>;
  get(symbol: Symbol): Promise<CachedPrice | null>;
  all(): Promise<readonly CachedPrice[]>;
  /** Market time of a simulated or replayed feed: the latest event's time; `null` before the first. */
  latestFeedTimestampMs(): Promise<number | null>;
  /** Forgets all prices and the market time, for those of another log; listeners stay and hear what is put then. */
  clear(): Promise<void>;
  /** Calls `listener` with every price that `put` accepted, in order per symbol. */
  subscribe(listener: (prices: readonly CachedPrice[]) => void): Promise<() => Promise<void>>;
}

export type RateDecision =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'limited'; readonly retryAfterMs: number };

export interface RateLimits {
  /** Takes one from the bucket of `key`, which refills at `limit` per `windowMs` and holds `limit`. */
  take(key: string, limit: number, windowMs: number): Promise<RateDecision>;
}

export interface Tickets {
  /** Keeps `value` under an unguessable `ticket` for `lifetimeMs`. */
  put(ticket: string, value: string, lifetimeMs: number): Promise<void>;
  /** Gives the value once; `null` when unknown, expired or used. */
  redeem(ticket: string): Promise<string | null>;
}

/** Of `PartitionHalts.accounts`. */
export const MOST_HALTED_ACCOUNTS = 1_000;

interface HaltsSummary {
  /** Of `trade_orders`: what comes of inputs from here on is not in this. */
  readonly nextInputOffset: number;
  /** The kill switch of every account is engaged. */
  readonly all: boolean;
  /** How many accounts are halted by themselves besides those that are listed. */
  readonly unlisted: number;
}

/** What execution has decided of a partition's accounts. */
export interface PartitionHalts extends HaltsSummary {
  readonly partition: number;
  /** Those that are halted by themselves, at most `MOST_HALTED_ACCOUNTS` of them, kill switches first. */
  readonly accounts: readonly AccountHalt[];
}

export interface HaltsForAccount extends HaltsSummary {
  /** `null`: nothing halts this account by itself, unless it is among the unlisted. */
  readonly account: AccountHalt | null;
}

/** A mirror for readers, seconds behind at times: the log decides. */
export interface Halts {
  /** In place of what was put of that partition before. Kept for `lifetimeMs`. */
  put(halts: PartitionHalts, lifetimeMs: number): Promise<void>;
  /** As last put; `null`: not known. */
  get(partition: number): Promise<PartitionHalts | null>;
  /** `accountId` is one of the partition's. `null`: not known. */
  of(partition: number, accountId: AccountId): Promise<HaltsForAccount | null>;
}

export interface Cache {
  readonly prices: PriceCache;
  readonly rateLimits: RateLimits;
  readonly tickets: Tickets;
  readonly halts: Halts;
  /** Throws an `OperatingError` when the cache cannot be reached. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
