/**
 * What the services keep in the relational database, as the interfaces they use. One set of Kysely queries
 * implements them for every dialect.
 */
import type { Money, Price, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, OrderId, Symbol } from '#domain/data/identifiers.ts';
import type { StorePosition, Stretch } from '#infrastructure/common/store-progress.ts';

export interface ApiKey {
  readonly keyId: string;
  readonly accountId: AccountId;
  /** SHA-256 of the secret, hexadecimal. The secret has 256 random bits, so a slow hash would add nothing. */
  readonly secretHash: string;
  /** Wall clock, ms. */
  readonly createdAtMs: number;
  readonly revokedAtMs: number | null;
}

export interface ApiKeyStore {
  add(key: ApiKey): Promise<void>;
  find(keyId: string): Promise<ApiKey | null>;
  /** `false` when there is no such active key. */
  revoke(keyId: string, atMs: number): Promise<boolean>;
  listFor(accountId: AccountId): Promise<readonly ApiKey[]>;
}

export type OrderStatus =
  | 'ACCEPTED'
  | 'NEW'
  | 'PARTIALLY_FILLED'
  | 'FILLED'
  | 'CANCELED'
  | 'EXPIRED'
  | 'REPLACED'
  | 'REJECTED'
  | 'DENIED';

export interface IndexedOrder {
  readonly orderId: OrderId;
  readonly userId: AccountId;
  readonly symbol: Symbol;
  readonly side: 'BUY' | 'SELL';
  readonly type: 'MARKET' | 'LIMIT';
  readonly timeInForce: 'DAY' | 'GTC';
  readonly quantity: Quantity | null;
  readonly notional: Money | null;
  readonly limitPrice: Price | null;
  readonly clientOrderId: string | null;
  readonly status: OrderStatus;
  readonly filledQuantity: Quantity;
  readonly averageFillPrice: Price | null;
  readonly reason: string | null;
  /** Of the body that was accepted, for idempotency; empty in a row made from an update, which does not know it. */
  readonly bodyDigest: string;
  /** Market time, ms. */
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** The account's sequence of the last update applied; 0 while only accepted. An older one never overwrites. */
  readonly accountSequence: number;
}

export interface OrderIndex {
  /**
   * Upserts by order id. A row of `accountSequence` 0 is an acceptance, any other an update; they may come in
   * any order and again:
   * - an update changes the order only if its sequence is above the stored one; it never takes away the digest,
   *   notional, client order id, quantity or creation time that the stored row has;
   * - an acceptance of an order that is already there only adds its digest, notional, client order id, quantity
   *   and creation time, and only while the stored digest is empty.
   *
   * `read` is what the rows come from, noted with them. Answers `false` if something that came before it is not here:
   * then reading has to begin again at `positions`.
   */
  put(orders: readonly IndexedOrder[], read?: readonly Stretch[]): Promise<boolean>;
  /** How far the index has come; of a partition without one it has nothing. */
  positions(): Promise<readonly StorePosition[]>;
  get(orderId: OrderId): Promise<IndexedOrder | null>;
  /** Those that are there, in no particular order. */
  getMany(orderIds: readonly OrderId[]): Promise<readonly IndexedOrder[]>;
  /** Newest first by (createdAt, orderId); behind that of `after`, which need not be stored. */
  list(query: {
    readonly userId: AccountId;
    readonly status?: 'open' | 'closed' | OrderStatus;
    readonly symbol?: Symbol;
    readonly after?: Pick<IndexedOrder, 'createdAtMs' | 'orderId'>;
    readonly limit: number;
  }): Promise<readonly IndexedOrder[]>;
  /** Of every account, by order id; for verification. */
  scan(after: OrderId | null, limit: number): Promise<readonly IndexedOrder[]>;
}

/** That a request is about to place the order of an idempotency key. */
export interface KeyClaim {
  readonly orderId: OrderId;
  readonly bodyDigest: string;
  /** Drawn by the request that made it. */
  readonly holder: string;
  /** Wall clock, ms. */
  readonly claimedAtMs: number;
}

/** Idempotency keys in use whose orders the order index does not have yet, where several instances place orders. */
export interface KeyClaims {
  /** `null` if nobody has claimed the order's key: then it is claimed now. Else the claim that stands. */
  take(claim: KeyClaim): Promise<KeyClaim | null>;
  /** `false` if `former` does not stand any more; then nothing is changed. */
  takeOver(former: KeyClaim, claim: KeyClaim): Promise<boolean>;
  /** Changes nothing if another holder took it over. */
  release(claim: KeyClaim): Promise<void>;
  /** To be called once the order index has these orders: it answers for their keys from then on. */
  settle(orderIds: readonly OrderId[]): Promise<void>;
  /** Those of requests that ended without a word. */
  dropClaimedBefore(timeMs: number): Promise<void>;
}

export interface StatementLine {
  readonly entryId: string;
  readonly accountId: AccountId;
  /** The account's sequence. */
  readonly sequence: number;
  readonly kind:
    | 'OPENED'
    | 'DEPOSIT'
    | 'WITHDRAWAL'
    | 'WITHDRAWAL_DENIED'
    | 'DEPOSIT_DENIED'
    | 'HALTED'
    | 'RESUMED'
    | 'BREAKER_TRIPPED'
    | 'BREAKER_RESET'
    | 'BREAKER_OPENED'
    | 'FILL'
    | 'FEE';
  /** The command or order that led to it. */
  readonly reference: string;
  readonly symbol: Symbol | null;
  readonly cashChange: Money;
  readonly quantityChange: Quantity | null;
  readonly price: Price | null;
  readonly cashAfter: Money;
  /** Market time, ms. */
  readonly atMs: number;
  readonly note: string | null;
}

export interface StatementStore {
  /** A repeat by `entryId` changes nothing. `read` and the answer are those of the order index. */
  append(lines: readonly StatementLine[], read?: readonly Stretch[]): Promise<boolean>;
  positions(): Promise<readonly StorePosition[]>;
  /** The first line, by sequence, that names this command; never that of a fill or a fee. */
  findTransfer(accountId: AccountId, commandId: string): Promise<StatementLine | null>;
  /** In sequence order; `from` inclusive, `to` exclusive, ms; `afterSequence` pages. */
  list(query: {
    readonly accountId: AccountId;
    readonly fromMs?: number;
    readonly toMs?: number;
    readonly afterSequence?: number;
    readonly limit: number;
  }): Promise<readonly StatementLine[]>;
  /** Of every account, by entry id; for verification. */
  scan(after: string | null, limit: number): Promise<readonly StatementLine[]>;
}

export interface AccountRecord {
  readonly accountId: AccountId;
  readonly name: string;
  /** Wall clock, ms. */
  readonly createdAtMs: number;
}

/** A projection of the accounts that were opened, and of those that are about to be. */
export interface AccountDirectory {
  /** Upserts by account id; a repeat may change the name, never the creation time. */
  put(accounts: readonly AccountRecord[]): Promise<void>;
  get(accountId: AccountId): Promise<AccountRecord | null>;
  /** By id. */
  list(after: AccountId | null, limit: number): Promise<readonly AccountRecord[]>;
}

export interface RelationalStores {
  readonly apiKeys: ApiKeyStore;
  readonly orders: OrderIndex;
  readonly keyClaims: KeyClaims;
  readonly statements: StatementStore;
  readonly accounts: AccountDirectory;
  close(): Promise<void>;
}
