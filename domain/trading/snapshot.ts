/**
 * Snapshot and restore, entity by entity. The entities that have changed since the last time are taken; folded by key
 * (the last one wins, a tombstone removes), they are all that a restore needs. The state's hash is brought up to date
 * on the way, once per batch and changed entity.
 */
import type {
  AccountCommandEntity,
  AccountHeadEntity,
  AccountStateEntity,
  ClosedOrderEntity,
  CoreEntity,
  CountersEntity,
  LedgerBalanceEntity,
  OpenOrderEntity,
  PositionEntity,
} from '#domain/data/account-state.ts';
import { entityKey, openOrderKey } from '#domain/data/account-state-key.ts';
import { newAccount } from './accounts.ts';
import {
  hashAccount,
  hashBook,
  hashControls,
  hashCounters,
  hashInstrument,
  hashOpenOrder,
  hashPosition,
  hashVenueSource,
} from './entity-hash.ts';
import { hashMemory, restoreMemory, takeRemembered } from './idempotency.ts';
import { invariant } from './invariant.ts';
import { bookOf } from './ledger.ts';
import { listOrder, workingOrder } from './order.ts';
import { positionOf } from './position.ts';
import { createInstrument } from './price-book.ts';
import {
  type Account,
  type AssetBook,
  createState,
  type PartitionState,
  type Position,
  type Tracked,
  touch,
  untracked,
  type WorkingOrder,
} from './state.ts';
import { addLanes, formatLanes, type Lanes, subtractLanes } from './state-hash.ts';

export interface EntityChange {
  readonly key: string;
  /** `null`: a tombstone. */
  readonly entity: AccountStateEntity | null;
}

/** What has changed since the last call; account heads last. */
export function takeChanges(state: PartitionState): readonly EntityChange[] {
  refreshHash(state);
  const { changes } = state;
  const taken: EntityChange[] = [];
  const take = (entity: CoreEntity) => taken.push({ key: entityKey(entity), entity });
  for (const position of changes.positions) {
    position.changed = false;
    take(positionEntity(position));
  }
  for (const working of changes.orders) takeOrder(working, taken);
  for (const { price } of cleared(changes.instruments)) take({ kind: 'price', price });
  for (const book of cleared(changes.books)) take(bookEntity(book));
  for (const { source, lastSequence } of cleared(changes.sources)) {
    take({ kind: 'venue_source', source, lastSequence });
  }
  takeRemembered(state.closedOrders, (_slot, closed) => take(closed));
  takeRemembered(state.accountCommands, (_slot, command) => take(command));
  if (state.controlsTracking.changed) take(state.controls);
  if (state.countersTracking.changed) take(countersEntity(state));
  state.controlsTracking.changed = false;
  state.countersTracking.changed = false;
  for (const account of cleared(changes.accounts)) take(accountEntity(account));
  changes.positions = [];
  changes.orders = [];
  changes.instruments = [];
  changes.books = [];
  changes.sources = [];
  changes.accounts = [];
  return taken;
}

function cleared<Entity extends Tracked>(entities: readonly Entity[]): readonly Entity[] {
  for (const entity of entities) entity.changed = false;
  return entities;
}

/** An order that came and went between two snapshots leaves no trace in them. */
function takeOrder(working: WorkingOrder, taken: EntityChange[]): void {
  const { order } = working;
  working.changed = false;
  if (!working.closed) {
    working.saved = true;
    taken.push({ key: entityKey(order), entity: order });
  } else if (working.saved) {
    taken.push({ key: openOrderKey(order.accountId, order.orderId), entity: null });
  }
}

/** Every entity of the state as it is now; takes nothing. */
export function* takeAll(state: PartitionState): Generator<CoreEntity> {
  refreshHash(state);
  for (const account of state.accounts.values()) {
    for (const position of account.positions.values()) yield positionEntity(position);
    yield accountEntity(account);
  }
  for (const { order } of state.working.values()) yield order;
  for (const { price } of state.instruments.values()) yield { kind: 'price', price };
  for (const book of state.books.values()) yield bookEntity(book);
  for (const { source, lastSequence } of state.sources.values()) {
    yield { kind: 'venue_source', source, lastSequence };
  }
  yield* state.closedOrders.slots;
  yield* state.accountCommands.slots;
  yield state.controls;
  yield countersEntity(state);
}

/** 128 bits over everything in the state, hexadecimal. */
export function hashState(state: PartitionState): string {
  refreshHash(state);
  return formatLanes(state.lanes);
}

function refreshHash(state: PartitionState): void {
  const { changes, lanes } = state;
  for (const position of changes.positions) {
    if (position.stale) rehash(position, hashPosition, lanes, position.account.sum);
  }
  for (const working of changes.orders) {
    if (!working.stale) continue;
    if (working.closed) working.stale = false;
    else rehash(working, hashOpenOrder, lanes, working.account.sum);
  }
  for (const account of changes.accounts) {
    if (account.stale) rehash(account, hashAccount, lanes, account.sum);
  }
  for (const instrument of changes.instruments) {
    if (instrument.stale) rehash(instrument, hashInstrument, lanes, null);
  }
  for (const book of changes.books) if (book.stale) rehash(book, hashBook, lanes, null);
  for (const source of changes.sources) if (source.stale) rehash(source, hashVenueSource, lanes, null);
  const { controlsTracking, countersTracking } = state;
  if (controlsTracking.stale) {
    controlsTracking.stale = false;
    replaceLanes(controlsTracking, (target) => hashControls(state.controls, target), lanes);
  }
  if (countersTracking.stale) {
    countersTracking.stale = false;
    replaceLanes(countersTracking, (target) => hashCounters(state, target), lanes);
  }
  hashMemory(state.closedOrders, lanes);
  hashMemory(state.accountCommands, lanes);
}

function rehash<Entity extends Tracked>(
  entity: Entity,
  hash: (entity: Entity, target: Lanes) => void,
  sum: Lanes,
  accountSum: Lanes | null,
): void {
  entity.stale = false;
  subtractLanes(sum, entity);
  if (accountSum !== null) subtractLanes(accountSum, entity);
  hash(entity, entity);
  addLanes(sum, entity);
  if (accountSum !== null) addLanes(accountSum, entity);
}

function replaceLanes(entity: Lanes, hash: (target: Lanes) => void, sum: Lanes): void {
  subtractLanes(sum, entity);
  hash(entity);
  addLanes(sum, entity);
}

function accountEntity(account: Account): AccountHeadEntity {
  return {
    kind: 'account',
    accountId: account.accountId,
    name: account.name,
    cash: account.cash,
    cashReserved: account.cashReserved,
    sequence: account.sequence,
    killSwitchEngaged: account.killSwitchEngaged,
    accountHash: formatLanes(account.sum),
    updatedAtMs: account.updatedAtMs,
  };
}

function positionEntity(position: Position): PositionEntity {
  return {
    kind: 'position',
    accountId: position.account.accountId,
    symbol: position.symbol,
    quantity: position.quantity,
    reserved: position.reserved,
    costBasis: position.costBasis,
    realisedProfit: position.realisedProfit,
    liquidityUsed: {
      sequence: position.liquiditySequence,
      bought: position.liquidityBought,
      sold: position.liquiditySold,
    },
  };
}

function bookEntity(book: AssetBook): LedgerBalanceEntity {
  const { asset, outside, venue, fees, clearing, accounts } = book;
  return { kind: 'ledger', asset, outside, venue, fees, clearing, accounts };
}

function countersEntity(state: PartitionState): CountersEntity {
  return {
    kind: 'counters',
    clockMs: state.clockMs,
    ordersAccepted: state.ordersAccepted,
    ordersClosed: state.closedOrders.count,
    accountCommands: state.accountCommands.count,
  };
}

interface Gathered {
  readonly positions: PositionEntity[];
  readonly orders: OpenOrderEntity[];
  readonly closedOrders: ClosedOrderEntity[];
  readonly accountCommands: AccountCommandEntity[];
  counters: CountersEntity | null;
}

/** The state that a fold of taken entities describes, in whatever order they come. The stream's head is passed over. */
export function restoreState(partition: number, entities: Iterable<AccountStateEntity>): PartitionState {
  const state = createState(partition);
  const hashes = new Map<Account, string>();
  const gathered: Gathered = {
    positions: [],
    orders: [],
    closedOrders: [],
    accountCommands: [],
    counters: null,
  };
  for (const entity of entities) restoreEntity(state, entity, gathered, hashes);
  // Nothing has been saved yet, so the defaults have not either.
  if (gathered.counters === null) return state;
  for (const position of gathered.positions) restorePosition(state, position);
  gathered.orders.sort((left, right) => left.acceptanceNumber - right.acceptanceNumber);
  for (const order of gathered.orders) restoreOrder(state, order);
  const { counters } = gathered;
  if (counters !== null) {
    state.clockMs = counters.clockMs;
    state.ordersAccepted = counters.ordersAccepted;
    state.countersTracking.stale = true;
  }
  const { closedOrders, accountCommands } = gathered;
  restoreMemory(
    state.closedOrders,
    closedOrders,
    (closed) => closed.closingNumber,
    counters?.ordersClosed ?? 0,
  );
  restoreMemory(
    state.accountCommands,
    accountCommands,
    (command) => command.commandNumber,
    counters?.accountCommands ?? 0,
  );
  takeNothing(state);
  for (const [account, hash] of hashes) {
    invariant(
      formatLanes(account.sum) === hash,
      `account ${account.accountId} is restored to the hash it was saved with`,
    );
  }
  return state;
}

function restoreEntity(
  state: PartitionState,
  entity: AccountStateEntity,
  gathered: Gathered,
  hashes: Map<Account, string>,
): void {
  switch (entity.kind) {
    case 'head':
      return;
    case 'account': {
      const account = newAccount(entity.accountId, entity.name, entity.updatedAtMs);
      account.cash = entity.cash;
      account.cashReserved = entity.cashReserved;
      account.sequence = entity.sequence;
      account.killSwitchEngaged = entity.killSwitchEngaged;
      state.accounts.set(account.accountId, account);
      hashes.set(account, entity.accountHash);
      touch(account, state.changes.accounts);
      return;
    }
    case 'position':
      gathered.positions.push(entity);
      return;
    case 'order':
      gathered.orders.push(entity);
      return;
    case 'closed_order':
      gathered.closedOrders.push(entity);
      return;
    case 'account_command':
      gathered.accountCommands.push(entity);
      return;
    case 'price':
      touch(createInstrument(state, entity.price), state.changes.instruments);
      return;
    case 'ledger': {
      const book = bookOf(state, entity.asset);
      book.outside = entity.outside;
      book.venue = entity.venue;
      book.fees = entity.fees;
      book.clearing = entity.clearing;
      book.accounts = entity.accounts;
      touch(book, state.changes.books);
      return;
    }
    case 'controls':
      state.controls = entity;
      state.controlsTracking.stale = true;
      return;
    case 'venue_source': {
      const source = { ...untracked(), source: entity.source, lastSequence: entity.lastSequence };
      state.sources.set(source.source, source);
      touch(source, state.changes.sources);
      return;
    }
    case 'counters':
      gathered.counters = entity;
      return;
  }
}

function restorePosition(state: PartitionState, entity: PositionEntity): void {
  const account = state.accounts.get(entity.accountId);
  invariant(account !== undefined, 'a position in a snapshot has its account');
  const position = positionOf(state, account, entity.symbol);
  position.quantity = entity.quantity;
  position.reserved = entity.reserved;
  position.costBasis = entity.costBasis;
  position.realisedProfit = entity.realisedProfit;
  position.liquiditySequence = entity.liquidityUsed.sequence;
  position.liquidityBought = entity.liquidityUsed.bought;
  position.liquiditySold = entity.liquidityUsed.sold;
}

function restoreOrder(state: PartitionState, order: OpenOrderEntity): void {
  const account = state.accounts.get(order.accountId);
  const instrument = state.instruments.get(order.symbol);
  invariant(
    account !== undefined && instrument !== undefined,
    'an order in a snapshot has its account and price',
  );
  const working = workingOrder(account, instrument, order);
  working.saved = true;
  account.openOrders += 1;
  listOrder(state, working);
  touch(working, state.changes.orders);
}

/** What was restored is what a snapshot holds already. */
function takeNothing(state: PartitionState): void {
  refreshHash(state);
  const { changes } = state;
  for (const list of [
    changes.positions,
    changes.instruments,
    changes.books,
    changes.sources,
    changes.accounts,
  ]) {
    cleared<Tracked>(list);
    list.length = 0;
  }
  cleared(changes.orders);
  changes.orders.length = 0;
  state.controlsTracking.changed = false;
  state.countersTracking.changed = false;
}
