/** Acceptance against ports that fail: what cannot be checked is refused, and a key gives one order whatever happens. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountHalt } from '#domain/data/account-state.ts';
import type { Money } from '#domain/data/decimal.ts';
import type { AccountId, OrderId } from '#domain/data/identifiers.ts';
import { decodeTradingInput } from '#domain/data/trading-input-codec.ts';
import { openMemoryCache } from '#infrastructure/cache/memory/memory-cache.ts';
import { feesOf, limitsOf } from '#infrastructure/common/trading-options.ts';
import type { HttpResult } from '#infrastructure/core/http.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { readTradingInput } from '#infrastructure/event-log/decode-once.ts';
import type { NewRecord } from '#infrastructure/event-log/event-log.ts';
import type { Portfolio } from '#infrastructure/portfolios/portfolios.ts';
import { openSqliteRelational } from '#infrastructure/relational/sqlite/sqlite-relational.ts';
import type { IndexedOrder, KeyClaims } from '#infrastructure/relational/stores.ts';
import {
  bodyOf,
  configured,
  keyOf,
  marketEvent,
  statusOf,
  temporaryDirectory,
  testContext,
} from '#tests/in-process/platform.ts';
import { orderOptions } from './config.ts';
import { createPlaceOrder } from './place-order.ts';
import { RecentOrders } from './recent-orders.ts';

const ACCOUNT = '11111111-1111-4111-8111-111111111111' as AccountId;
const BODY = { symbol: 'AAPL', side: 'BUY', quantity: '1' };

const PORTFOLIO: Portfolio = {
  userId: ACCOUNT,
  name: 'A',
  cashBalance: 1_000_000_000_000n as Money,
  cashReserved: 0n as Money,
  holdings: new Map(),
  sharesReserved: new Map(),
  lastUpdatedTimestampMs: 0,
  version: 2,
  stateHash: 'h',
};

function down(code: string, retry: 'retry' | 'unknown' | 'never' = 'retry'): OperatingError {
  return new OperatingError(code, 'test', { retry });
}

async function door(
  more: {
    readonly recentOrders?: number;
    readonly maxInFlight?: number;
    readonly keyClaims?: KeyClaims;
  } = {},
) {
  const system = testContext().runtime;
  const runtime = { ...system, timers: { ...system.timers, sleep: () => system.timers.yieldTurn() } };
  const cache = openMemoryCache({ runtime });
  await cache.prices.put([marketEvent('AAPL', 1, '100', 1_000_000)]);
  const appended: NewRecord[] = [];
  const indexed = new Map<OrderId, IndexedOrder>();
  const state = {
    append: async (): Promise<void> => {},
    portfolio: async (): Promise<Portfolio | null> => PORTFOLIO,
    index: async (orderId: OrderId): Promise<IndexedOrder | null> => indexed.get(orderId) ?? null,
    indexTrouble: null as string | null,
  };
  const log = {
    async append(records: readonly NewRecord[]) {
      await state.append();
      appended.push(...records);
      return records.map(({ topic }) => ({ topic, partition: 0, offset: appended.length - 1 }));
    },
    partitionFor: () => 3,
  };
  const config = configured(orderOptions);
  const recent = new RecentOrders(more.recentOrders ?? 1_000);
  const { placeOrder } = createPlaceOrder({
    log,
    cache,
    portfolios: { get: () => state.portfolio() },
    orders: { get: (orderId: OrderId) => state.index(orderId) },
    keyClaims: more.keyClaims ?? null,
    recent,
    indexLag: { trouble: () => state.indexTrouble, reached: async () => true },
    runtime,
    logger: testContext().logger,
    fees: feesOf(config),
    limits: limitsOf(config),
    maxInFlight: more.maxInFlight ?? 100,
  });
  const place = (body: unknown, key?: string) =>
    placeOrder({
      params: {},
      query: {},
      body,
      headers: key === undefined ? {} : { 'x-idempotency-key': key },
      principal: keyOf(ACCOUNT),
      requestId: 'r',
      target: '/v1/orders',
      traceparent: undefined,
      isAbandoned: () => false,
    });
  return { place, state, appended, indexed, recent, cache };
}

test('concurrent twins under one key append one order, and all get its answer', async () => {
  const { place, appended } = await door();
  const answers = await Promise.all(Array.from({ length: 20 }, () => place(BODY, 'k')));
  assert.equal(appended.length, 1);
  assert.equal(new Set(answers.map((answer) => bodyOf(answer)['orderId'])).size, 1);
});

test('while a kill switch is engaged in the mirror, or a breaker tripped, orders are refused and keep their keys', async () => {
  const { place, appended, cache } = await door();
  const halts = (all: boolean, accounts: readonly Partial<AccountHalt>[]) => {
    const one: AccountHalt = { accountId: ACCOUNT, killSwitchEngaged: false, breaker: { state: 'OPEN' } };
    const halted = accounts.map((account) => ({ ...one, ...account }));
    const summary = { partition: 3, nextInputOffset: 0, all, unlisted: 0 };
    return cache.halts.put({ ...summary, accounts: halted }, 60_000);
  };
  const codeOf = (answer: HttpResult) => (answer.kind === 'problem' ? answer.problem.code : answer.kind);
  await halts(true, []);
  assert.equal(codeOf(await place(BODY, 'k')), 'TRADING_HALTED');
  await halts(false, [{ killSwitchEngaged: true }]);
  assert.equal(codeOf(await place(BODY, 'k')), 'TRADING_HALTED');
  await halts(false, [{ killSwitchEngaged: true, breaker: { state: 'TRIPPED' } }]);
  assert.equal(codeOf(await place(BODY, 'k')), 'TRADING_HALTED', 'a kill switch is said before a breaker');
  for (const breaker of [{ state: 'TRIPPED' }, { state: 'QUIET_PERIOD', untilMs: 1 }] as const) {
    await halts(false, [{ breaker }]);
    assert.equal(codeOf(await place(BODY, 'k')), 'ONLY_SALES');
    assert.equal(codeOf(await place({ ...BODY, side: 'SELL' }, 'k')), 'INSUFFICIENT_SHARES');
  }
  assert.equal(appended.length, 0);
  await halts(false, [{ accountId: 'another' as AccountId, killSwitchEngaged: true }]);
  assert.equal(statusOf(await place(BODY, 'k')), 202);
});

test('what is remembered with the bytes of a command is what the bytes say', async () => {
  const { place, appended } = await door();
  await place({ symbol: 'AAPL', side: 'buy', type: 'limit', quantity: '1.50', limitPrice: '100.00' });
  await place({ ...BODY, clientOrderId: 'mine' }, 'k');
  assert.equal(appended.length, 2);
  for (const { value } of appended) {
    assert(value !== null);
    assert.deepEqual(readTradingInput(value), decodeTradingInput(value));
  }
});

test('of two bodies under one key at the same time one is placed and the other is told 409', async () => {
  const { place, appended } = await door();
  const answers = await Promise.all([place(BODY, 'k'), place({ ...BODY, quantity: '2' }, 'k')]);
  assert.deepEqual(answers.map(statusOf), [202, 409]);
  assert.equal(appended.length, 1);
});

test('a refusal does not consume the key, also for a twin that waited for it', async () => {
  const { place, appended } = await door();
  const answers = await Promise.all([place({ ...BODY, quantity: '1000' }, 'k'), place(BODY, 'k')]);
  assert.deepEqual(answers.map(statusOf), [402, 202]);
  assert.equal(appended.length, 1);
});

test('after an unknown outcome the key is bound to its body: the same is appended again, another is refused', async () => {
  const { place, state, appended } = await door();
  state.append = async () => {
    throw down('LOG_OUTCOME_UNKNOWN', 'unknown');
  };
  const unknown = await place(BODY, 'k');
  assert(unknown.kind === 'problem');
  assert.equal(unknown.problem.status, 503);
  assert.equal(unknown.problem.code, 'OUTCOME_UNKNOWN');
  state.append = async () => {};
  assert.equal(statusOf(await place({ ...BODY, quantity: '2' }, 'k')), 409);
  const retried = await place(BODY, 'k');
  assert.equal(bodyOf(retried)['orderId'], unknown.problem.extensions?.['orderId']);
  assert.equal(appended.length, 1);
});

test('a log that cannot be written is tried a few times, then 500, and the key stays free', async () => {
  const { place, state } = await door();
  let attempts = 0;
  state.append = async () => {
    attempts += 1;
    throw down('LOG_FULL');
  };
  assert.equal(statusOf(await place(BODY, 'k')), 500);
  assert.ok(attempts > 1);
  state.append = async () => {};
  assert.equal(statusOf(await place({ ...BODY, quantity: '2' }, 'k')), 202);
});

test('an index that cannot be read, or is behind, refuses keyed orders and lets others pass', async () => {
  const { place, state } = await door();
  state.index = async () => {
    throw down('STORE_UNAVAILABLE');
  };
  assert.equal(statusOf(await place(BODY, 'k')), 503);
  state.index = async () => null;
  state.indexTrouble = 'behind';
  assert.equal(statusOf(await place(BODY, 'k')), 503);
  assert.equal(statusOf(await place(BODY)), 202);
  state.indexTrouble = null;
  assert.equal(statusOf(await place(BODY, 'k')), 202);
});

test('after a restart the index answers for former orders', async () => {
  const first = await door();
  const accepted = await first.place(BODY, 'k');
  const orderId = bodyOf(accepted)['orderId'] as OrderId;
  const former = first.recent.find(orderId);
  assert(former?.kind === 'accepted');
  const second = await door();
  second.indexed.set(orderId, { ...former.order, status: 'DENIED' });
  assert.deepEqual(bodyOf(await second.place(BODY, 'k')), { orderId, status: 'ACCEPTED' });
  assert.equal(statusOf(await second.place({ ...BODY, side: 'SELL' }, 'k')), 409);
  assert.equal(second.appended.length, 0);
});

test('a key used at another instance takes no other body, unless nothing came of it there', async () => {
  const directory = temporaryDirectory();
  const stores = await openSqliteRelational({ path: `${directory.path}/database.sqlite` });
  try {
    const [one, other] = [await door(stores), await door(stores)];
    assert.equal(statusOf(await one.place({ ...BODY, quantity: '1000' }, 'refused')), 402);
    assert.equal(statusOf(await other.place(BODY, 'refused')), 202);
    assert.equal(statusOf(await one.place({ ...BODY, quantity: '2' }, 'refused')), 409);
    one.state.append = async () => {
      throw down('LOG_OUTCOME_UNKNOWN', 'unknown');
    };
    assert.equal(statusOf(await one.place(BODY, 'unknown')), 503);
    assert.equal(statusOf(await one.place({ ...BODY, quantity: '1000' }, 'unknown')), 409);
    one.state.portfolio = async () => {
      throw down('STORE_UNAVAILABLE');
    };
    assert.equal(
      statusOf(await one.place(BODY, 'unknown')),
      503,
      'refused, and the first may still be there',
    );
    assert.equal(statusOf(await other.place({ ...BODY, quantity: '2' }, 'unknown')), 409);
    assert.equal(one.appended.length, 0);
    assert.equal(statusOf(await other.place(BODY, 'unknown')), 202, 'the same body may be repeated anywhere');
    assert.equal(other.appended.length, 2);
  } finally {
    await stores.close();
    directory.dispose();
  }
});

test('without a portfolio or a fresh price nothing is accepted', async () => {
  const { place, state, cache, appended } = await door();
  state.portfolio = async () => {
    throw down('STORE_UNAVAILABLE');
  };
  assert.equal(statusOf(await place(BODY)), 503);
  state.portfolio = async () => null;
  assert.equal(statusOf(await place(BODY)), 503);
  state.portfolio = async () => PORTFOLIO;
  await cache.prices.put([marketEvent('MSFT', 1, '10', 1_000_000 + 900_001)]);
  const stale = await place(BODY);
  assert(stale.kind === 'problem');
  assert.equal(stale.problem.code, 'PRICE_UNAVAILABLE');
  assert.equal(appended.length, 0);
});

test('a memory full of orders that the index does not have refuses; room comes with the index', async () => {
  const { place, recent } = await door({ recentOrders: 3 });
  for (let at = 0; at < 3; at += 1) assert.equal(statusOf(await place(BODY)), 202);
  assert.equal(statusOf(await place(BODY)), 503);
  recent.indexedUpTo(0, 2);
  assert.equal(statusOf(await place(BODY)), 202);
});
