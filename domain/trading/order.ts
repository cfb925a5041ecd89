/**
 * An order's life:
 *
 * ```
 *   SubmitOrder ─┬─▶ DENIED (risk)
 *                └─▶ open: unfilled ─▶ partially_filled ─┬─▶ FILLED
 *                            └───────────────┴───────────┴─▶ CANCELED · EXPIRED · REJECTED
 * ```
 * An open order is a `WorkingOrder` and outside an `OpenOrderEntity`, a closed one a `ClosedOrderEntity`: no entity can
 * be both, be open and filled up, be a market order with a limit, or be a sale that holds cash. This file makes the
 * steps of that life that move no money: taking up, describing and closing.
 */
import type { ClosedOrderEntity, ClosedOrderStatus } from '#domain/data/account-state.ts';
import {
  divideOrLargest,
  type Money,
  type Price,
  type Quantity,
  ZERO_QUANTITY,
} from '#domain/data/decimal.ts';
import type { AccountId, OrderId } from '#domain/data/identifiers.ts';
import { MAX_TIMESTAMP_MS } from '#domain/data/timestamp.ts';
import type { OrderUpdate } from '#domain/data/trading-events.ts';
import type { SubmitOrder, TimeInForce } from '#domain/data/trading-inputs.ts';
import { invariant } from './invariant.ts';
import { closedSlot, openNumber, referenceToOpen, UNKNOWN } from './order-ids.ts';
import type { Denial, ProposedOrder, RiskApproved } from './risk.ts';
import type { PartitionState } from './state.ts';
import { emptyLanes, readLanes, shiftWords, subtractLanes, writeLanes } from './state-hash.ts';
import { emitOrderUpdate, emitTrade, nextSequence, type Step } from './step.ts';
import { NEVER, ORDER_CELLS, type WorkingOrder } from './working-order.ts';

const DAY_MS = 86_400_000;

function expiryOf(timeInForce: TimeInForce, clockMs: number): number {
  if (timeInForce === 'GTC') return NEVER;
  return Math.min((Math.floor(clockMs / DAY_MS) + 1) * DAY_MS, MAX_TIMESTAMP_MS);
}

/** The open order of an id; `null` when there is none. */
export function findOpen(state: PartitionState, orderId: OrderId): WorkingOrder | null {
  const { orderIds, workingOrders, closedOrders } = state;
  const number = openNumber(orderIds.find(orderId, workingOrders, closedOrders));
  return number < 0 ? null : workingOrders.at(number);
}

/** The slot of the closed order of an id; -1 when none is remembered. */
function findClosed(state: PartitionState, orderId: OrderId): number {
  const { orderIds, workingOrders, closedOrders } = state;
  return closedSlot(orderIds.find(orderId, workingOrders, closedOrders));
}

/**
 * Takes up an approved order, whose id has just been looked for: reserves what it needs and says `new`. It is not
 * listed until it rests.
 */
export function acceptOrder(step: Step, approved: RiskApproved<ProposedOrder>): WorkingOrder {
  const { state } = step;
  const { input, account, instrument, position, quantity, worstPrice, reservedCash } = approved;
  const { orderIds, workingOrders, controls, clockMs } = state;
  state.ordersAccepted += 1;
  const order = workingOrders.takeUp(input, account, instrument, position, controls.fees);
  order.setId(orderIds.words, orderIds.hash);
  order.want(input.side, input.terms.type, quantity, worstPrice, reservedCash);
  order.accept(state.ordersAccepted, clockMs, expiryOf(input.timeInForce, clockMs));
  if (input.side === 'BUY') {
    account.cashReserved = BigInt.asIntN(64, account.cashReserved + reservedCash) as Money;
  } else {
    invariant(position !== null, 'an approved sale has a position');
    position.reserved = BigInt.asIntN(64, position.reserved + quantity) as Quantity;
    position.touch(state.changes.positions);
  }
  account.openOrders += 1;
  describe(step, order, 'new', 'NEW', null);
  return order;
}

/** Makes an order rest: from here on batches, expiry, cancels and snapshots find it. */
export function listOrder(state: PartitionState, order: WorkingOrder): void {
  const { expiresAtMs, texts } = order;
  const { orderId, bodyDigest, clientOrderId } = texts;
  // It may stay for long: of the input that it came with, it keeps no more than it needs.
  order.texts = { orderId, bodyDigest, clientOrderId };
  order.listed = true;
  state.workingOrders.list(order);
  state.orderIds.add(order.idHash, referenceToOpen(order.number));
  order.instrument.resting.add(order);
  order.touch(state.changes.orders);
  if (expiresAtMs !== NEVER && expiresAtMs < state.nextExpiryMs) state.nextExpiryMs = expiresAtMs;
}

const formerHash = emptyLanes();
const NO_HASH = emptyLanes();

/** What an order has put into the sums leaves them with it. */
function unlistOrder(state: PartitionState, order: WorkingOrder): void {
  const { account, texts } = order;
  const { words } = order.rows;
  const hashAt = (order.place + ORDER_CELLS) * 2;
  order.listed = false;
  order.instrument.resting.remove(order);
  readLanes(words, hashAt, formerHash);
  const { lane0, lane1, lane2, lane3 } = formerHash;
  shiftWords(account.rows.words, account.sumAt, -lane0 | 0, -lane1 | 0, -lane2 | 0, -lane3 | 0);
  subtractLanes(state.lanes, formerHash);
  writeLanes(NO_HASH, words, hashAt);
  if (order.saved) {
    const { accountId } = account;
    state.changes.removedOrders.push({ kind: 'removed_order', accountId, orderId: texts.orderId });
  }
}

/** Ends an order: gives back what it still holds, remembers its id, and says so. */
export function closeOrder(
  step: Step,
  order: WorkingOrder,
  status: Exclude<ClosedOrderStatus, 'DENIED'>,
  reason: string | null,
): void {
  const { state } = step;
  const { account, texts } = order;
  invariant(order.open, 'an order is closed once');
  releaseReservation(state, order);
  order.open = false;
  account.openOrders -= 1;
  const former = order.listed ? referenceToOpen(order.number) : UNKNOWN;
  if (order.listed) unlistOrder(state, order);
  const closed = closedOrder(state, account.accountId, texts, status, order.filledQuantity);
  const { words } = order.rows;
  state.closedOrders.add(closed, account, words, order.idAt, order.idHash, former, state.lanes);
  describe(step, order, UPDATE_OF[status], status, reason);
  state.workingOrders.release(order);
}

const UPDATE_OF = { FILLED: 'fill', CANCELED: 'canceled', EXPIRED: 'expired', REJECTED: 'rejected' } as const;

function releaseReservation(state: PartitionState, order: WorkingOrder): void {
  const { account, position } = order;
  if (order.side === 'BUY') {
    account.cashReserved = BigInt.asIntN(64, account.cashReserved - order.reservedCash) as Money;
    invariant(account.cashReserved >= 0n, 'an account never gives back more than it has reserved');
    return;
  }
  const left = BigInt.asIntN(64, order.quantity - order.filledQuantity);
  if (left === 0n) return;
  invariant(position !== null, 'an open sale has a position');
  position.reserved = BigInt.asIntN(64, position.reserved - left) as Quantity;
  invariant(position.reserved >= 0n, 'a position never gives back more than it has reserved');
  position.touch(state.changes.positions);
}

function closedOrder(
  state: PartitionState,
  accountId: AccountId,
  texts: { readonly orderId: OrderId; readonly bodyDigest: string },
  status: ClosedOrderStatus,
  filledQuantity: Quantity,
): ClosedOrderEntity {
  return {
    kind: 'closed_order',
    closingNumber: state.closedOrders.count,
    accountId,
    orderId: texts.orderId,
    bodyDigest: texts.bodyDigest,
    status,
    filledQuantity,
  };
}

/** An order that did not pass risk, and whose id has just been looked for: its first and last step. */
export function denyOrder(step: Step, input: SubmitOrder, denial: Denial): void {
  const { state } = step;
  const { orderIds } = state;
  const { accountId, terms } = input;
  const account = state.accounts.get(accountId) ?? null;
  const closed = closedOrder(state, accountId, input, 'DENIED', ZERO_QUANTITY);
  state.closedOrders.add(closed, account, orderIds.words, 0, orderIds.hash, UNKNOWN, state.lanes);
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
  order: WorkingOrder,
  update: OrderUpdate['update'],
  status: OrderUpdate['status'],
  reason: string | null,
): void {
  const { account, texts, type, filledQuantity } = order;
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
    orderId: texts.orderId,
    status,
    symbol: order.instrument.symbol,
    side: order.side,
    orderType: type,
    timeInForce: order.timeInForce,
    quantity: order.quantity,
    limitPrice: type === 'LIMIT' ? order.worstPrice : null,
    clientOrderId: texts.clientOrderId,
    filledQuantity,
    averageFillPrice: averagePrice(filledQuantity, order.filledNotional),
    reason,
  });
}

function averagePrice(quantity: Quantity, notional: Money): Price | null {
  return quantity === 0n ? null : divideOrLargest(notional, quantity);
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
  const closed = findClosed(state, orderId);
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
export function openStatus(order: WorkingOrder): 'NEW' | 'PARTIALLY_FILLED' {
  return order.fills === 0 ? 'NEW' : 'PARTIALLY_FILLED';
}
