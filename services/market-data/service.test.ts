import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import type { Symbol as Ticker } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import type { Cache } from '#infrastructure/cache/cache.ts';
import type { HttpResult } from '#infrastructure/core/http.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Service } from '#infrastructure/core/service.ts';
import { ingested, type Opened, openParts, priceReaches, untilReady } from './service.testing.ts';
import { price } from './socket/socket.testing.ts';

let opened: Opened;
beforeEach(async () => {
  opened = await openParts();
});
afterEach(() => opened.dispose());

const sequenceOf = async (symbol: string) => (await opened.cache.prices.get(symbol as Ticker))?.sequence;

async function get(service: Service, path: string, params: object, query: object = {}): Promise<HttpResult> {
  const route = service.routes.find((candidate) => candidate.path === path);
  assert.ok(route);
  return route.handle({
    params: params as never,
    query: query as never,
    body: null as never,
    headers: {},
    principal: { kind: 'api-key', keyId: 'key-1', accountId: 'account' },
    requestId: 'request',
    target: '/',
    traceparent: undefined,
    isAbandoned: () => false,
  });
}

function down(cache: Cache, isDown: () => boolean, retry: 'retry' | 'never' = 'retry'): Cache {
  const guard = async <Value>(call: () => Promise<Value>): Promise<Value> => {
    if (isDown()) throw new OperatingError('CACHE_UNAVAILABLE', 'the cache is down', { retry });
    return call();
  };
  const { prices } = cache;
  return {
    ...cache,
    prices: {
      put: (given) => guard(() => prices.put(given)),
      get: (symbol) => guard(() => prices.get(symbol)),
      all: () => guard(() => prices.all()),
      latestFeedTimestampMs: () => guard(() => prices.latestFeedTimestampMs()),
      clear: () => guard(() => prices.clear()),
      subscribe: (listener) => guard(() => prices.subscribe(listener)),
    },
  };
}

test('at a start the cache has the last price of every symbol, and then follows the log', async () => {
  await opened.log.append(ingested([price('AAPL', 1), price('MSFT', 1), price('AAPL', 2)]));
  const service = opened.service();
  await service.start();
  await untilReady(service);
  assert.deepEqual([await sequenceOf('AAPL'), await sequenceOf('MSFT')], [2, 1]);
  await opened.log.append(ingested([price('AAPL', 3), price('IBM', 1)]));
  await priceReaches(opened.cache, 'IBM', 1);
  assert.equal(await sequenceOf('AAPL'), 3);
});

test('prices of another log, left in a cache that outlives its log, do not keep the right ones out', async () => {
  await opened.cache.prices.put([price('AAPL', 900), price('GONE', 1)]);
  await opened.log.append(ingested([price('AAPL', 1)]));
  const service = opened.service();
  await service.start();
  await untilReady(service);
  assert.deepEqual(await opened.cache.prices.all(), [price('AAPL', 1)]);
  await opened.log.append(ingested([price('AAPL', 2)]));
  await priceReaches(opened.cache, 'AAPL', 2);
});

test('prices that this log has put stay when the service starts again', async () => {
  await opened.log.append(ingested([price('AAPL', 1), price('MSFT', 1)]));
  await opened.cache.prices.put([price('AAPL', 1), price('MSFT', 1)]);
  const cleared = mock.method(opened.cache.prices, 'clear');
  const service = opened.service();
  await service.start();
  await untilReady(service);
  assert.equal(cleared.mock.callCount(), 0);
});

test('every event of a flood is published once and in order', async () => {
  const service = opened.service({ config: { batchRecords: 7 } });
  await service.start();
  await untilReady(service);
  const heard: number[] = [];
  await opened.cache.prices.subscribe((prices) => void heard.push(...prices.map(({ sequence }) => sequence)));
  await opened.log.append(ingested(Array.from({ length: 500 }, (_, index) => price('AAPL', index + 1))));
  await priceReaches(opened.cache, 'AAPL', 500);
  assert.deepEqual(
    heard,
    Array.from({ length: 500 }, (_, index) => index + 1),
  );
});

test('while the cache is down the log position is kept, readiness says so, and afterwards nothing is lost', async () => {
  let isDown = false;
  const service = opened.service({ cache: down(opened.cache, () => isDown) });
  await service.start();
  await untilReady(service);
  const heard: number[] = [];
  await opened.cache.prices.subscribe((prices) => void heard.push(...prices.map(({ sequence }) => sequence)));
  isDown = true;
  await opened.log.append(ingested([price('AAPL', 1), price('AAPL', 2)]));
  while (service.readiness().ready) await new Promise((resolve) => setImmediate(resolve));
  await opened.log.append(ingested([price('AAPL', 3)]));
  assert.deepEqual(service.readiness(), { ready: false, reasons: ['the price cache cannot be reached'] });
  isDown = false;
  await priceReaches(opened.cache, 'AAPL', 3);
  assert.deepEqual(heard, [1, 2, 3]);
  assert.deepEqual(opened.crashes, []);
});

test('a cache that lets this service in no more is asked again until somebody has put that right', async () => {
  let asked = 0;
  const everyOther = () => {
    asked += 1;
    return asked % 2 === 1;
  };
  const service = opened.service({ cache: down(opened.cache, everyOther, 'never') });
  await opened.log.append(ingested([price('AAPL', 1)]));
  await service.start();
  await untilReady(service);
  await opened.log.append(ingested([price('AAPL', 2)]));
  await priceReaches(opened.cache, 'AAPL', 2);
  assert.deepEqual(opened.crashes, []);
});

test('a record that cannot be read is counted and the rest goes on', async () => {
  const service = opened.service();
  await service.start();
  await untilReady(service);
  await opened.log.append([
    { topic: TOPIC.marketData, key: 'AAPL', value: new TextEncoder().encode('{"eventType":') },
    { topic: TOPIC.marketData, key: 'AAPL', value: null },
    ...ingested([price('AAPL', 1)]),
  ]);
  await priceReaches(opened.cache, 'AAPL', 1);
  assert.equal((await service.status())['unreadable'], 2);
});

test('symbols beyond the cap are refused and the known ones go on', async () => {
  const service = opened.service({ config: { maxSymbols: 2 } });
  await service.start();
  await untilReady(service);
  await opened.log.append(ingested([price('AAPL', 1), price('MSFT', 1), price('IBM', 1), price('AAPL', 2)]));
  await priceReaches(opened.cache, 'AAPL', 2);
  assert.equal(await sequenceOf('IBM'), undefined);
  assert.equal((await service.status())['symbolsRefused'], 1);
});

test('status tells positions and lag', async () => {
  await opened.log.append(ingested([price('AAPL', 1), price('AAPL', 2)]));
  const service = opened.service();
  await service.start();
  await untilReady(service);
  const { lag, symbols, sockets } = await service.status();
  assert.deepEqual({ lag, symbols, sockets }, { lag: 0, symbols: 1, sockets: 0 });
});

test('it stops at once, also while the cache is down', async () => {
  const service = opened.service({ cache: down(opened.cache, () => true) });
  await service.start();
  await service.drain();
  await service.stop();
  assert.deepEqual(opened.crashes, []);
});

test('symbols are listed in order, page by page', async () => {
  const service = opened.service();
  await opened.cache.prices.put([price('MSFT', 1), price('AAPL', 7), price('IBM', 2)]);
  const first = await get(service, '/v1/symbols', {}, { limit: 2 });
  assert.ok(first.kind === 'json');
  assert.deepEqual(first.body, {
    symbols: [
      { symbol: 'AAPL', price: '100.07', sequence: 7, feedTimestamp: '2019-02-11T14:30:00.007Z' },
      { symbol: 'IBM', price: '100.02', sequence: 2, feedTimestamp: '2019-02-11T14:30:00.002Z' },
    ],
    nextPageToken: 'IBM',
  });
  const second = await get(service, '/v1/symbols', {}, { pageToken: 'IBM' });
  assert.ok(second.kind === 'json');
  const { symbols, nextPageToken } = second.body as { symbols: { symbol: string }[]; nextPageToken: unknown };
  assert.deepEqual([symbols.map(({ symbol }) => symbol), nextPageToken], [['MSFT'], null]);
});

test('a quote has the age of its price against market time; an unknown symbol is 404', async () => {
  const service = opened.service();
  await opened.cache.prices.put([price('AAPL', 1), price('MSFT', 2_001)]);
  const quote = await get(service, '/v1/symbols/:symbol/quote', { symbol: 'AAPL' });
  assert.ok(quote.kind === 'json');
  assert.deepEqual(quote.body, {
    symbol: 'AAPL',
    price: '100.01',
    sequence: 1,
    eventId: 'test/AAPL/1',
    feedTimestamp: '2019-02-11T14:30:00.001Z',
    ageMs: 2_000,
  });
  const unknown = await get(service, '/v1/symbols/:symbol/quote', { symbol: 'ZZZ' });
  assert.ok(unknown.kind === 'problem');
  assert.deepEqual([unknown.problem.status, unknown.problem.code], [404, 'SYMBOL_NOT_FOUND']);
  const malformed = await get(service, '/v1/symbols/:symbol/quote', { symbol: 'a/b' });
  assert.ok(malformed.kind === 'problem');
  assert.deepEqual([malformed.problem.status, malformed.problem.errors?.[0]?.field], [400, 'symbol']);
});

test('while no market time says that the cache is whole, a quote is 503 and nothing about the symbol', async () => {
  const service = opened.service();
  const quote = await get(service, '/v1/symbols/:symbol/quote', { symbol: 'AAPL' });
  assert.ok(quote.kind === 'problem');
  assert.deepEqual([quote.problem.code, quote.problem.retryAfterSeconds], ['NOT_READY', 1]);
});

test('with the cache down both routes answer 503 and when to come back', async () => {
  const service = opened.service({ cache: down(opened.cache, () => true) });
  for (const path of ['/v1/symbols', '/v1/symbols/:symbol/quote']) {
    const answer = await get(service, path, { symbol: 'AAPL' });
    assert.ok(answer.kind === 'problem');
    assert.deepEqual([answer.problem.status, answer.problem.retryAfterSeconds], [503, 1]);
  }
});
