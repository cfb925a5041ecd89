import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Symbol } from '#domain/data/identifiers.ts';
import { cachedPrice, registerCacheContract } from '../cache.contract.ts';
import { type MemoryCacheOptions, openMemoryCache } from './memory-cache.ts';

function open(limits: Partial<MemoryCacheOptions> = {}) {
  let nowMs = 1_000;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const cache = openMemoryCache({ runtime: { clock }, ...limits });
  return {
    cache,
    pass: async (durationMs: number) => {
      nowMs += durationMs;
    },
    settle: async () => {},
    dispose: () => cache.close(),
  };
}

registerCacheContract('memory', async () => open());

test('a batch that would pass the cap on symbols is refused whole; known symbols go on', async () => {
  const { cache } = open({ maxSymbols: 2 });
  await cache.prices.put([cachedPrice('AAPL', 1)]);
  await assert.rejects(
    cache.prices.put([cachedPrice('AAPL', 2), cachedPrice('MSFT', 1), cachedPrice('IBM', 1)]),
    {
      code: 'CACHE_FULL',
      retry: 'never',
    },
  );
  assert.equal((await cache.prices.get('AAPL' as Symbol))?.sequence, 1);
  await cache.prices.put([cachedPrice('AAPL', 2), cachedPrice('MSFT', 1), cachedPrice('AAPL', 3)]);
  assert.equal((await cache.prices.get('AAPL' as Symbol))?.sequence, 3);
});

test('with all buckets in use a new key is refused until one has refilled, never let through unlimited', async () => {
  const { cache, pass } = open({ maxRateLimitBuckets: 2 });
  const take = (key: string) => cache.rateLimits.take(key, 10, 1_000);
  await take('a');
  await take('b');
  assert.deepEqual(await take('c'), { kind: 'limited', retryAfterMs: 100 });
  await pass(100);
  assert.deepEqual(await take('c'), { kind: 'allowed' });
});

test('a bucket in use keeps its count while refilled ones make room', async () => {
  const { cache, pass } = open({ maxRateLimitBuckets: 2 });
  await cache.rateLimits.take('idle', 1, 10);
  for (let count = 0; count < 2; count += 1) await cache.rateLimits.take('busy', 2, 60_000);
  await pass(20);
  assert.deepEqual(await cache.rateLimits.take('new', 1, 10), { kind: 'allowed' });
  assert.equal((await cache.rateLimits.take('busy', 2, 60_000)).kind, 'limited');
});

test('open tickets are capped by refusal, and expired ones make room', async () => {
  const { cache, pass } = open({ maxTickets: 2 });
  await cache.tickets.put('t-1', 'one', 100);
  await cache.tickets.put('t-2', 'two', 1_000);
  await assert.rejects(cache.tickets.put('t-3', 'three', 100), { code: 'CACHE_FULL', retry: 'retry' });
  await pass(100);
  await cache.tickets.put('t-3', 'three', 100);
  assert.equal(await cache.tickets.redeem('t-2'), 'two');
  assert.equal(await cache.tickets.redeem('t-3'), 'three');
});
