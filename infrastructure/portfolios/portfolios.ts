/** The portfolio store: one item per account, written only over an older version. */
import type { Money, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, Symbol } from '#domain/data/identifiers.ts';
import type { StoreLosses } from '#infrastructure/common/store-losses.ts';

export interface Holding {
  readonly quantity: Quantity;
  /** Total cost of the quantity held; the average cost is this over the quantity. */
  readonly costBasis: Money;
  readonly realisedProfit: Money;
}

export interface Portfolio {
  readonly userId: AccountId;
  readonly name: string;
  readonly cashBalance: Money;
  /** Part of the cash that open orders have reserved. */
  readonly cashReserved: Money;
  /** Holdings with a quantity of zero are kept while they carry realised profit. */
  readonly holdings: ReadonlyMap<Symbol, Holding>;
  /** Shares that open sell orders have reserved. */
  readonly sharesReserved: ReadonlyMap<Symbol, Quantity>;
  /** Market time, ms. */
  readonly lastUpdatedTimestampMs: number;
  /** The account's sequence after the event that led here. */
  readonly version: number;
  /** Of the account's state at that version; the same version with another hash is an alarm. */
  readonly stateHash: string;
}

export type PutOutcome =
  | { readonly kind: 'written' }
  /** The stored version is this one (with the same hash) or newer; nothing changed. */
  | { readonly kind: 'not-newer'; readonly storedVersion: number }
  /** The stored item has the same version and another hash. */
  | { readonly kind: 'conflict'; readonly storedHash: string };

/** Callers ask for no more; the store asserts. */
export const PORTFOLIO_PAGE_LIMIT_MAX = 10_000;

export interface PortfolioStore {
  /** `null` for one whose file a start would miss. */
  readonly losses: StoreLosses | null;
  /** One outcome per item, in order. Items of one call are independent. Cash and quantities below zero are refused by assertion. */
  put(portfolios: readonly Portfolio[]): Promise<readonly PutOutcome[]>;
  get(userId: AccountId): Promise<Portfolio | null>;
  /** Whether it holds nothing: a start then fills it from the log. */
  isEmpty(): Promise<boolean>;
  /** Pages through all accounts, ordered by id, for verification. */
  list(after: AccountId | null, limit: number): Promise<readonly Portfolio[]>;
  close(): Promise<void>;
}
