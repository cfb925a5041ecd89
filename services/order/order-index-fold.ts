/**
 * Orders as the index stores them, from a batch of `trade_orders` and `order_updates`: one row per order and batch,
 * however many steps the order took in it. Pure.
 */
import type { OrderId } from '#domain/data/identifiers.ts';
import { isOrderStep, type OrderStep, type OrderUpdate } from '#domain/data/trading-events.ts';
import type { SubmitOrder } from '#domain/data/trading-inputs.ts';
import type { IndexedOrder } from '#infrastructure/relational/stores.ts';
import { acceptedOrder } from './place-order.ts';

export interface IndexBatch {
  readonly submitted: readonly SubmitOrder[];
  readonly updates: readonly OrderUpdate[];
}

export function indexRows({ submitted, updates }: IndexBatch): readonly IndexedOrder[] {
  const acceptances = new Map<OrderId, IndexedOrder>();
  for (const command of submitted) {
    // The first one is the order; a later one under its id is a repeat, or a conflict that the core answers.
    if (!acceptances.has(command.orderId)) acceptances.set(command.orderId, acceptedOrder(command));
  }
  const latest = new Map<OrderId, OrderStep>();
  for (const update of updates) {
    if (!isOrderStep(update)) continue;
    const former = latest.get(update.orderId);
    if (former === undefined || update.sequence > former.sequence) latest.set(update.orderId, update);
  }
  const rows: IndexedOrder[] = [];
  for (const [orderId, acceptance] of acceptances) {
    // Separate rows: the store keeps the facts of acceptance, which an update does not know.
    rows.push(acceptance);
    const update = latest.get(orderId);
    if (update !== undefined) rows.push(updatedOrder(update, acceptance));
    latest.delete(orderId);
  }
  for (const update of latest.values()) rows.push(updatedOrder(update, null));
  return rows;
}

function updatedOrder(update: OrderStep, acceptance: IndexedOrder | null): IndexedOrder {
  return {
    orderId: update.orderId,
    userId: update.accountId,
    symbol: update.symbol,
    side: update.side,
    type: update.orderType,
    timeInForce: update.timeInForce,
    quantity: update.quantity,
    notional: acceptance?.notional ?? null,
    limitPrice: update.limitPrice,
    clientOrderId: update.clientOrderId,
    status: update.status,
    filledQuantity: update.filledQuantity,
    averageFillPrice: update.averageFillPrice,
    reason: update.reason,
    bodyDigest: acceptance?.bodyDigest ?? '',
    createdAtMs: acceptance?.createdAtMs ?? update.timeMs,
    updatedAtMs: update.timeMs,
    accountSequence: update.sequence,
  };
}
