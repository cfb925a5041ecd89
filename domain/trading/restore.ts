/** A partition's state made again from the entities of its snapshots: same hash, same future. */
import type {
  AccountCommandEntity,
  AccountHeadEntity,
  AccountStateEntity,
  ClosedOrderEntity,
  CountersEntity,
  OpenOrderEntity,
  PositionEntity,
} from '#domain/data/account-state.ts';
import {
  entityKey,
  OPEN_ORDER_KEYS,
  REMEMBERED_COMMANDS,
  REMEMBERED_ORDERS,
} from '#domain/data/account-state-key.ts';
import { type Price, ZERO_MONEY } from '#domain/data/decimal.ts';
import type { BatchPrice } from '#domain/data/trading-inputs.ts';
import { addAccount } from './accounts.ts';
import { createState } from './create-state.ts';
import type { Account } from './holdings.ts';
import { invariant } from './invariant.ts';
import { bookOf } from './ledger.ts';
import { listOrder } from './order.ts';
import { positionOf } from './position.ts';
import { createInstrument } from './price-book.ts';
import { takeNothing } from './snapshot.ts';
import type { PartitionState } from './state.ts';
import { formatLanes } from './state-hash.ts';
import { touch, untracked } from './tracking.ts';
import { NEVER, NO_LIMIT } from './working-order.ts';

/**
 * Takes what a partition's snapshots have written, as it is read, and makes the state of it at the end. Of a key the
 * last one counts, and otherwise they come in whatever order. What can be put into the state at once is; the rest
 * waits for what it belongs to. The stream's head is passed over.
 */
export class PartitionRestore {
  readonly #state: PartitionState;
  readonly #accountHashes = new Map<Account, string>();
  readonly #positions: PositionEntity[] = [];
  readonly #orders = new Map<string, OpenOrderEntity>();
  /** By slot. */
  readonly #closedOrders = new Map<number, ClosedOrderEntity>();
  readonly #accountCommands = new Map<number, AccountCommandEntity>();
  #counters: CountersEntity | null = null;

  constructor(partition: number) {
    this.#state = createState(partition);
  }

  /** A record's key and entity; `null` is a tombstone. */
  take(key: string, entity: AccountStateEntity | null): void {
    const state = this.#state;
    switch (entity?.kind) {
      case undefined:
        invariant(key.startsWith(OPEN_ORDER_KEYS), 'nothing but orders is ever removed');
        this.#orders.delete(key);
        return;
      case 'head':
        return;
      case 'account':
        this.#takeAccount(entity);
        return;
      case 'position':
        this.#positions.push(entity);
        return;
      case 'order':
        this.#orders.set(key, entity);
        return;
      case 'closed_order':
        this.#closedOrders.set(entity.closingNumber % REMEMBERED_ORDERS, entity);
        return;
      case 'account_command':
        this.#accountCommands.set(entity.commandNumber % REMEMBERED_COMMANDS, entity);
        return;
      case 'price':
        this.#takePrice(entity.price);
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
        return;
      }
      case 'counters':
        this.#counters = entity;
        return;
    }
  }

  /** Throws `InvariantViolation` when what was taken is no whole snapshot. */
  finish(): PartitionState {
    const state = this.#state;
    const counters = this.#counters;
    // Nothing has been saved yet, so the defaults have not either.
    if (counters === null) return state;
    state.positionRows.reserve(this.#positions.length);
    for (const position of this.#positions) restorePosition(state, position);
    const orders = [...this.#orders.values()];
    orders.sort((left, right) => left.acceptanceNumber - right.acceptanceNumber);
    for (const order of orders) restoreOrder(state, order);
    for (const source of state.sources.values()) touch(source, state.changes.sources);
    state.clockMs = counters.clockMs;
    state.ordersAccepted = counters.ordersAccepted;
    state.countersTracking.stale = true;
    state.closedOrders.restore(
      [...this.#closedOrders.values()],
      counters.ordersClosed,
      ({ accountId }) => state.accounts.get(accountId) ?? null,
      state.lanes,
    );
    const commands = [...this.#accountCommands.values()];
    state.accountCommands.restore(commands, counters.accountCommands, state.lanes);
    takeNothing(state);
    for (const [account, hash] of this.#accountHashes) {
      invariant(
        formatLanes(account.sum) === hash,
        `account ${account.accountId} is restored to the hash it was saved with`,
      );
    }
    return state;
  }

  #takeAccount(entity: AccountHeadEntity): void {
    const state = this.#state;
    const account = state.accounts.get(entity.accountId) ?? addAccount(state, entity.accountId, entity.name);
    account.updatedAtMs = entity.updatedAtMs;
    account.cash = entity.cash;
    account.cashReserved = entity.cashReserved;
    account.sequence = entity.sequence;
    account.killSwitchEngaged = entity.killSwitchEngaged;
    this.#accountHashes.set(account, entity.accountHash);
  }

  #takePrice(price: BatchPrice): void {
    const state = this.#state;
    const known = state.instruments.get(price.symbol);
    if (known !== undefined) known.price = price;
    else touch(createInstrument(state, price), state.changes.instruments);
  }
}

/** The state that these entities describe, one of each key. */
export function restoreState(partition: number, entities: Iterable<AccountStateEntity>): PartitionState {
  const restoring = new PartitionRestore(partition);
  for (const entity of entities) restoring.take(entityKey(entity), entity);
  return restoring.finish();
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

function restoreOrder(state: PartitionState, entity: OpenOrderEntity): void {
  const account = state.accounts.get(entity.accountId);
  const instrument = state.instruments.get(entity.symbol);
  invariant(
    account !== undefined && instrument !== undefined,
    'an order in a snapshot has its account and price',
  );
  const { orderIds, workingOrders } = state;
  const { intent, lifetime, progress } = entity;
  const position = state.positions.get(account, instrument) ?? null;
  const order = workingOrders.takeUp(entity, account, instrument, position, entity.fees);
  orderIds.read(entity.orderId);
  order.setId(orderIds.words, orderIds.hash);
  const reservedCash = intent.side === 'BUY' ? intent.reservedCash : ZERO_MONEY;
  order.want(intent.side, intent.type, entity.quantity, worstPriceOf(intent), reservedCash);
  const expiresAtMs = lifetime.timeInForce === 'DAY' ? lifetime.expiresAtMs : NEVER;
  order.accept(entity.acceptanceNumber, entity.acceptedAtMs, expiresAtMs);
  if (progress.kind === 'partially_filled') {
    const { filledQuantity, filledNotional, feesCharged, fills } = progress;
    order.fill(filledQuantity, filledNotional, feesCharged, fills);
  }
  order.saved = true;
  account.openOrders += 1;
  listOrder(state, order);
}

function worstPriceOf(intent: OpenOrderEntity['intent']): Price {
  if (intent.type === 'LIMIT') return intent.limitPrice;
  return intent.side === 'BUY' ? intent.collar : NO_LIMIT;
}
