/**
 * An account's orders as this instance knows them: those of the index, and those that it accepted and the index does
 * not have yet. To whoever asks they are one list.
 */
import type { AccountId, OrderId, Symbol as Ticker } from '#domain/data/identifiers.ts';
import type { IndexedOrder, OrderIndex, OrderStatus } from '#infrastructure/relational/stores.ts';
import type { IndexLag } from './index-lag.ts';
import type { RecentOrders } from './recent-orders.ts';

export interface ReadOrdersParts {
  readonly orders: Pick<OrderIndex, 'get' | 'getMany' | 'list'>;
  readonly recent: Pick<RecentOrders, 'find' | 'unindexedOf'>;
  readonly indexLag: Pick<IndexLag, 'reached'>;
}

export interface OrdersFilter {
  readonly status?: 'open' | 'closed' | OrderStatus;
  readonly symbol?: Ticker;
}

export type OrdersPage =
  | { readonly kind: 'page'; readonly orders: readonly IndexedOrder[]; readonly next: OrderId | null }
  /** `after` is no order of the account. */
  | { readonly kind: 'unknown' }
  /** `after` may be an order that another instance accepted and the index does not have yet. */
  | { readonly kind: 'behind' };

const ASKED_AT_ONCE = 500;

/** `behind`: it may have been accepted by another instance, and the index does not have it yet. */
export async function ownOrder(
  { orders, recent, indexLag }: ReadOrdersParts,
  accountId: AccountId,
  orderId: OrderId,
): Promise<IndexedOrder | null | 'behind'> {
  const indexed = await orders.get(orderId);
  const former = indexed === null ? recent.find(orderId) : null;
  let order = indexed ?? (former?.kind === 'accepted' ? former.order : null);
  if (order === null) {
    if (!(await indexLag.reached(accountId))) return 'behind';
    order = await orders.get(orderId);
  }
  return order?.userId === accountId ? order : null;
}

/** Newest first by (createdAt, orderId), those behind the order `after`; `next` is its value for the page that follows. */
export async function ordersPage(
  parts: ReadOrdersParts,
  accountId: AccountId,
  { after, limit, ...filter }: OrdersFilter & { readonly after: OrderId | null; readonly limit: number },
): Promise<OrdersPage> {
  const last = after === null ? null : await ownOrder(parts, accountId, after);
  if (last === 'behind') return { kind: 'behind' };
  if (after !== null && last === null) return { kind: 'unknown' };
  // Those first, so that one which the index takes meanwhile is met twice rather than not at all.
  const fresh = await unindexed(parts, accountId, filter, last, limit);
  const place = last === null ? {} : { after: last };
  const indexed = await parts.orders.list({ userId: accountId, limit, ...filter, ...place });
  const known = new Set(indexed.map(({ orderId }) => orderId));
  const orders = [...indexed, ...fresh.filter(({ orderId }) => !known.has(orderId))]
    .sort(newestFirst)
    .slice(0, limit);
  return { kind: 'page', orders, next: orders.length === limit ? (orders.at(-1)?.orderId ?? null) : null };
}

async function unindexed(
  { recent, orders }: ReadOrdersParts,
  accountId: AccountId,
  { status, symbol }: OrdersFilter,
  last: IndexedOrder | null,
  limit: number,
): Promise<readonly IndexedOrder[]> {
  if (status !== undefined && status !== 'open' && status !== 'ACCEPTED') return [];
  const candidates = recent
    .unindexedOf(accountId)
    .filter((order) => symbol === undefined || order.symbol === symbol)
    .filter((order) => last === null || newestFirst(order, last) > 0)
    .sort(newestFirst);
  const found: IndexedOrder[] = [];
  for (let at = 0; at < candidates.length && found.length < limit; at += ASKED_AT_ONCE) {
    const some = candidates.slice(at, at + ASKED_AT_ONCE);
    const rows = await orders.getMany(some.map(({ orderId }) => orderId));
    const known = new Set(rows.map(({ orderId }) => orderId));
    found.push(...some.filter(({ orderId }) => !known.has(orderId)));
  }
  return found;
}

function newestFirst(one: IndexedOrder, other: IndexedOrder): number {
  if (one.createdAtMs !== other.createdAtMs) return other.createdAtMs - one.createdAtMs;
  return one.orderId < other.orderId ? 1 : one.orderId > other.orderId ? -1 : 0;
}
