/** An account's orders are one list, wherever they are while it is read: in the index, in memory, or in both. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import type { Quantity } from '#domain/data/decimal.ts';
import type { AccountId, OrderId, Symbol as Ticker } from '#domain/data/identifiers.ts';
import { openSqliteRelational } from '#infrastructure/relational/sqlite/sqlite-relational.ts';
import type { IndexedOrder } from '#infrastructure/relational/stores.ts';
import { temporaryDirectory } from '#tests/in-process/platform.ts';
import { ordersPage } from './read-orders.ts';
import { RecentOrders } from './recent-orders.ts';

const directory = temporaryDirectory();
const relational = await openSqliteRelational({ path: join(directory.path, 'orders.sqlite') });
after(async () => {
  await relational.close();
  directory.dispose();
});

interface Placed {
  readonly orderId: OrderId;
  /** Of few, so that many orders share one. */
  readonly createdAtMs: number;
  readonly symbol: string;
  /** `indexing`: the index takes it after the page's first look at the memory; `late`: after its look at the index. */
  readonly where: 'index' | 'memory' | 'both' | 'indexing' | 'late';
  readonly isClosed: boolean;
}

const placed: fc.Arbitrary<readonly Placed[]> = fc.uniqueArray(
  fc.record({
    orderId: fc.uuid().map((id) => id as OrderId),
    createdAtMs: fc.integer({ min: 1, max: 4 }),
    symbol: fc.constantFrom('AAPL', 'MSFT'),
    where: fc.constantFrom('index', 'memory', 'both', 'indexing', 'late'),
    isClosed: fc.boolean(),
  }),
  { selector: ({ orderId }) => orderId, maxLength: 14 },
);

function rowOf(order: Placed, userId: AccountId): IndexedOrder {
  return {
    orderId: order.orderId,
    userId,
    symbol: order.symbol as Ticker,
    side: 'BUY',
    type: 'MARKET',
    timeInForce: 'DAY',
    quantity: 1n as Quantity,
    notional: null,
    limitPrice: null,
    clientOrderId: null,
    status: 'ACCEPTED',
    filledQuantity: 0n as Quantity,
    averageFillPrice: null,
    reason: null,
    bodyDigest: 'digest',
    createdAtMs: order.createdAtMs,
    updatedAtMs: order.createdAtMs,
    accountSequence: 0,
  };
}

/** Only an order that the index has can have ended. */
function isOpen(order: Placed): boolean {
  return (order.where !== 'index' && order.where !== 'both') || !order.isClosed;
}

test('pages of any size meet every order once, newest first, also those that the index does not have yet', async () => {
  const query = fc.record({
    limit: fc.integer({ min: 1, max: 5 }),
    status: fc.constantFrom('open', undefined),
    symbol: fc.constantFrom('AAPL' as Ticker, undefined),
  });
  await fc.assert(
    fc.asyncProperty(placed, query, fc.uuid(), async (orders, { limit, status, symbol }, uuid) => {
      const userId = uuid as AccountId;
      const recent = new RecentOrders(100);
      for (const [offset, order] of orders.entries()) {
        const row = rowOf(order, userId);
        if (order.where !== 'index') recent.accept(row, { partition: 0, offset });
        if (order.where !== 'index' && order.where !== 'both') continue;
        const ended = { ...row, status: 'FILLED', accountSequence: 1 } as const;
        await relational.orders.put(order.isClosed ? [row, ended] : [row]);
      }
      const rowsOf = (place: Placed['where']) =>
        orders.filter(({ where }) => where === place).map((each) => rowOf(each, userId));
      const parts = {
        recent,
        indexLag: { reached: async () => true },
        orders: {
          ...relational.orders,
          async list(wanted: Parameters<typeof relational.orders.list>[0]) {
            await relational.orders.put(rowsOf('indexing'));
            const page = await relational.orders.list(wanted);
            await relational.orders.put(rowsOf('late'));
            return page;
          },
        },
      };
      const met: OrderId[] = [];
      let token: OrderId | null = null;
      do {
        const page = await ordersPage(parts, userId, {
          after: token,
          limit,
          ...(status === undefined ? {} : { status }),
          ...(symbol === undefined ? {} : { symbol }),
        });
        assert(page.kind === 'page');
        assert.ok(page.orders.length <= limit);
        met.push(...page.orders.map(({ orderId }) => orderId));
        token = page.next;
      } while (token !== null);
      const wanted = orders
        .filter((order) => status === undefined || isOpen(order))
        .filter((order) => symbol === undefined || order.symbol === symbol)
        .toSorted(
          (one, other) => other.createdAtMs - one.createdAtMs || (one.orderId < other.orderId ? 1 : -1),
        );
      assert.deepEqual(
        met,
        wanted.map(({ orderId }) => orderId),
      );
    }),
    { numRuns: 150 },
  );
});

test('a page behind an order that may be of another instance waits for the index rather than begin elsewhere', async () => {
  const parts = (reached: boolean) => ({
    recent: new RecentOrders(1),
    orders: relational.orders,
    indexLag: { reached: async () => reached },
  });
  const after = '22222222-2222-4222-8222-222222222222' as OrderId;
  const userId = '11111111-1111-4111-8111-111111111111' as AccountId;
  assert.deepEqual(await ordersPage(parts(false), userId, { after, limit: 5 }), { kind: 'behind' });
  assert.deepEqual(await ordersPage(parts(true), userId, { after, limit: 5 }), { kind: 'unknown' });
});
