/** A partition's state made again from the entities of its snapshots: same hash, same future. */
import type {
  AccountCommandEntity,
  AccountStateEntity,
  ClosedOrderEntity,
  CountersEntity,
  OpenOrderEntity,
  PositionEntity,
} from '#domain/data/account-state.ts';
import { addAccount, rememberCommand } from './accounts.ts';
import { createState } from './create-state.ts';
import type { Account } from './holdings.ts';
import { hashOfId } from './id-map.ts';
import { restoreMemory } from './idempotency.ts';
import { invariant } from './invariant.ts';
import { bookOf } from './ledger.ts';
import { listOrder, workingOrder } from './order.ts';
import { positionOf } from './position.ts';
import { createInstrument } from './price-book.ts';
import { takeNothing } from './snapshot.ts';
import type { PartitionState } from './state.ts';
import { formatLanes } from './state-hash.ts';
import { touch, untracked } from './tracking.ts';

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
  const accountOf = ({ accountId }: ClosedOrderEntity) => state.accounts.get(accountId) ?? null;
  state.closedOrders.restore(closedOrders, counters?.ordersClosed ?? 0, accountOf, state.lanes);
  restoreMemory(
    state.accountCommands,
    accountCommands,
    (command) => command.commandNumber,
    counters?.accountCommands ?? 0,
    (command) => rememberCommand(state, command),
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
      const account = addAccount(state, entity.accountId, entity.name);
      account.updatedAtMs = entity.updatedAtMs;
      account.cash = entity.cash;
      account.cashReserved = entity.cashReserved;
      account.sequence = entity.sequence;
      account.killSwitchEngaged = entity.killSwitchEngaged;
      hashes.set(account, entity.accountHash);
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
      book.set(entity);
      book.touch(state.changes.books);
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
  const instrument = state.instruments.get(entity.symbol);
  invariant(
    account !== undefined && instrument !== undefined,
    'a position in a snapshot has its account and price',
  );
  const position = positionOf(state, account, instrument);
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
  const position = state.positions.get(account, instrument) ?? null;
  const working = workingOrder(account, instrument, position, order, hashOfId(order.orderId));
  working.saved = true;
  account.openOrders += 1;
  listOrder(state, working);
  touch(working, state.changes.orders);
}
