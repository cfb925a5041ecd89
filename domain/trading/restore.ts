/** A partition's state made again from the entities of its snapshots: same hash, same future. */
import type {
  AccountHeadEntity,
  AccountStateEntity,
  ClosedOrderEntity,
  CountersEntity,
  OpenOrderEntity,
  PositionEntity,
} from '#domain/data/account-state.ts';
import { entityKey, OPEN_ORDER_KEYS, REMEMBERED_ORDERS } from '#domain/data/account-state-key.ts';
import { scanAccountState } from '#domain/data/account-state-scan.ts';
import { type Price, ZERO_MONEY } from '#domain/data/decimal.ts';
import type { AccountId, EventId } from '#domain/data/identifiers.ts';
import type { BatchPrice } from '#domain/data/trading-inputs.ts';
import { addAccount } from './accounts.ts';
import { AccountsByWords } from './accounts-by-words.ts';
import { createState } from './create-state.ts';
import type { Account } from './holdings.ts';
import { invariant } from './invariant.ts';
import { bookOf } from './ledger.ts';
import { listOrder } from './order.ts';
import { unpackUuid } from './packed-text.ts';
import { positionOf } from './position.ts';
import { createInstrument } from './price-book.ts';
import { takeNothing } from './snapshot.ts';
import type { PartitionState } from './state.ts';
import { emptyLanes, formatLanes } from './state-hash.ts';
import { touch, untracked } from './tracking.ts';
import { NEVER, NO_LIMIT } from './working-order.ts';

/**
 * Takes what a partition's snapshots have written, as it is read, and makes the state of it. Of a key the last one
 * counts, and otherwise they come in whatever order, so an account or a price may be met in what belongs to it before it
 * comes itself. What is taken goes into the state at once and is let go: kept until the end, it would cost more memory
 * than the state. The stream's head is passed over.
 */
export class PartitionRestore {
  readonly #state: PartitionState;
  /** As saved, by the account's number; not there for an account that was only met so far. */
  readonly #accountHashes: string[] = [];
  readonly #accountsByWords = new AccountsByWords();
  readonly #orders = new Map<string, OpenOrderEntity>();
  /** Denied ones of accounts not met so far: perhaps there is no such account. By slot. */
  readonly #deniedOrders = new Map<number, ClosedOrderEntity>();
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
        this.#takeAccount(this.#accountOf(entity.accountId), entity);
        return;
      case 'position':
        this.#takePosition(this.#accountOf(entity.accountId), entity);
        return;
      case 'order':
        this.#orders.set(key, entity);
        return;
      case 'closed_order':
        this.#takeClosedOrder(entity);
        return;
      case 'account_command':
        state.accountCommands.restore(entity, state.lanes);
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

  /** Takes a record from its bytes where that is quicker than by its entity; false where it is not, and not taken. */
  takeWritten(bytes: Uint8Array): boolean {
    const scanned = scanAccountState(bytes);
    switch (scanned?.kind) {
      case undefined:
        return false;
      case 'account':
        this.#takeAccount(this.#accountOfWords(scanned.accountId), scanned);
        return true;
      case 'position':
        this.#takePosition(this.#accountOfWords(scanned.accountId), scanned);
        return true;
      case 'closed_order': {
        if (scanned.status === 'DENIED') return false;
        const { closedOrders, lanes } = this.#state;
        this.#deniedOrders.delete(scanned.closingNumber % REMEMBERED_ORDERS);
        closedOrders.restoreScanned(scanned, this.#accountOfWords(scanned.accountId), lanes);
        return true;
      }
      case 'account_command':
        this.#state.accountCommands.restore(scanned, this.#state.lanes);
        return true;
    }
  }

  /** Throws `InvariantViolation` when what was taken is no whole snapshot. */
  finish(): PartitionState {
    const state = this.#state;
    const counters = this.#counters;
    // Nothing has been saved yet, so the defaults have not either.
    if (counters === null) return state;
    const accounts = state.accounts.values();
    invariant(
      accounts.every(({ number }) => this.#accountHashes[number] !== undefined),
      'what belongs to an account is in a snapshot with its account',
    );
    for (const { price } of state.instruments.values()) {
      invariant(price.price !== NO_PRICE, 'a position is in a snapshot with its price');
    }
    const orders = [...this.#orders.values()];
    orders.sort((left, right) => left.acceptanceNumber - right.acceptanceNumber);
    for (const order of orders) restoreOrder(state, order);
    for (const source of state.sources.values()) touch(source, state.changes.sources);
    state.clockMs = counters.clockMs;
    state.ordersAccepted = counters.ordersAccepted;
    state.countersTracking.stale = true;
    for (const denied of this.#deniedOrders.values()) {
      state.closedOrders.restore(denied, state.accounts.get(denied.accountId) ?? null, state.lanes);
    }
    state.closedOrders.finishRestore(counters.ordersClosed);
    state.accountCommands.finishRestore(counters.accountCommands);
    takeNothing(state);
    const sum = emptyLanes();
    for (const account of accounts) {
      account.readSum(sum);
      invariant(
        formatLanes(sum) === this.#accountHashes[account.number],
        `account ${account.accountId} is restored to the hash it was saved with`,
      );
    }
    return state;
  }

  #takeAccount(account: Account, entity: Omit<AccountHeadEntity, 'accountId'>): void {
    account.setName(entity.name);
    account.updatedAtMs = entity.updatedAtMs;
    account.cash = entity.cash;
    account.cashReserved = entity.cashReserved;
    account.sequence = entity.sequence;
    account.killSwitchEngaged = entity.killSwitchEngaged;
    account.breaker = entity.breaker;
    account.dayResult = entity.dayResult;
    account.resultDay = entity.resultDay;
    if (entity.breaker.state === 'QUIET_PERIOD')
      this.#state.nextQuietEndMs = Math.min(this.#state.nextQuietEndMs, entity.breaker.untilMs);
    this.#accountHashes[account.number] = entity.accountHash;
  }

  #accountOf(accountId: AccountId): Account {
    const met = this.#state.accounts.get(accountId);
    if (met !== undefined) return met;
    const account = addAccount(this.#state, accountId, '');
    this.#accountsByWords.add(account.number, accountId);
    return account;
  }

  #accountOfWords(words: Int32Array): Account {
    const number = this.#accountsByWords.find(words);
    return this.#state.accounts.at(number) ?? this.#accountOf(unpackUuid(words, 0) as AccountId);
  }

  #takePosition(account: Account, entity: Omit<PositionEntity, 'accountId'>): void {
    const state = this.#state;
    const instrument =
      state.instruments.get(entity.symbol) ?? createInstrument(state, { ...UNPRICED, symbol: entity.symbol });
    const position = positionOf(state, account, instrument);
    position.quantity = entity.quantity;
    position.reserved = entity.reserved;
    position.costBasis = entity.costBasis;
    position.realisedProfit = entity.realisedProfit;
    position.liquiditySequence = entity.liquidityUsed.sequence;
    position.liquidityBought = entity.liquidityUsed.bought;
    position.liquiditySold = entity.liquidityUsed.sold;
  }

  #takeClosedOrder(entity: ClosedOrderEntity): void {
    const state = this.#state;
    const slot = entity.closingNumber % REMEMBERED_ORDERS;
    this.#deniedOrders.delete(slot);
    if (entity.status !== 'DENIED') {
      state.closedOrders.restore(entity, this.#accountOf(entity.accountId), state.lanes);
      return;
    }
    const account = state.accounts.get(entity.accountId);
    if (account === undefined) this.#deniedOrders.set(slot, entity);
    else state.closedOrders.restore(entity, account, state.lanes);
  }

  #takePrice(price: BatchPrice): void {
    const state = this.#state;
    const instrument = state.instruments.get(price.symbol) ?? createInstrument(state, price);
    instrument.price = price;
    touch(instrument, state.changes.instruments);
  }
}

/** Of an instrument that was only met so far. */
const NO_PRICE = 0n as Price;
const UNPRICED: Omit<BatchPrice, 'symbol'> = {
  sequence: 0,
  eventId: '' as EventId,
  feedTimestampMs: 0,
  price: NO_PRICE,
  bid: null,
  bidSize: null,
  ask: null,
  askSize: null,
  tradedSize: null,
  low: NO_PRICE,
  high: NO_PRICE,
};

/** The state that these entities describe, one of each key. */
export function restoreState(partition: number, entities: Iterable<AccountStateEntity>): PartitionState {
  const restoring = new PartitionRestore(partition);
  for (const entity of entities) restoring.take(entityKey(entity), entity);
  return restoring.finish();
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
