/** The two commands about orders, SubmitOrder and CancelOrder, and what else ends them: their day, a halt of trading. */
import type { CancelOrder, SubmitOrder } from '#domain/data/trading-inputs.ts';
import { closeOrder, denyOrder, describe, describeAbsent, findOpen, openStatus } from './order.ts';
import { closedSlot, openNumber, UNKNOWN } from './order-ids.ts';
import { assessRisk } from './risk.ts';
import { placeOrder } from './settlement.ts';
import type { Step } from './step.ts';
import { NEVER, type WorkingOrder } from './working-order.ts';

const CONFLICT = 'duplicate_conflict: this order id came before with another body';

/** An id is taken once: again with the same body it is nothing, with another one a conflict. */
export function submitOrder(step: Step, input: SubmitOrder): void {
  const { state } = step;
  const { orderIds, workingOrders, closedOrders } = state;
  const known = orderIds.find(input.orderId, workingOrders, closedOrders);
  if (known !== UNKNOWN) {
    repeatOrder(step, input, openNumber(known), closedSlot(known));
    return;
  }
  const verdict = assessRisk(state, input);
  if (verdict.kind === 'approved') placeOrder(step, verdict);
  else denyOrder(step, input, verdict);
}

function repeatOrder(step: Step, input: SubmitOrder, openOrder: number, closedOrder: number): void {
  const { workingOrders, closedOrders } = step.state;
  if (openOrder < 0) {
    if (closedOrders.hasDigest(closedOrder, input.bodyDigest)) return;
    describeAbsent(step, input.accountId, input.orderId, 'duplicate_conflict', CONFLICT);
    return;
  }
  const order = workingOrders.at(openOrder);
  if (order.texts.bodyDigest === input.bodyDigest) return;
  if (order.account.accountId !== input.accountId) {
    describeAbsent(step, input.accountId, input.orderId, 'duplicate_conflict', CONFLICT);
  } else {
    describe(step, order, 'duplicate_conflict', openStatus(order), CONFLICT);
  }
}

/** A request to the venue; the feed venue grants it at once. Of another account's order nothing is said. */
export function cancelOrder(step: Step, input: CancelOrder): void {
  const order = findOpen(step.state, input.orderId);
  if (order !== null && order.account.accountId === input.accountId) {
    closeOrder(step, order, 'CANCELED', 'requested');
    return;
  }
  describeAbsent(
    step,
    input.accountId,
    input.orderId,
    'cancel_rejected',
    'unknown_order: the account has no such order',
    'order_closed: the order has ended already',
  );
}

/** Ends the DAY orders whose day is over, in order of acceptance. */
export function expireOrders(step: Step): void {
  const { state } = step;
  const due: WorkingOrder[] = [];
  let next = Number.POSITIVE_INFINITY;
  for (const order of state.workingOrders.listed()) {
    const { expiresAtMs } = order;
    if (expiresAtMs === NEVER) continue;
    if (expiresAtMs <= state.clockMs) due.push(order);
    else if (expiresAtMs < next) next = expiresAtMs;
  }
  state.nextExpiryMs = next;
  for (const order of byAcceptance(due)) closeOrder(step, order, 'EXPIRED', 'the trading day has ended');
}

/** Ends these open orders, in order of acceptance. */
export function cancelOrders(step: Step, orders: readonly WorkingOrder[], reason: string): void {
  for (const order of byAcceptance([...orders])) closeOrder(step, order, 'CANCELED', reason);
}

function byAcceptance(orders: WorkingOrder[]): readonly WorkingOrder[] {
  return orders.sort((left, right) => left.acceptanceNumber - right.acceptanceNumber);
}
