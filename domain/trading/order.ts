/**
 * An order's life:
 *
 * ```
 *   SubmitOrder ─┬─▶ DENIED (risk)
 *                └─▶ open: unfilled ─▶ partially_filled ─┬─▶ FILLED
 *                            └───────────────┴───────────┴─▶ CANCELED · EXPIRED · REJECTED
 * ```
 * An open order is an `OpenOrderEntity`, a closed one a `ClosedOrderEntity`: no value can be both, be open and filled
 * up, be a market order with a limit, or be a sale that holds cash. This file makes the steps of that life that move
 * no money: taking up, describing and closing.
 */
import type {
  ClosedOrderEntity,
  ClosedOrderStatus,
  OpenOrderEntity,
  OrderLifetime,
} from '#domain/data/account-state.ts';
import {
  divideOrLargest,
  type Money,
  type Price,
  type Quantity,
  ZERO_MONEY,
  ZERO_QUANTITY,
} from '#domain/data/decimal.ts';
import type { AccountId, OrderId } from '#domain/data/identifiers.ts';
import type { OrderUpdate } from '#domain/data/trading-events.ts';
import type { SubmitOrder, TimeInForce } from '#domain/data/trading-inputs.ts';
import type { Account, Position } from './holdings.ts';
import { invariant } from './invariant.ts';
import { addResting, removeResting } from './resting-orders.ts';
import type { Denial, ProposedOrder, RiskApproved } from './risk.ts';
import type { PartitionState, WorkingOrder } from './state.ts';
import { emptyLanes, subtractLanes } from './state-hash.ts';
import { emitOrderUpdate, emitTrade, nextSequence, type Step } from './step.ts';
import { touch } from './tracking.ts';

const DAY_MS = 86_400_000;
const GOOD_TILL_CANCELED: OrderLifetime = { timeInForce: 'GTC' };
const NOT_YET = -1;
const UNFILLED = { kind: 'unfilled' } as const;

export interface Filled {
  readonly quantity: Quantity;
  readonly notional: Money;
  readonly fees: Money;
  readonly fills: number;
}

const NOTHING_FILLED: Filled = { quantity: ZERO_QUANTITY, notional: ZERO_MONEY, fees: ZERO_MONEY, fills: 0 };

export function filledOf(order: OpenOrderEntity): Filled {
  const { progress } = order;
  if (progress.kind === 'unfilled') return NOTHING_FILLED;
  return {
    quantity: progress.filledQuantity,
    notional: progress.filledNotional,
    fees: progress.feesCharged,
    fills: progress.fills,
  };
}

function lifetimeOf(timeInForce: TimeInForce, clockMs: number): OrderLifetime {
  if (timeInForce === 'GTC') return GOOD_TILL_CANCELED;
  return { timeInForce: 'DAY', expiresAtMs: (Math.floor(clockMs / DAY_MS) + 1) * DAY_MS };
}

/** Takes up an approved order: reserves what it needs and says `new`. It is not listed until it rests. */
export function acceptOrder(step: Step, approved: RiskApproved<ProposedOrder>, idHash: number): WorkingOrder {
  const { state } = step;
  const { input, account, instrument, position, quantity, intent } = approved;
  state.ordersAccepted += 1;
  const order: OpenOrderEntity = {
    kind: 'order',
    accountId: account.accountId,
    orderId: input.orderId,
    acceptanceNumber: state.ordersAccepted,
    symbol: instrument.symbol,
    quantity,
    intent,
    lifetime: lifetimeOf(input.timeInForce, state.clockMs),
    progress: UNFILLED,
    fees: state.controls.fees,
    clientOrderId: input.clientOrderId,
    bodyDigest: input.bodyDigest,
    acceptedAtMs: state.clockMs,
  };
  if (intent.side === 'BUY') {
    account.cashReserved = (account.cashReserved + intent.reservedCash) as Money;
  } else {
    invariant(position !== null, 'an approved sale has a position');
    position.reserved = (position.reserved + quantity) as Quantity;
    position.touch(state.changes.positions);
  }
  account.openOrders += 1;
  const working = workingOrder(account, instrument, position, order, idHash);
  describe(step, working, 'new', 'NEW', NOTHING_FILLED, null);
  return working;
}

export function workingOrder(
  account: Account,
  instrument: WorkingOrder['instrument'],
  position: Position | null,
  order: OpenOrderEntity,
  idHash: number,
): WorkingOrder {
  return {
    idHash,
    place: NOT_YET,
    identity: null,
    hash: emptyLanes(),
    stale: false,
    changed: false,
    account,
    instrument,
    position,
    order,
    listed: false,
    closed: false,
    saved: false,
    level: null,
    before: null,
    behind: null,
  };
}

/** Makes an order rest: from here on batches, expiry, cancels and snapshots find it. */
export function listOrder(state: PartitionState, working: WorkingOrder): void {
  const { order, instrument } = working;
  working.listed = true;
  working.place = state.working.add(order.orderId, working, working.idHash);
  addResting(instrument.resting, working);
  if (order.lifetime.timeInForce === 'DAY' && order.lifetime.expiresAtMs < state.nextExpiryMs) {
    state.nextExpiryMs = order.lifetime.expiresAtMs;
  }
}

/** Ends an order: gives back what it still holds, and remembers its id. */
export function closeOrder(
  step: Step,
  working: WorkingOrder,
  status: Exclude<ClosedOrderStatus, 'DENIED'>,
  filled: Filled,
  reason: string | null,
): void {
  const { state } = step;
  const { account, order, instrument } = working;
  invariant(!working.closed, 'an order is closed once');
  releaseReservation(state, working, filled.quantity);
  working.closed = true;
  account.openOrders -= 1;
  if (working.listed) {
    state.working.remove(working.place, working.idHash);
    removeResting(instrument.resting, working);
    // What an order has put into the sums leaves them with it.
    subtractLanes(account.sum, working.hash);
    subtractLanes(state.lanes, working.hash);
    touch(working, state.changes.orders);
  }
  const closed = closedOrder(state, order, status, filled.quantity);
  state.closedOrders.add(closed, account, working.idHash, state.lanes);
  const update =
    status === 'FILLED'
      ? 'fill'
      : status === 'CANCELED'
        ? 'canceled'
        : status === 'EXPIRED'
          ? 'expired'
          : 'rejected';
  describe(step, working, update, status, filled, reason);
}

function releaseReservation(state: PartitionState, working: WorkingOrder, filledQuantity: Quantity): void {
  const { account, order, position } = working;
  if (order.intent.side === 'BUY') {
    account.cashReserved = (account.cashReserved - order.intent.reservedCash) as Money;
    invariant(account.cashReserved >= 0n, 'an account never gives back more than it has reserved');
  } else if (filledQuantity !== order.quantity) {
    invariant(position !== null, 'an open sale has a position');
    position.reserved = (position.reserved - (order.quantity - filledQuantity)) as Quantity;
    invariant(position.reserved >= 0n, 'a position never gives back more than it has reserved');
    position.touch(state.changes.positions);
  }
}

function closedOrder(
  state: PartitionState,
  order: { readonly accountId: AccountId; readonly orderId: OrderId; readonly bodyDigest: string },
  status: ClosedOrderStatus,
  filledQuantity: Quantity,
): ClosedOrderEntity {
  return {
    kind: 'closed_order',
    closingNumber: state.closedOrders.count,
    accountId: order.accountId,
    orderId: order.orderId,
    bodyDigest: order.bodyDigest,
    status,
    filledQuantity,
  };
}

/** An order that did not pass risk: its first and last step. */
export function denyOrder(step: Step, input: SubmitOrder, idHash: number, denial: Denial): void {
  const { state } = step;
  const { accountId, terms } = input;
  const account = state.accounts.get(accountId) ?? null;
  const closed = closedOrder(state, input, 'DENIED', ZERO_QUANTITY);
  state.closedOrders.add(closed, account, idHash, state.lanes);
  emitOrderUpdate(step, accountId, account, {
    update: 'denied',
    orderId: input.orderId,
    status: 'DENIED',
    symbol: input.symbol,
    side: input.side,
    orderType: terms.type,
    timeInForce: input.timeInForce,
    quantity: denial.quantity,
    limitPrice: terms.type === 'LIMIT' ? terms.limitPrice : null,
    clientOrderId: input.clientOrderId,
    filledQuantity: ZERO_QUANTITY,
    averageFillPrice: null,
    reason: denial.reason,
  });
  const status =
    denial.code === 'insufficient_funds'
      ? 'FAILED_INSUFFICIENT_FUNDS'
      : denial.code === 'insufficient_shares'
        ? 'FAILED_INSUFFICIENT_SHARES'
        : 'FAILED_OTHER';
  emitTrade(step, accountId, account, {
    orderId: input.orderId,
    symbol: input.symbol,
    side: input.side,
    quantity: denial.quantity ?? ZERO_QUANTITY,
    outcome: { status, failureReason: denial.reason },
  });
}

/** Says a step of an open order, or of one that closes with it. */
export function describe(
  step: Step,
  working: WorkingOrder,
  update: OrderUpdate['update'],
  status: OrderUpdate['status'],
  filled: Filled,
  reason: string | null,
): void {
  const { account, order } = working;
  const { intent } = order;
  const sequence = nextSequence(step, account);
  step.outputs.push({
    type: 'OrderUpdate',
    eventId: null,
    cause: step.cause,
    accountId: account.accountId,
    sequence,
    timeMs: step.state.clockMs,
    ingestTimeMs: step.ingestTimeMs,
    update,
    orderId: order.orderId,
    status,
    symbol: order.symbol,
    side: intent.side,
    orderType: intent.type,
    timeInForce: order.lifetime.timeInForce,
    quantity: order.quantity,
    limitPrice: intent.type === 'LIMIT' ? intent.limitPrice : null,
    clientOrderId: order.clientOrderId,
    filledQuantity: filled.quantity,
    averageFillPrice: averagePrice(filled),
    reason,
  });
}

function averagePrice(filled: Filled): Price | null {
  return filled.quantity === 0n ? null : divideOrLargest(filled.notional, filled.quantity);
}

/** Says something about an order that is not open, or not the account's: no step of its life. */
export function describeAbsent(
  step: Step,
  accountId: AccountId,
  orderId: OrderId,
  update: 'cancel_rejected' | 'duplicate_conflict' | 'venue_event_ignored',
  reason: string,
  reasonIfClosed = reason,
): void {
  const { state } = step;
  const { closedOrders } = state;
  const closed = closedOrders.find(orderId);
  const own = closed >= 0 && closedOrders.isOf(closed, accountId);
  emitOrderUpdate(step, accountId, state.accounts.get(accountId) ?? null, {
    update,
    orderId,
    status: own ? closedOrders.statusOf(closed) : 'DENIED',
    symbol: null,
    side: null,
    orderType: null,
    timeInForce: null,
    quantity: null,
    limitPrice: null,
    clientOrderId: null,
    filledQuantity: own ? closedOrders.filledOf(closed) : ZERO_QUANTITY,
    averageFillPrice: null,
    reason: own ? reasonIfClosed : reason,
  });
}

/** An open order's status on the wires. */
export function openStatus(order: OpenOrderEntity): 'NEW' | 'PARTIALLY_FILLED' {
  return order.progress.kind === 'unfilled' ? 'NEW' : 'PARTIALLY_FILLED';
}
