/**
 * The rows that the order index should hold: of each order what its acceptance says, and what its last update says. Kept as
 * digests of the two, since they come from two topics.
 */
import type { OrderId } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { isOrderStep, type OrderUpdate } from '#domain/data/trading-events.ts';
import { decodeTradingInput } from '#domain/data/trading-input-codec.ts';
import type { LogArchive } from '#infrastructure/event-log/log-archive.ts';
import type { IndexedOrder } from '#infrastructure/relational/stores.ts';
import { acceptedOrder } from '#services/order/place-order.ts';
import { digestOf } from './digest.ts';

interface ExpectedOrder {
  acceptance: number;
  /** Of the last update; 0 before the first. */
  sequence: number;
  update: number;
}

/** As an order is in the index before anything has become of it. */
const UNTOUCHED = updateDigest({
  status: 'ACCEPTED',
  filledQuantity: 0n,
  averageFillPrice: null,
  reason: null,
});

export class ExpectedOrders {
  readonly #orders = new Map<OrderId, ExpectedOrder>();

  #of(orderId: OrderId): ExpectedOrder {
    let order = this.#orders.get(orderId);
    if (order === undefined) {
      order = { acceptance: 0, sequence: 0, update: UNTOUCHED };
      this.#orders.set(orderId, order);
    }
    return order;
  }

  update(event: OrderUpdate): void {
    if (!isOrderStep(event)) return;
    const order = this.#of(event.orderId);
    if (event.sequence <= order.sequence) return;
    order.sequence = event.sequence;
    order.update = updateDigest(event);
  }

  /** The first acceptance of an id is the order; a later one is a repeat or a conflict. */
  readAcceptances(archive: LogArchive): void {
    for (const place of archive.partitions().filter(({ topic }) => topic === TOPIC.tradeOrders)) {
      for (const { key, value } of archive.records(place)) {
        // Prices and controls have no key.
        const decoded = key === null || value === null ? null : decodeTradingInput(value);
        if (decoded?.kind !== 'decoded' || decoded.value.type !== 'SubmitOrder') continue;
        const order = this.#of(decoded.value.orderId);
        if (order.acceptance === 0) order.acceptance = acceptanceDigest(acceptedOrder(decoded.value));
      }
    }
  }

  get size(): number {
    return this.#orders.size;
  }

  /** Why the row is not what the log says; `null` when it is. */
  difference(row: IndexedOrder): string | null {
    const order = this.#orders.get(row.orderId);
    if (order === undefined) return 'is not in the log';
    if (acceptanceDigest(row) !== order.acceptance) return 'differs from what was accepted';
    if (row.accountSequence !== order.sequence || updateDigest(row) !== order.update)
      return 'differs from its last update';
    return null;
  }
}

function acceptanceDigest(row: IndexedOrder): number {
  const { userId, symbol, side, type, timeInForce, notional, limitPrice, clientOrderId } = row;
  const { bodyDigest, createdAtMs } = row;
  return digestOf([
    userId,
    symbol,
    side,
    type,
    timeInForce,
    notional,
    limitPrice,
    clientOrderId,
    bodyDigest,
    createdAtMs,
  ]);
}

function updateDigest(
  row: Pick<IndexedOrder, 'status' | 'reason'> & {
    readonly filledQuantity: bigint;
    readonly averageFillPrice: bigint | null;
  },
): number {
  const { status, filledQuantity, averageFillPrice, reason } = row;
  return digestOf([status, filledQuantity, averageFillPrice, reason]);
}
