/**
 * The state of one partition of accounts: what `applyInput` owns and mutates. Everything here is a fold of the
 * partition's inputs; nothing here is read by anyone but the files of this folder.
 */
import type {
  AccountCommandEntity,
  ClosedOrderEntity,
  ControlsEntity,
  OpenOrderEntity,
} from '#domain/data/account-state.ts';
import type { Money, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, OrderId, Symbol } from '#domain/data/identifiers.ts';
import type { BatchPrice } from '#domain/data/trading-inputs.ts';
import type { Memory } from './idempotency.ts';
import type { Lanes } from './state-hash.ts';

/** An entity that is hashed and saved by itself. Its lanes are what it has put into the sums. */
export interface Tracked extends Lanes {
  /** The lanes are those of an earlier value. */
  stale: boolean;
  /** It is in the list of what the next snapshot has to take. */
  changed: boolean;
}

export interface Account extends Tracked {
  readonly accountId: AccountId;
  readonly name: string;
  /** The id's own hash, made once. */
  readonly identity: Lanes;
  cash: Money;
  cashReserved: Money;
  sequence: number;
  killSwitchEngaged: boolean;
  updatedAtMs: number;
  openOrders: number;
  readonly positions: Map<Symbol, Position>;
  /** Over the head, the positions and the open orders. */
  readonly sum: Lanes;
}

export interface Position extends Tracked {
  readonly account: Account;
  readonly symbol: Symbol;
  quantity: Quantity;
  reserved: Quantity;
  costBasis: Money;
  realisedProfit: Money;
  /** The batch that the two below belong to. */
  liquiditySequence: number;
  liquidityBought: Quantity;
  liquiditySold: Quantity;
}

/** An order that has passed risk and is not closed. Its value is immutable and replaced at each step. */
export interface WorkingOrder extends Tracked {
  readonly account: Account;
  readonly instrument: Instrument;
  order: OpenOrderEntity;
  /** It rests: it is in `working`, in its instrument's list and in snapshots. */
  listed: boolean;
  closed: boolean;
  /** A snapshot holds it, so closing it needs a tombstone. */
  saved: boolean;
}

/** A symbol: its last price, its book, and the orders that rest on it in order of acceptance. */
export interface Instrument extends Tracked {
  readonly symbol: Symbol;
  price: BatchPrice;
  readonly book: AssetBook;
  readonly resting: RestingOrders;
}

/** Limit buys from the highest limit down, limit sales from the lowest up, market orders apart. */
export interface RestingOrders {
  readonly markets: WorkingOrder[];
  readonly limitBuys: WorkingOrder[];
  readonly limitSales: WorkingOrder[];
}

/** The partition's books in one asset; the five add up to zero. They may pass 64 bits. */
export interface AssetBook extends Tracked {
  readonly asset: string;
  outside: bigint;
  venue: bigint;
  fees: bigint;
  clearing: bigint;
  accounts: bigint;
}

export interface VenueSource extends Tracked {
  readonly source: string;
  lastSequence: number;
}

export interface PartitionState {
  readonly partition: number;
  clockMs: number;
  ordersAccepted: number;
  /** No open order expires before. */
  nextExpiryMs: number;
  readonly accounts: Map<AccountId, Account>;
  readonly working: Map<OrderId, WorkingOrder>;
  readonly instruments: Map<Symbol, Instrument>;
  readonly books: Map<string, AssetBook>;
  readonly cashBook: AssetBook;
  readonly sources: Map<string, VenueSource>;
  readonly closedOrders: Memory<ClosedOrderEntity>;
  readonly accountCommands: Memory<AccountCommandEntity>;
  controls: ControlsEntity;
  readonly controlsTracking: Tracked;
  readonly countersTracking: Tracked;
  /** Over everything. */
  readonly lanes: Lanes;
  readonly changes: Changes;
}

/** What the next snapshot has to take. */
export interface Changes {
  accounts: Account[];
  positions: Position[];
  orders: WorkingOrder[];
  instruments: Instrument[];
  books: AssetBook[];
  sources: VenueSource[];
}

export const CASH_ASSET = 'USD';

export function untracked(): Tracked {
  return { lane0: 0, lane1: 0, lane2: 0, lane3: 0, stale: false, changed: false };
}

export function emptyChanges(): Changes {
  return { accounts: [], positions: [], orders: [], instruments: [], books: [], sources: [] };
}

export function createBook(asset: string): AssetBook {
  return {
    ...untracked(),
    asset,
    outside: 0n,
    venue: 0n,
    fees: 0n,
    clearing: 0n,
    accounts: 0n,
  };
}

/** To be called by whoever changes one: it is hashed anew and goes into the next snapshot. */
export function touch<Entity extends Tracked>(entity: Entity, changed: Entity[]): void {
  entity.stale = true;
  if (entity.changed) return;
  entity.changed = true;
  changed.push(entity);
}
