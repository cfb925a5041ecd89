/** Prices that Redis has lost, in part or whole, and values in their place that nobody of us has written. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Redis } from 'ioredis';
import type { Symbol } from '#domain/data/identifiers.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { cachedPrice } from '../cache.contract.ts';
import { cachesOfEachTest, directly, eventually, lookingOnDemand, removeKeys } from './redis.testing.ts';

const caches = cachesOfEachTest();

const MANY = Array.from({ length: 1_234 }, (_, index) => cachedPrice(`S${index}`, 7));

describe('prices that are lost', { timeout: 60_000 }, () => {
  test('are put again by every writer that misses some, whoever has begun to', async () => {
    const [writer, reader] = [await caches.open(), await caches.open()];
    await writer.prices.put(MANY);
    // As another that puts leaves it when it is killed before all is back.
    const some = MANY.slice(10).map(({ symbol }) => symbol);
    await directly((redis) => redis.hdel(`${caches.prefix}prices`, ...some));
    await writer.prices.put([cachedPrice('S0', 8)]);
    assert.equal((await reader.prices.all()).length, MANY.length);
  });

  test('come back within seconds although the feed is quiet', async () => {
    const { runtime, look } = lookingOnDemand();
    const writer = await caches.open({ runtime });
    await writer.prices.put(MANY);
    await removeKeys(caches.prefix);
    await look();
    await eventually(async () => assert.equal((await writer.prices.all()).length, MANY.length));
    assert.equal(await writer.prices.latestFeedTimestampMs(), MANY[0]?.feedTimestampMs);
    await directly((redis) => redis.del(`${caches.prefix}market-time`));
    await look();
    await eventually(async () =>
      assert.equal(await writer.prices.latestFeedTimestampMs(), MANY[0]?.feedTimestampMs),
    );
  });

  /** What Redis is told to do to our keys while `work` runs. */
  async function commandsWhile(work: () => Promise<void>): Promise<readonly string[]> {
    return directly(async (redis) => {
      const monitor = await redis.monitor();
      const commands: string[] = [];
      monitor.on('monitor', (_time: string, [name = '', key = '']: readonly string[]) => {
        if (key.startsWith(caches.prefix))
          commands.push(`${name.toLowerCase()} ${key.slice(caches.prefix.length)}`);
      });
      const end = `${caches.prefix}end`;
      try {
        await work();
        await redis.get(end);
        await eventually(async () => assert.ok(commands.includes('get end')));
      } finally {
        monitor.disconnect();
      }
      return commands;
    });
  }

  test('and market time is not told before all are there, at the first filling and at each later one', async () => {
    const writer = await caches.open();
    const fillings = [
      () => writer.prices.put(MANY),
      async () => {
        await removeKeys(caches.prefix);
        await writer.prices.put([cachedPrice('S0', 8)]);
      },
    ];
    for (const fill of fillings) {
      const commands = await commandsWhile(fill);
      assert.ok(commands.includes('set market-time'));
      assert.ok(commands.indexOf('set market-time') > commands.lastIndexOf('hset prices'));
    }
    assert.equal(await writer.prices.latestFeedTimestampMs(), cachedPrice('S0', 8).feedTimestampMs);
  });
});

describe('what somebody else has written', { timeout: 60_000 }, () => {
  const write = (work: (redis: Redis) => Promise<unknown>) => directly(work);

  test('on the channel of the prices is counted and passed over, and the next price is heard', async () => {
    const metrics = createPrometheusMetrics({ processFigures: false });
    const cache = await caches.open({ metrics });
    const heard: number[] = [];
    await cache.prices.subscribe((prices) => heard.push(...prices.map(({ sequence }) => sequence)));
    const rows = ['[1,"AAPL"]', '[1,"AAPL","e",0,"1.5",0,0,0,0,0,0]', '[1,"AAPL","e",0,"1","x",0,0,0,0,0]'];
    for (const message of ['no JSON', '7', '[1]', ...rows.map((row) => `[${row}]`)]) {
      await write((redis) => redis.publish(`${caches.prefix}prices-put:0`, message));
    }
    await cache.prices.put([cachedPrice('AAPL', 1)]);
    await eventually(async () => assert.deepEqual(heard, [1]));
    assert.match((await metrics.expose()).text, /tradehall_cache_unreadable_total 6\n/);
  });

  test('in the place of a price is told with its key and field, and costs no other price', async () => {
    const { runtime, look } = lookingOnDemand();
    const cache = await caches.open({ runtime });
    const key = `${caches.prefix}prices`;
    await cache.prices.put([cachedPrice('AAPL', 1), cachedPrice('MSFT', 1)]);
    for (const value of ['rubbish', '[9,"AAPL"]', '{"price":1}']) {
      await write((redis) => redis.hset(key, 'AAPL', value));
      assert.deepEqual(await cache.prices.all(), [cachedPrice('MSFT', 1)]);
      const [damaged, other] = await Promise.allSettled(
        ['AAPL', 'MSFT'].map((symbol) => cache.prices.get(symbol as Symbol)),
      );
      assert.deepEqual(other, { status: 'fulfilled', value: cachedPrice('MSFT', 1) });
      assert.ok(damaged?.status === 'rejected');
      assert.deepEqual([damaged.reason.code, damaged.reason.retry], ['CACHE_DAMAGED', 'retry']);
      assert.ok(damaged.reason.message.includes(`the field AAPL of ${key}`));
      // As the sentence says.
      await write((redis) => redis.hdel(key, 'AAPL'));
      await look();
      assert.deepEqual(
        await eventually(async () => {
          const price = await cache.prices.get('AAPL' as Symbol);
          assert.ok(price !== null);
          return price;
        }),
        cachedPrice('AAPL', 1),
      );
    }
  });

  test('in the place of a price or of market time is overwritten by the next price', async () => {
    const cache = await caches.open();
    await cache.prices.put([cachedPrice('AAPL', 1)]);
    await write((redis) => redis.hset(`${caches.prefix}prices`, 'AAPL', 'rubbish'));
    await write((redis) => redis.set(`${caches.prefix}market-time`, 'noon'));
    await assert.rejects(cache.prices.latestFeedTimestampMs(), {
      code: 'CACHE_DAMAGED',
      message: new RegExp(`something in ${caches.prefix}market-time that Tradehall did not write`),
    });
    await cache.prices.put([cachedPrice('AAPL', 2)]);
    assert.deepEqual(await cache.prices.get('AAPL' as Symbol), cachedPrice('AAPL', 2));
    assert.equal(await cache.prices.latestFeedTimestampMs(), cachedPrice('AAPL', 2).feedTimestampMs);
  });
});
