/** The two commands about orders, and the two ways in which time ends them: SubmitOrder, CancelOrder, DAY. */
import type { CancelOrder, SubmitOrder } from '#domain/data/trading-inputs.ts';
import { hashOfId } from './id-map.ts';
import { closeOrder, denyOrder, describe, describeAbsent, filledOf, openStatus } from './order.ts';
import { allResting } from './resting-orders.ts';
import { assessRisk } from './risk.ts';
import { placeOrder } from './settlement.ts';
import type { WorkingOrder } from './state.ts';
import type { Step } from './step.ts';

const CONFLICT = 'duplicate_conflict: this order id came before with another body';

/** An id is taken once: again with the same body it is nothing, with another one a conflict. */
export function submitOrder(step: Step, input: SubmitOrder): void {
  const { state } = step;
  const idHash = hashOfId(input.orderId);
  const working = state.working.get(input.orderId, idHash);
  if (working !== undefined) {
    if (working.order.bodyDigest === input.bodyDigest) return;
    if (working.order.accountId !== input.accountId) {
      describeAbsent(step, input.accountId, input.orderId, 'duplicate_conflict', CONFLICT);
    } else {
      describe(
        step,
        working,
        'duplicate_conflict',
        openStatus(working.order),
        filledOf(working.order),
        CONFLICT,
      );
    }
    return;
  }
  const closed = state.closedOrders.find(input.orderId, idHash);
  if (closed >= 0) {
    if (state.closedOrders.hasDigest(closed, input.bodyDigest)) return;
    describeAbsent(step, input.accountId, input.orderId, 'duplicate_conflict', CONFLICT);
    return;
  }
  const verdict = assessRisk(state, input);
  if (verdict.kind === 'approved') placeOrder(step, verdict.order, idHash);
  else denyOrder(step, input, idHash, verdict.denial);
}

/** A request to the venue; the feed venue grants it at once. Of another account's order nothing is said. */
export function cancelOrder(step: Step, input: CancelOrder): void {
  const { state } = step;
  const working = state.working.get(input.orderId);
  if (working !== undefined && working.order.accountId === input.accountId) {
    closeOrder(step, working, 'CANCELED', filledOf(working.order), 'requested');
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
  for (const { resting } of state.instruments.values()) {
    for (const working of allResting(resting)) {
      const { lifetime } = working.order;
      if (lifetime.timeInForce === 'GTC') continue;
      if (lifetime.expiresAtMs <= state.clockMs) due.push(working);
      else if (lifetime.expiresAtMs < next) next = lifetime.expiresAtMs;
    }
  }
  state.nextExpiryMs = next;
  due.sort((left, right) => left.order.acceptanceNumber - right.order.acceptanceNumber);
  for (const working of due) {
    closeOrder(step, working, 'EXPIRED', filledOf(working.order), 'the trading day has ended');
  }
}
