/**
 * Orders as the index stores them, from a batch of `trade_orders` and `order_updates`: one row per order and batch,
 * however many steps the order took in it. Pure.
 */
import type { OrderId } from '#domain/data/identifiers.ts';
import type { OrderUpdate } from '#domain/data/trading-events.ts';
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
  const latest = new Map<OrderId, OrderUpdate>();
  for (const update of updates) {
    if (!changesTheOrder(update)) continue;
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

/** A cancel that came to nothing, or a conflicting repeat, says nothing new about the order itself. */
function changesTheOrder(update: OrderUpdate): boolean {
  return (
    update.update !== 'cancel_rejected' && update.update !== 'duplicate_conflict' && update.symbol !== null
  );
}

function updatedOrder(update: OrderUpdate, acceptance: IndexedOrder | null): IndexedOrder {
  const { symbol, side, orderType, timeInForce } = update;
  return {
    orderId: update.orderId,
    userId: update.accountId,
    symbol: symbol ?? requireFact(acceptance?.symbol),
    side: side ?? requireFact(acceptance?.side),
    type: orderType ?? requireFact(acceptance?.type),
    timeInForce: timeInForce ?? requireFact(acceptance?.timeInForce),
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

function requireFact<Fact>(fact: Fact | undefined): Fact {
  if (fact === undefined) throw new TypeError('an update that changes an order names what it is');
  return fact;
}
