/**
 * The orders of the last moments, in memory: concurrent twins of a request meet here, and an order is found here
 * until the index has it.
 *
 *   in flight ─accepted─▶ accepted ─indexed, and room is needed─▶ forgotten
 *       │  └──refused──▶ forgotten (a refusal does not consume the key)
 *       └──outcome unknown──▶ unknown ─the same request again─▶ in flight
 *
 * Bounded: an order that the index does not have yet is never forgotten, so a full memory of those refuses.
 */
import type { AccountId, OrderId } from '#domain/data/identifiers.ts';
import type { HttpResult } from '#infrastructure/core/http.ts';
import type { IndexedOrder } from '#infrastructure/relational/stores.ts';

export type RecentOrder =
  | { readonly kind: 'in-flight'; readonly bodyDigest: string; readonly answer: Promise<HttpResult> }
  | {
      readonly kind: 'accepted';
      readonly bodyDigest: string;
      readonly order: IndexedOrder;
      readonly place: Place;
    }
  | { readonly kind: 'unknown'; readonly bodyDigest: string };

/** In `trade_orders`. */
export interface Place {
  readonly partition: number;
  readonly offset: number;
}

export class RecentOrders {
  readonly #capacity: number;
  readonly #byId = new Map<OrderId, RecentOrder>();
  /** Accepted and not yet in the index, oldest first. */
  readonly #unindexed = new Map<AccountId, Map<OrderId, IndexedOrder>>();
  readonly #waiting = new Map<number, { readonly offset: number; readonly order: IndexedOrder }[]>();
  readonly #indexed = new Map<number, number>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#byId.size;
  }

  find(orderId: OrderId): RecentOrder | null {
    return this.#byId.get(orderId) ?? null;
  }

  /** `false` when as many orders as fit are waiting for the index. */
  makeRoom(): boolean {
    for (const [orderId, recent] of this.#byId) {
      if (this.#byId.size < this.#capacity) return true;
      if (recent.kind === 'in-flight') continue;
      if (recent.kind === 'accepted' && !this.#isIndexed(recent.place)) return false;
      this.#byId.delete(orderId);
    }
    return this.#byId.size < this.#capacity;
  }

  begin(orderId: OrderId, bodyDigest: string, answer: Promise<HttpResult>): void {
    this.#byId.delete(orderId);
    this.#byId.set(orderId, { kind: 'in-flight', bodyDigest, answer });
  }

  accept(order: IndexedOrder, place: Place): void {
    const { orderId, userId, bodyDigest } = order;
    this.#byId.delete(orderId);
    this.#byId.set(orderId, { kind: 'accepted', bodyDigest, order, place });
    if (this.#isIndexed(place)) return;
    const own = this.#unindexed.get(userId) ?? new Map<OrderId, IndexedOrder>();
    this.#unindexed.set(userId, own.set(orderId, order));
    const waiting = this.#waiting.get(place.partition) ?? [];
    this.#waiting.set(place.partition, waiting);
    waiting.push({ offset: place.offset, order });
  }

  unknown(orderId: OrderId, bodyDigest: string): void {
    this.#byId.set(orderId, { kind: 'unknown', bodyDigest });
  }

  forget(orderId: OrderId): void {
    this.#byId.delete(orderId);
  }

  /** The index has everything of `partition` below `nextOffset`. */
  indexedUpTo(partition: number, nextOffset: number): void {
    if (nextOffset <= (this.#indexed.get(partition) ?? 0)) return;
    this.#indexed.set(partition, nextOffset);
    const waiting = this.#waiting.get(partition) ?? [];
    const still = waiting.filter(({ offset, order }) => {
      if (offset >= nextOffset) return true;
      const own = this.#unindexed.get(order.userId);
      own?.delete(order.orderId);
      if (own?.size === 0) this.#unindexed.delete(order.userId);
      return false;
    });
    this.#waiting.set(partition, still);
  }

  /** Newest first. */
  unindexedOf(accountId: AccountId): readonly IndexedOrder[] {
    return [...(this.#unindexed.get(accountId)?.values() ?? [])].reverse();
  }

  #isIndexed(place: Place): boolean {
    return place.offset < (this.#indexed.get(place.partition) ?? 0);
  }
}
