/**
 * The state of one partition of accounts: what `applyInput` owns and mutates. Everything here is a fold of the
 * partition's inputs; nothing here is read by anyone but the files of this folder.
 */
import type { ControlsEntity, RemovedOrder } from '#domain/data/account-state.ts';
import type { AccountId, Symbol } from '#domain/data/identifiers.ts';
import type { AccountCommands } from './account-commands.ts';
import type { AssetBook } from './book.ts';
import type { ClosedOrders } from './closed-orders.ts';
import type { Account } from './holdings.ts';
import type { IdMap } from './id-map.ts';
import type { Instrument } from './instrument.ts';
import type { OrderIds } from './order-ids.ts';
import type { PositionTable } from './position-table.ts';
import type { Rows } from './rows.ts';
import type { Lanes } from './state-hash.ts';
import type { Tracked } from './tracking.ts';
import type { WorkingOrder } from './working-order.ts';
import type { WorkingOrders } from './working-orders.ts';

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
  /** No quiet period ends before. */
  nextQuietEndMs: number;
  readonly accountRows: Rows;
  readonly bookRows: Rows;
  readonly positions: PositionTable;
  readonly accounts: IdMap<AccountId, Account>;
  readonly orderIds: OrderIds;
  readonly workingOrders: WorkingOrders;
  readonly closedOrders: ClosedOrders;
  readonly instruments: Map<Symbol, Instrument>;
  readonly books: Map<string, AssetBook>;
  readonly cashBook: AssetBook;
  readonly sources: Map<string, VenueSource>;
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
  /** By place. */
  positions: number[];
  orders: WorkingOrder[];
  removedOrders: RemovedOrder[];
  instruments: Instrument[];
  books: AssetBook[];
  sources: VenueSource[];
}

export function emptyChanges(): Changes {
  return {
    accounts: [],
    positions: [],
    orders: [],
    removedOrders: [],
    instruments: [],
    books: [],
    sources: [],
  };
}
