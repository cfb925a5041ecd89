/**
 * Snapshots, entity by entity. The entities that have changed since the last time are taken; folded by key (the last
 * one wins, a tombstone removes), they are all that a restore needs. The state's hash is brought up to date on the
 * way, once per batch and changed entity.
 */
import type {
  AccountHeadEntity,
  CoreEntity,
  CountersEntity,
  EntityChange,
  LedgerBalanceEntity,
  PositionEntity,
} from '#domain/data/account-state.ts';
import { type AssetBook, BOOK_CELLS } from './book.ts';
import { hashControls, hashCounters, hashInstrument, hashVenueSource, identifyOrder } from './entity-hash.ts';
import { ACCOUNT_CELLS, type Account, POSITION_CELLS, type Position } from './holdings.ts';
import { prefetchChanged } from './prefetch.ts';
import type { Rows } from './rows.ts';
import type { PartitionState } from './state.ts';
import {
  addLanes,
  emptyLanes,
  formatLanes,
  hashWords,
  type Lanes,
  shiftLanes,
  shiftWords,
  subtractLanes,
  writeLanes,
} from './state-hash.ts';
import type { Changeable, Tracked } from './tracking.ts';
import { ORDER_CELLS, type WorkingOrder } from './working-order.ts';

/** What has changed since the last call; account heads last. */
export function takeChanges(state: PartitionState): readonly EntityChange[] {
  refreshHash(state);
  const { changes } = state;
  const taken: EntityChange[] = changes.removedOrders;
  for (const place of changes.positions) {
    const position = state.positions.at(place);
    position.clearChanged();
    taken.push(positionEntity(position));
  }
  for (const order of changes.orders) takeOrder(order, taken);
  for (const { price } of cleared(changes.instruments)) taken.push({ kind: 'price', price });
  for (const book of cleared(changes.books)) taken.push(bookEntity(book));
  for (const { source, lastSequence } of cleared(changes.sources)) {
    taken.push({ kind: 'venue_source', source, lastSequence });
  }
  state.closedOrders.takeNew(taken);
  state.accountCommands.takeNew(taken);
  if (state.controlsTracking.changed) taken.push(state.controls);
  if (state.countersTracking.changed) taken.push(countersEntity(state));
  state.controlsTracking.changed = false;
  state.countersTracking.changed = false;
  for (const account of cleared(changes.accounts)) taken.push(accountEntity(account));
  changes.positions = [];
  changes.orders = [];
  changes.removedOrders = [];
  changes.instruments = [];
  changes.books = [];
  changes.sources = [];
  changes.accounts = [];
  return taken;
}

function cleared<Entity extends Changeable>(entities: readonly Entity[]): readonly Entity[] {
  for (const entity of entities) entity.changed = false;
  return entities;
}

/** An order that came and went between two snapshots leaves no trace in them. */
function takeOrder(order: WorkingOrder, taken: EntityChange[]): void {
  order.changed = false;
  if (!order.listed) return;
  order.saved = true;
  taken.push(order.entity);
}

/** Every entity of the state as it is now; takes nothing. */
export function* takeAll(state: PartitionState): Generator<CoreEntity> {
  refreshHash(state);
  for (const position of state.positions.all()) yield positionEntity(position);
  for (const account of state.accounts.values()) yield accountEntity(account);
  for (const order of state.workingOrders.listed()) yield order.entity;
  for (const { price } of state.instruments.values()) yield { kind: 'price', price };
  for (const book of state.books.values()) yield bookEntity(book);
  for (const { source, lastSequence } of state.sources.values()) {
    yield { kind: 'venue_source', source, lastSequence };
  }
  yield* state.closedOrders.all();
  yield* state.accountCommands.all();
  yield state.controls;
  yield countersEntity(state);
}

/** 128 bits over everything in the state, hexadecimal. */
export function hashState(state: PartitionState): string {
  refreshHash(state);
  return formatLanes(state.lanes);
}

/** Of an order that is closed nothing is left in the sums; closing it has seen to that. */
function refreshHash(state: PartitionState): void {
  prefetchChanged(state);
  const { changes, lanes, positions } = state;
  for (const place of changes.positions) {
    const position = positions.at(place);
    if (!position.takeStale()) continue;
    rehashRow(position.rows, place, POSITION_CELLS, lanes, position.account);
  }
  for (const order of changes.orders) {
    if (!order.stale || !order.listed) continue;
    order.stale = false;
    if (!order.identified) identifyOrder(order);
    order.identified = true;
    rehashRow(order.rows, order.place, ORDER_CELLS, lanes, order.account);
  }
  for (const account of changes.accounts) {
    if (!account.stale) continue;
    account.stale = false;
    rehashRow(account.rows, account.place, ACCOUNT_CELLS, lanes, account);
  }
  for (const book of changes.books) {
    if (!book.stale) continue;
    book.stale = false;
    rehashRow(book.rows, book.place, BOOK_CELLS, lanes, null);
  }
  for (const instrument of changes.instruments) {
    if (instrument.stale) rehash(instrument, hashInstrument, lanes);
  }
  for (const source of changes.sources) if (source.stale) rehash(source, hashVenueSource, lanes);
  const { controlsTracking, countersTracking } = state;
  if (controlsTracking.stale)
    rehash(controlsTracking, (_, target) => hashControls(state.controls, target), lanes);
  if (countersTracking.stale) rehash(countersTracking, (_, target) => hashCounters(state, target), lanes);
}

function rehash<Entity extends Tracked>(
  entity: Entity,
  hash: (entity: Entity, target: Lanes) => void,
  sum: Lanes,
): void {
  entity.stale = false;
  subtractLanes(sum, entity.hash);
  hash(entity, entity.hash);
  addLanes(sum, entity.hash);
}

const accountSum = emptyLanes();
const rowHash = emptyLanes();
const ROW = 0;

/** A row says in one of its cells what it is of; its hash lies behind the `cells` that are hashed. */
function rehashRow(rows: Rows, place: number, cells: number, sum: Lanes, account: Account | null): void {
  const { words } = rows;
  const hashAt = (place + cells) * 2;
  hashWords(words, place * 2, cells * 2, ROW, rowHash);
  const change0 = (rowHash.lane0 - (words[hashAt] as number)) | 0;
  const change1 = (rowHash.lane1 - (words[hashAt + 1] as number)) | 0;
  const change2 = (rowHash.lane2 - (words[hashAt + 2] as number)) | 0;
  const change3 = (rowHash.lane3 - (words[hashAt + 3] as number)) | 0;
  writeLanes(rowHash, words, hashAt);
  shiftLanes(sum, change0, change1, change2, change3);
  if (account !== null) shiftWords(account.rows.words, account.sumAt, change0, change1, change2, change3);
}

function accountEntity(account: Account): AccountHeadEntity {
  account.readSum(accountSum);
  return {
    kind: 'account',
    accountId: account.accountId,
    name: account.name,
    cash: account.cash,
    cashReserved: account.cashReserved,
    sequence: account.sequence,
    killSwitchEngaged: account.killSwitchEngaged,
    breaker: account.breaker,
    dayResult: account.dayResult,
    resultDay: account.resultDay,
    accountHash: formatLanes(accountSum),
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

/** What was restored is what a snapshot holds already. */
export function takeNothing(state: PartitionState): void {
  refreshHash(state);
  const { changes } = state;
  for (const list of [changes.instruments, changes.books, changes.sources, changes.accounts]) {
    cleared<Changeable>(list);
    list.length = 0;
  }
  for (const place of changes.positions) state.positions.at(place).clearChanged();
  changes.positions.length = 0;
  cleared(changes.orders);
  changes.orders.length = 0;
  changes.removedOrders.length = 0;
  state.controlsTracking.changed = false;
  state.countersTracking.changed = false;
}
