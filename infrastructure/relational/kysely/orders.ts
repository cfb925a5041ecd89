/**
 * The order index.
 *
 * An order's acceptance (sequence 0) and its updates (sequences of its account) may arrive in any order. An
 * update replaces what execution decides, over an older update only. The facts of acceptance (body digest,
 * notional, creation time …) are taken from the acceptance, whenever it comes, and no update takes them away.
 */
import type { Compilable, Insertable, Kysely, Selectable } from 'kysely';
import type { Money, Price, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, OrderId, Symbol } from '#domain/data/identifiers.ts';
import { gatherReads } from '#infrastructure/common/gathered-reads.ts';
import type { IndexedOrder, OrderIndex, OrderStatus } from '../stores.ts';
import { inStatements } from './batches.ts';
import { listStatement } from './list-statement.ts';
import { createPositions } from './positions.ts';
import { readInteger, readScaled, readScaledOrNull } from './readers.ts';
import type { RelationalDatabase } from './relational-database.ts';
import { rowStatement } from './row-statement.ts';
import type { OrdersTable, Tables } from './tables.ts';

const COLUMNS = [
  'order_id',
  'user_id',
  'symbol',
  'side',
  'type',
  'time_in_force',
  'quantity',
  'notional',
  'limit_price',
  'client_order_id',
  'status',
  'filled_quantity',
  'average_fill_price',
  'reason',
  'body_digest',
  'created_at_ms',
  'updated_at_ms',
  'account_sequence',
] as const;

const OPEN: readonly OrderStatus[] = ['ACCEPTED', 'NEW', 'PARTIALLY_FILLED'];

export function createOrderIndex(database: RelationalDatabase): OrderIndex {
  const { tables, write } = database;
  const acceptance = rowStatement(COLUMNS, (row: Insertable<OrdersTable>) => putAcceptance(tables, row));
  const update = rowStatement(COLUMNS, (row: Insertable<OrdersTable>) => putUpdate(tables, row));
  const whole = rowStatement(COLUMNS, (row: Insertable<OrdersTable>) => putWhole(tables, row));
  const positions = createPositions(database, 'order_positions');
  const readByIds = listStatement((ids: readonly OrderId[]) =>
    tables.selectFrom('orders').selectAll().where('order_id', 'in', ids),
  );

  async function getMany(orderIds: readonly OrderId[]): Promise<readonly IndexedOrder[]> {
    const found: IndexedOrder[] = [];
    for (const ids of inStatements(orderIds)) {
      const { rows } = await tables.executeQuery(readByIds(ids));
      found.push(...rows.map(toOrder));
    }
    return found;
  }

  // Every order under an idempotency key asks for one.
  const get = gatherReads<OrderId, IndexedOrder>(async (orderIds) => {
    const found = new Map((await getMany(orderIds)).map((order) => [order.orderId, order]));
    return orderIds.map((orderId) => found.get(orderId) ?? null);
  });

  return {
    async put(orders, read = []) {
      const { acceptances, updates, both } = sortOut(orders);
      // By id, so that two writers of the same orders lock them in the same sequence.
      const writes = [
        ...acceptances.map((order) => ({
          orderId: order.orderId,
          statement: acceptance(toRow(order)),
          pair: null,
        })),
        ...updates.map((order) => ({ orderId: order.orderId, statement: update(toRow(order)), pair: null })),
        ...both.map((pair) => ({
          orderId: pair.acceptance.orderId,
          statement: whole(toRow(wholeOrder(pair))),
          pair,
        })),
      ].sort(byOrderId);
      const statements = writes.map(({ statement }) => statement);
      const lastRow = writes.at(-1)?.orderId ?? null;
      if (both.length === 0) return positions.writeWith(statements, read, lastRow);
      const changes = await write(statements);
      const known = writes.flatMap(({ pair }, at) => (pair !== null && changes[at] === 0 ? [pair] : []));
      const rest = known.flatMap((pair) => [acceptance(toRow(pair.acceptance)), update(toRow(pair.update))]);
      return positions.writeWith(rest, read, lastRow);
    },
    positions: positions.read,

    get,
    getMany,

    async list({ userId, status, symbol, after, limit }) {
      let select = tables.selectFrom('orders').selectAll().where('user_id', '=', userId);
      if (status === 'open') select = select.where('status', 'in', OPEN);
      else if (status === 'closed') select = select.where('status', 'not in', OPEN);
      else if (status !== undefined) select = select.where('status', '=', status);
      if (symbol !== undefined) select = select.where('symbol', '=', symbol);
      if (after !== undefined) {
        const { createdAtMs, orderId } = after;
        select = select.where((row) =>
          row.or([
            row('created_at_ms', '<', createdAtMs),
            row.and([row('created_at_ms', '=', createdAtMs), row('order_id', '<', orderId)]),
          ]),
        );
      }
      const rows = await select
        .orderBy('created_at_ms', 'desc')
        .orderBy('order_id', 'desc')
        .limit(limit)
        .execute();
      return rows.map(toOrder);
    },

    async scan(after, limit) {
      const rows = await tables
        .selectFrom('orders')
        .selectAll()
        .where('order_id', '>', after ?? '')
        .orderBy('order_id')
        .limit(limit)
        .execute();
      return rows.map(toOrder);
    },
  };
}

/** Inserts, or adds the facts of acceptance to an order whose updates came first. */
function putAcceptance(tables: Kysely<Tables>, row: Insertable<OrdersTable>): Compilable {
  return tables
    .insertInto('orders')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .column('order_id')
        .doUpdateSet((column) => ({
          body_digest: column.ref('excluded.body_digest'),
          quantity: column.fn.coalesce('excluded.quantity', 'orders.quantity'),
          notional: column.fn.coalesce('excluded.notional', 'orders.notional'),
          client_order_id: column.fn.coalesce('excluded.client_order_id', 'orders.client_order_id'),
          created_at_ms: column.ref('excluded.created_at_ms'),
        }))
        .where('orders.body_digest', '=', ''),
    );
}

function putUpdate(tables: Kysely<Tables>, row: Insertable<OrdersTable>): Compilable {
  return tables
    .insertInto('orders')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .column('order_id')
        .doUpdateSet((column) => ({
          symbol: column.ref('excluded.symbol'),
          side: column.ref('excluded.side'),
          type: column.ref('excluded.type'),
          time_in_force: column.ref('excluded.time_in_force'),
          quantity: column.fn.coalesce('excluded.quantity', 'orders.quantity'),
          notional: column.fn.coalesce('orders.notional', 'excluded.notional'),
          limit_price: column.ref('excluded.limit_price'),
          client_order_id: column.fn.coalesce('excluded.client_order_id', 'orders.client_order_id'),
          status: column.ref('excluded.status'),
          filled_quantity: column.ref('excluded.filled_quantity'),
          average_fill_price: column.ref('excluded.average_fill_price'),
          reason: column.ref('excluded.reason'),
          body_digest: column
            .case()
            .when('orders.body_digest', '=', '')
            .then(column.ref('excluded.body_digest'))
            .else(column.ref('orders.body_digest'))
            .end(),
          updated_at_ms: column.ref('excluded.updated_at_ms'),
          account_sequence: column.ref('excluded.account_sequence'),
        }))
        .whereRef('excluded.account_sequence', '>', 'orders.account_sequence'),
    );
}

/** Most orders are executed while they wait to be indexed: both of their rows are new, and written as one. */
function putWhole(tables: Kysely<Tables>, row: Insertable<OrdersTable>): Compilable {
  return tables
    .insertInto('orders')
    .values(row)
    .onConflict((conflict) => conflict.column('order_id').doNothing());
}

interface AcceptedAndUpdated {
  readonly acceptance: IndexedOrder;
  readonly update: IndexedOrder;
}

/** What the two leave behind where there was nothing. */
function wholeOrder({ acceptance, update }: AcceptedAndUpdated): IndexedOrder {
  return {
    ...update,
    quantity: update.quantity ?? acceptance.quantity,
    notional: acceptance.notional ?? update.notional,
    clientOrderId: update.clientOrderId ?? acceptance.clientOrderId,
    bodyDigest: acceptance.bodyDigest,
    createdAtMs: acceptance.createdAtMs,
  };
}

/** One row per order and kind, since PostgreSQL refuses to touch a row twice in one statement. */
function sortOut(orders: readonly IndexedOrder[]): {
  readonly acceptances: readonly IndexedOrder[];
  readonly updates: readonly IndexedOrder[];
  readonly both: readonly AcceptedAndUpdated[];
} {
  const acceptances = new Map<OrderId, IndexedOrder>();
  const updates = new Map<OrderId, IndexedOrder>();
  for (const order of orders) {
    if (order.accountSequence === 0) {
      if (!acceptances.has(order.orderId)) acceptances.set(order.orderId, order);
      continue;
    }
    const other = updates.get(order.orderId);
    if (other === undefined || order.accountSequence > other.accountSequence)
      updates.set(order.orderId, order);
  }
  const both: AcceptedAndUpdated[] = [];
  for (const [orderId, acceptance] of acceptances) {
    const update = updates.get(orderId);
    if (update === undefined) continue;
    both.push({ acceptance, update });
    acceptances.delete(orderId);
    updates.delete(orderId);
  }
  return { acceptances: [...acceptances.values()], updates: [...updates.values()], both };
}

interface HasId {
  readonly orderId: OrderId;
}

function byOrderId(one: HasId, other: HasId): number {
  return one.orderId < other.orderId ? -1 : one.orderId > other.orderId ? 1 : 0;
}

function toRow(order: IndexedOrder): Insertable<OrdersTable> {
  return {
    order_id: order.orderId,
    user_id: order.userId,
    symbol: order.symbol,
    side: order.side,
    type: order.type,
    time_in_force: order.timeInForce,
    quantity: order.quantity,
    notional: order.notional,
    limit_price: order.limitPrice,
    client_order_id: order.clientOrderId,
    status: order.status,
    filled_quantity: order.filledQuantity,
    average_fill_price: order.averageFillPrice,
    reason: order.reason,
    body_digest: order.bodyDigest,
    created_at_ms: order.createdAtMs,
    updated_at_ms: order.updatedAtMs,
    account_sequence: order.accountSequence,
  };
}

function toOrder(row: Selectable<OrdersTable>): IndexedOrder {
  return {
    orderId: row.order_id as OrderId,
    userId: row.user_id as AccountId,
    symbol: row.symbol as Symbol,
    side: row.side as IndexedOrder['side'],
    type: row.type as IndexedOrder['type'],
    timeInForce: row.time_in_force as IndexedOrder['timeInForce'],
    quantity: readScaledOrNull<Quantity>(row.quantity),
    notional: readScaledOrNull<Money>(row.notional),
    limitPrice: readScaledOrNull<Price>(row.limit_price),
    clientOrderId: row.client_order_id,
    status: row.status as OrderStatus,
    filledQuantity: readScaled<Quantity>(row.filled_quantity),
    averageFillPrice: readScaledOrNull<Price>(row.average_fill_price),
    reason: row.reason,
    bodyDigest: row.body_digest,
    createdAtMs: readInteger(row.created_at_ms),
    updatedAtMs: readInteger(row.updated_at_ms),
    accountSequence: readInteger(row.account_sequence),
  };
}
