import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import type { AccountId, EventId, ExecutionId, OrderId, Symbol as Ticker } from '#domain/data/identifiers.ts';
import type { Cache } from '#infrastructure/cache/cache.ts';
import { openMemoryCache } from '#infrastructure/cache/memory/memory-cache.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { openDuckDbTradeAnalytics } from '#infrastructure/trade-analytics/duckdb/duckdb-trade-analytics.ts';
import type { AnalyticsTrade, TradeAnalytics } from '#infrastructure/trade-analytics/trade-analytics.ts';
import { openSqliteTradeHistory } from '#infrastructure/trade-history/sqlite/sqlite-trade-history.ts';
import type { TradeDocument, TradeHistory } from '#infrastructure/trade-history/trade-history.ts';
import {
  bodyOf,
  type Caller,
  callerOf,
  configured,
  keyOf,
  marketEvent,
  price,
  quantity,
  statusOf,
  temporaryDirectory,
  testContext,
} from '#tests/in-process/platform.ts';
import { queryOptions } from './config.ts';
import { createQueryService } from './service.ts';

const OWN = '11111111-1111-4111-8111-111111111111' as AccountId;
const OTHER = '22222222-2222-4222-8222-222222222222' as AccountId;
const MARKET_MS = Date.UTC(2019, 1, 11, 15);

let call: Caller;
let history: TradeHistory;
let analytics: TradeAnalytics;
let cache: Cache;
const directory = temporaryDirectory();

function executed(
  at: number,
  minutesAgo: number,
  shares: string,
  paid: string,
): AnalyticsTrade & TradeDocument {
  return {
    eventId: `e${at}` as EventId,
    orderId: `33333333-3333-4333-8333-33333333333${at}` as OrderId,
    userId: OWN,
    symbol: 'AAPL' as Ticker,
    side: 'BUY',
    status: 'EXECUTED',
    quantity: quantity(shares),
    executionPrice: price(paid),
    executionId: `x${at}` as ExecutionId,
    executionTimestampMs: MARKET_MS - minutesAgo * 60_000,
    failureReason: null,
  };
}

before(async () => {
  history = await openSqliteTradeHistory({ path: `${directory.path}/history.sqlite` });
  analytics = await openDuckDbTradeAnalytics({ path: ':memory:', memoryLimitMb: 64, threads: 1 });
  const context = testContext();
  cache = openMemoryCache({ runtime: context.runtime });
  await cache.prices.put([marketEvent('AAPL', 1, '12', MARKET_MS)]);
  const trades = [executed(1, 0, '1', '10'), executed(2, 30, '3', '12'), executed(3, 300, '5', '20')];
  await analytics.append(trades);
  await history.index(trades);
  const service = createQueryService(context, { history, analytics, cache }, configured(queryOptions));
  await service.start();
  call = callerOf([service]);
});
after(async () => {
  await Promise.all([history.close(), analytics.close()]);
  directory.dispose();
});

test('windows end at market time, with the trade at that very moment inside', async () => {
  const volume = async (timeWindow: string) =>
    bodyOf(await call('GET', '/v1/analytics/volume', { query: { timeWindow } }))['data'];
  assert.deepEqual(await volume('1h'), [{ symbol: 'AAPL', volume: '4', trades: 2, timeWindow: '1h' }]);
  assert.deepEqual(await volume('24H'), [{ symbol: 'AAPL', volume: '9', trades: 3, timeWindow: '24h' }]);
  const vwap = bodyOf(await call('GET', '/v1/symbols/AAPL/vwap', { query: { timeWindow: '1h' } }));
  assert.deepEqual(vwap, { symbol: 'AAPL', vwap: '11.5', timeWindow: '1h' });
});

test('without market time there is no window, which is not the same as no trades', async () => {
  const context = testContext();
  const empty = openMemoryCache({ runtime: context.runtime });
  const service = createQueryService(context, { history, analytics, cache: empty }, configured(queryOptions));
  const ask = callerOf([service]);
  for (const path of ['/v1/analytics/volume', '/v1/symbols/AAPL/vwap', '/v1/symbols/AAPL/bars']) {
    const answer = await ask('GET', path);
    assert(answer.kind === 'problem', path);
    assert.deepEqual([answer.problem.code, answer.problem.retryAfterSeconds], ['NOT_READY', 1]);
  }
  const query = { start: '2019-02-11T14:00:00Z', end: '2019-02-11T16:00:00Z' };
  assert.equal(statusOf(await ask('GET', '/v1/symbols/AAPL/bars', { query })), 200);
});

test('bars are those of the trades executed here, oldest first', async () => {
  const answer = bodyOf(
    await call('GET', '/v1/symbols/AAPL/bars', { query: { timeframe: '1h', start: '2019-02-11T14:00:00Z' } }),
  );
  const bars = answer['bars'] as { t: string; close: string; volume: string }[];
  assert.deepEqual(
    bars.map(({ t, close, volume }) => [t, close, volume]),
    [
      ['2019-02-11T14:00:00.000Z', '12', '3'],
      ['2019-02-11T15:00:00.000Z', '10', '1'],
    ],
  );
});

test('search is the own account only, and a day as end means all of it', async () => {
  const search = (query: Record<string, unknown>) =>
    call('GET', '/v1/trades/search', { query, principal: keyOf(OWN) });
  assert.equal(statusOf(await search({ userId: OTHER })), 403);
  const day = bodyOf(
    await search({ userId: OWN, startDate: '2019-02-11', endDate: '2019-02-11', status: 'executed' }),
  );
  assert.deepEqual(day['pagination'], { nextPageToken: null, totalCount: 3 });
  const until = async (endDate: string) => statusOf(await search({ startDate: '2019-02-11', endDate }));
  assert.equal(await until('2019-02-10'), 400, 'the day before');
  assert.equal(await until('2019-02-10T23:59:59.999Z'), 400);
  assert.equal(await until('2019-02-11T00:00:00Z'), 200);
  assert.equal(statusOf(await search({ pageToken: 'made up' })), 400);
  assert.equal(statusOf(await search({ q: '*' })), 400, 'no word to search for is not everything');
  const stranger = await call('GET', '/v1/trades/search', { principal: keyOf(OTHER) });
  assert.deepEqual(bodyOf(stranger)['trades'], []);
});

test('any parameters get an answer or a problem that names a field', async () => {
  const name = fc.constantFrom(
    'symbol',
    'userId',
    'status',
    'startDate',
    'endDate',
    'q',
    'limit',
    'pageToken',
    'timeWindow',
    'timeframe',
    'start',
    'end',
  );
  const value = fc.oneof(
    fc.constantFrom('AAPL', OWN, '2019-02-11', '2019-13-45', '0', '1', '501', '-1', '1h', '5m', '" OR *'),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }),
    fc.anything(),
  );
  const path = fc.constantFrom(
    '/v1/trades/search',
    '/v1/analytics/volume',
    '/v1/symbols/AAPL/vwap',
    '/v1/symbols/AAPL/bars',
  );
  await fc.assert(
    fc.asyncProperty(path, fc.dictionary(name, value), async (where, query) => {
      const answer = await call('GET', where, { query, principal: keyOf(OWN) });
      if (statusOf(answer) === 403) return;
      assert.ok([200, 400].includes(statusOf(answer)), JSON.stringify(answer));
      if (answer.kind === 'problem') assert.ok((answer.problem.errors ?? []).length > 0);
    }),
    { numRuns: 150 },
  );
});

test('a store that is down answers 503 and says when to come back', async () => {
  const broken = async () => {
    throw new OperatingError('STORE_UNAVAILABLE', 'test', { retry: 'retry' });
  };
  const service = createQueryService(
    testContext(),
    { history: { ...history, search: broken }, analytics: { ...analytics, volume: broken }, cache },
    configured(queryOptions),
  );
  const ask = callerOf([service]);
  for (const path of ['/v1/trades/search', '/v1/analytics/volume']) {
    const answer = await ask('GET', path, { principal: keyOf(OWN) });
    assert(answer.kind === 'problem');
    assert.equal(answer.problem.status, 503);
    assert.ok((answer.problem.retryAfterSeconds ?? 0) > 0);
  }
});
