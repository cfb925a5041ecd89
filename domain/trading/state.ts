/**
 * The state of one partition of accounts: what `applyInput` owns and mutates. Everything here is a fold of the
 * partition's inputs; nothing here is read by anyone but the files of this folder.
 */
import type { ControlsEntity, OpenOrderEntity } from '#domain/data/account-state.ts';
import type { Price } from '#domain/data/decimal.ts';
import type { AccountId, OrderId, Symbol } from '#domain/data/identifiers.ts';
import type { BatchPrice } from '#domain/data/trading-inputs.ts';
import type { AccountCommands } from './account-commands.ts';
import type { AssetBook } from './book.ts';
import type { ClosedOrders } from './closed-orders.ts';
import type { Account, Position } from './holdings.ts';
import type { IdMap } from './id-map.ts';
import type { PositionTable } from './position-table.ts';
import type { Rows } from './rows.ts';
import type { Lanes } from './state-hash.ts';
import type { Tracked } from './tracking.ts';

/** An order that has passed risk and is not closed. Its value is immutable and replaced at each step. */
export interface WorkingOrder extends Tracked {
  /** Of the id; and where the order lies by it, once it rests. */
  readonly idHash: number;
  place: number;
  /** Of what the order is known by; made when it is first hashed. */
  identity: Lanes | null;
  readonly account: Account;
  readonly instrument: Instrument;
  /** The account's in the symbol, once it has one. */
  position: Position | null;
  order: OpenOrderEntity;
  /** It rests: it is in `working`, in its instrument's list and in snapshots. */
  listed: boolean;
  closed: boolean;
  /** A snapshot holds it, so closing it needs a tombstone. */
  saved: boolean;
  /** Where it rests, and its neighbours there. */
  level: PriceLevel | null;
  before: WorkingOrder | null;
  behind: WorkingOrder | null;
}

/** A symbol: its last price, its book, and the orders that rest on it. */
export interface Instrument extends Tracked {
  readonly symbol: Symbol;
  /** In order of coming up in this process, from 0; no part of the state. */
  readonly number: number;
  /** Of the symbol's text. */
  readonly identity: Lanes;
  price: BatchPrice;
  readonly book: AssetBook;
  readonly resting: RestingOrders;
}

/** Resting orders of one side and limit, in order of acceptance. */
export interface PriceLevel {
  readonly limit: Price;
  first: WorkingOrder | null;
  last: WorkingOrder | null;
}

/** The levels of a side, the best last, and beside them their limits for a quick search. */
export interface RestingSide {
  limits: BigInt64Array;
  readonly levels: PriceLevel[];
}

export interface RestingOrders {
  count: number;
  readonly markets: PriceLevel;
  readonly buys: RestingSide;
  readonly sales: RestingSide;
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
  readonly accountRows: Rows;
  readonly positionRows: Rows;
  readonly bookRows: Rows;
  readonly positions: PositionTable;
  readonly accounts: IdMap<AccountId, Account>;
  readonly working: IdMap<OrderId, WorkingOrder>;
  readonly instruments: Map<Symbol, Instrument>;
  readonly books: Map<string, AssetBook>;
  readonly cashBook: AssetBook;
  readonly sources: Map<string, VenueSource>;
  readonly closedOrders: ClosedOrders;
  readonly accountCommands: AccountCommands;
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

export function emptyChanges(): Changes {
  return { accounts: [], positions: [], orders: [], instruments: [], books: [], sources: [] };
}
