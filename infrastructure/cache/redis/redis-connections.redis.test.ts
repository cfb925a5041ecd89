/** Connections to a Redis that changes its role or what it permits, as they last. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Redis } from 'ioredis';
import type { Symbol } from '#domain/data/identifiers.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { startServer } from '#tests/support/servers.ts';
import { startTcpProxy } from '#tests/support/tcp-proxy.ts';
import { cachedPrice } from '../cache.contract.ts';
import { directly, eventually, lookingOnDemand, openOn } from './redis.testing.ts';

const idsOf = async (redis: Redis, filter: RegExp): Promise<readonly string[]> => {
  const list = String(await redis.call('CLIENT', 'LIST'));
  return list.split('\n').flatMap((line) => (filter.test(line) ? [/^id=(\d+)/.exec(line)?.[1] ?? ''] : []));
};
const OURS = /\bname=tradehall\b/;
const LISTENING = /\bname=tradehall\b.*\bsub=1\b/;

describe('a Redis whose role changes', { timeout: 60_000 }, () => {
  test('is left for the one that its name leads to now, by commands and listeners, although it keeps its connections', async () => {
    const [former, next] = [await startServer('redis'), await startServer('redis')];
    const { password } = new URL(former.url);
    await directly((redis) => redis.config('SET', 'requirepass', password), next.url);
    let primary = former.port;
    const name = await startTcpProxy(() => primary);
    const at = (port: number) => former.url.replace(`:${former.port}/`, `:${port}/`);
    const cache = await openOn(at(name.port));
    const other = await openOn(at(next.port));
    try {
      const heard: number[] = [];
      await cache.prices.subscribe((prices) => heard.push(...prices.map(({ sequence }) => sequence)));
      await cache.prices.put([cachedPrice('AAPL', 1)]);
      primary = next.port;
      await directly((redis) => redis.replicaof('127.0.0.1', next.port), former.url);
      await eventually(() => cache.tickets.put('ticket', 'value', 60_000));
      assert.equal(await other.tickets.redeem('ticket'), 'value');
      await eventually(async () =>
        assert.deepEqual(await other.prices.get('AAPL' as Symbol), cachedPrice('AAPL', 1)),
      );
      await eventually(async () => {
        await other.prices.put([cachedPrice('AAPL', (heard.at(-1) ?? 0) + 1)]);
        assert.ok(heard.length > 1, 'what is put there is heard');
      });
    } finally {
      await Promise.all([cache.close(), other.close()]);
      await Promise.all([name.close(), former.stop(), next.stop()]);
    }
  });

  test('is not connected to again for every write that it refuses, and is read meanwhile', async () => {
    const server = await startServer('redis');
    const system = createSystemRuntime();
    // No time passes between one refusal and the next.
    const runtime = { ...system, clock: { ...system.clock, monotonicMs: () => 0 } };
    const cache = await openOn(server.url, { runtime });
    try {
      await cache.prices.put([cachedPrice('AAPL', 1)]);
      await directly(async (redis) => {
        const received = async () =>
          Number(/total_connections_received:(\d+)/.exec(await redis.info('stats'))?.[1]);
        const before = await received();
        await redis.replicaof('127.0.0.1', 1);
        for (let refusals = 0; refusals < 20; refusals += 1) {
          await eventually(() =>
            assert.rejects(cache.tickets.put('t', 'v', 60_000), { message: /is a replica/ }),
          );
          await eventually(() => cache.prices.get('AAPL' as Symbol));
        }
        assert.equal((await received()) - before, 2, 'the connection for commands and the one that listens');
        await redis.replicaof('NO', 'ONE');
        await eventually(() => cache.tickets.put('t', 'v', 60_000));
      }, server.url);
    } finally {
      await cache.close();
      await server.stop();
    }
  });
});

describe('a Redis that permits less for a while', { timeout: 60_000 }, () => {
  test('is asked again until it permits it: prices are heard and filled again, and nothing ends', async () => {
    const server = await startServer('redis');
    const cache = await openOn(server.url);
    const rule = (...rules: string[]) =>
      directly((redis) => redis.call('ACL', 'SETUSER', 'default', ...rules), server.url);
    try {
      const heard: number[] = [];
      await cache.prices.subscribe((prices) => heard.push(...prices.map(({ sequence }) => sequence)));
      await cache.prices.put([cachedPrice('AAPL', 1)]);
      await rule('-subscribe', '-evalsha', '-eval');
      await directly(async (redis) => {
        await redis.flushall();
        const refusals = async () =>
          Number(/errorstat_NOPERM:count=(\d+)/.exec(await redis.info('errorstats'))?.[1] ?? 0);
        for (const id of await idsOf(redis, OURS)) await redis.call('CLIENT', 'KILL', 'ID', id);
        await eventually(async () => assert.ok((await refusals()) > 4));
      }, server.url);
      await rule('+subscribe', '+evalsha', '+eval');
      await eventually(async () =>
        assert.deepEqual(await cache.prices.get('AAPL' as Symbol), cachedPrice('AAPL', 1)),
      );
      let sequence = 1;
      await eventually(async () => {
        sequence += 1;
        await cache.prices.put([cachedPrice('AAPL', sequence)]);
        assert.ok(heard.length > 1);
      });
    } finally {
      await cache.close();
      await server.stop();
    }
  });
});

test('a connection that listens is kept while the server is not asked, for writes that hang', {
  timeout: 60_000,
}, async () => {
  const server = await startServer('redis');
  const { runtime, look } = lookingOnDemand();
  const cache = await openOn(server.url, { runtime, timeoutMs: 200 });
  try {
    await cache.prices.subscribe(() => {});
    await directly(async (redis) => {
      const listening = await idsOf(redis, LISTENING);
      assert.equal(listening.length, 1);
      await redis.call('CLIENT', 'PAUSE', 60_000, 'WRITE');
      for (let count = 0; count < 5; count += 1) await assert.rejects(cache.tickets.put('t', 'v', 60_000));
      await assert.rejects(cache.prices.get('AAPL' as Symbol), { message: /is not asked for a moment/ });
      await look();
      await redis.call('CLIENT', 'UNPAUSE');
      await eventually(() => cache.ping());
      assert.deepEqual(await idsOf(redis, LISTENING), listening);
    }, server.url);
  } finally {
    await cache.close();
    await server.stop();
  }
});
