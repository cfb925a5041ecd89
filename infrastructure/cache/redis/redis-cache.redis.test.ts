import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import type { AccountId, Symbol } from '#domain/data/identifiers.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { startServer } from '#tests/support/servers.ts';
import { cachedPrice, registerCacheContract } from '../cache.contract.ts';
import type { CachedPrice } from '../cache.ts';
import { cachesOfEachTest, directly, eventually, openOn, removeKeys, sharedUrl } from './redis.testing.ts';

const runtime = createSystemRuntime();

registerCacheContract('Redis', async () => {
  const prefix = `contract-${randomUUID()}:`;
  const cache = await openOn(sharedUrl, { prefix });
  return {
    cache,
    pass: (durationMs) => runtime.timers.sleep(durationMs + 2),
    // The answer comes on the connection that listens, behind what was published.
    settle: () => cache.ping(),
    async dispose() {
      await cache.close();
      await removeKeys(prefix);
    },
  };
});

describe('a shared Redis', () => {
  const caches = cachesOfEachTest();

  test('what one instance puts, the subscribers of every instance hear', async () => {
    const [writer, one, other] = [await caches.open(), await caches.open(), await caches.open()];
    const heard: string[] = [];
    await one.prices.subscribe((prices) => heard.push(...prices.map(({ sequence }) => `one ${sequence}`)));
    await other.prices.subscribe((prices) =>
      heard.push(...prices.map(({ sequence }) => `other ${sequence}`)),
    );
    await writer.prices.put([cachedPrice('AAPL', 1)]);
    await writer.prices.put([cachedPrice('AAPL', 2)]);
    await Promise.all([one.ping(), other.ping()]);
    assert.deepEqual(heard.sort(), ['one 1', 'one 2', 'other 1', 'other 2']);
    assert.deepEqual(await other.prices.get('AAPL' as Symbol), cachedPrice('AAPL', 2));
  });

  test('a halt that another version has written in words of its own halts the account', async () => {
    const cache = await caches.open();
    const accountId = '7d444840-9dc0-41d1-b245-5ffdce74fad2' as AccountId;
    for (const value of ['1', '', '0 BROKEN', '2 OPEN', '0 QUIET_PERIOD', '0 QUIET_PERIOD soon']) {
      await directly((redis) => redis.hset(`${caches.prefix}halts:1`, { all: '0', [accountId]: value }));
      const found = await cache.halts.of(1, accountId);
      assert.deepEqual([found?.all, found?.account?.killSwitchEngaged], [false, true], value);
      assert.deepEqual((await cache.halts.get(1))?.accounts, [found?.account], value);
    }
    for (const value of ['2', 'no', '']) {
      await directly((redis) => redis.hset(`${caches.prefix}halts:1`, { all: value }));
      assert.equal((await cache.halts.of(1, accountId))?.all, true, value);
      assert.equal((await cache.halts.get(1))?.all, true, value);
    }
  });

  test('another database of the same Redis is another cache: neither hears, sees nor clears what is in the other', async () => {
    const databases = [new URL('/7', sharedUrl).href, new URL('/8', sharedUrl).href] as const;
    const [one, other] = await Promise.all(databases.map((url) => openOn(url, { prefix: 'apart:' })));
    assert.ok(one !== undefined && other !== undefined);
    try {
      const heard: number[] = [];
      await other.prices.subscribe((prices) => heard.push(...prices.map(({ sequence }) => sequence)));
      await one.prices.put([cachedPrice('AAPL', 1)]);
      await other.prices.put([cachedPrice('AAPL', 2)]);
      await other.ping();
      assert.deepEqual(heard, [2]);
      await other.prices.clear();
      assert.equal((await one.prices.get('AAPL' as Symbol))?.sequence, 1);
    } finally {
      await one.prices.clear();
      await Promise.all([one.close(), other.close()]);
    }
  });

  test('two instances share one bucket and one ticket', async () => {
    const [one, other] = [await caches.open(), await caches.open()];
    const kinds = await Promise.all(
      [one, other, one, other].map((cache) => cache.rateLimits.take('key', 3, 3_600_000)),
    );
    assert.equal(kinds.filter(({ kind }) => kind === 'allowed').length, 3);
    await one.tickets.put('t', 'value', 60_000);
    const redeemed = await Promise.all([one.tickets.redeem('t'), other.tickets.redeem('t')]);
    assert.deepEqual(
      redeemed.filter((value) => value !== null),
      ['value'],
    );
  });

  test('every key has the prefix, and an end but for the prices, which are capped', async () => {
    const cache = await caches.open();
    await cache.prices.put([cachedPrice('AAPL', 1)]);
    await cache.rateLimits.take('key', 10, 60_000);
    await cache.tickets.put('t', 'value', 60_000);
    await cache.halts.put({ partition: 3, nextInputOffset: 0, all: true, unlisted: 0, accounts: [] }, 60_000);
    const keys = (await directly((redis) => redis.keys(`${caches.prefix}*`))).sort();
    assert.deepEqual(
      keys.map((key) => key.slice(caches.prefix.length)),
      ['halts:3', 'market-time', 'prices', 'rate:key', 'ticket:t'],
    );
    const ends = await directly((redis) => Promise.all(keys.map((key) => redis.pttl(key))));
    assert.deepEqual(
      ends.map((end) => end > 0),
      [true, false, false, true, true],
    );
  });

  test('a batch that would pass the cap on symbols is refused; known symbols go on', async () => {
    const cache = await caches.open({ maxSymbols: 2 });
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

  test('a Redis that is emptied while it runs is filled again by the next put', async () => {
    const [writer, reader] = [await caches.open(), await caches.open()];
    const all = Array.from({ length: 1_234 }, (_, index) => cachedPrice(`S${index}`, 7));
    await writer.prices.put(all);
    await removeKeys(caches.prefix);
    assert.deepEqual(await reader.prices.all(), []);
    await writer.prices.put([cachedPrice('S0', 8)]);
    const found = new Map((await reader.prices.all()).map((price) => [price.symbol, price]));
    assert.equal(found.size, 1_234);
    assert.equal(found.get('S0' as Symbol)?.sequence, 8);
    assert.deepEqual(found.get('S1233' as Symbol), all.at(-1));
  });
});

describe('a Redis that fails', { timeout: 60_000 }, () => {
  test('killed and started again: calls fail as the cache, then work, prices are filled again, subscribers hear on', async () => {
    const server = await startServer('redis');
    const cache = await openOn(server.url);
    try {
      const heard: CachedPrice[] = [];
      await cache.prices.subscribe((prices) => heard.push(...prices));
      const prices = [cachedPrice('AAPL', 1), cachedPrice('MSFT', 1)];
      await cache.prices.put(prices);
      await cache.ping();
      await server.kill();
      for (const call of [
        () => cache.ping(),
        () => cache.prices.get('AAPL' as Symbol),
        () => cache.prices.put([cachedPrice('AAPL', 2)]),
        () => cache.rateLimits.take('key', 1, 1_000),
        () => cache.tickets.redeem('t'),
        () => cache.halts.get(1),
      ]) {
        await assert.rejects(call(), { name: 'OperatingError', code: 'CACHE_UNAVAILABLE', retry: 'retry' });
      }
      await server.startAgain();
      // Nobody puts: the connection that comes back fills it.
      await eventually(async () => assert.equal((await cache.prices.all()).length, 2));
      await cache.prices.put([cachedPrice('AAPL', 2)]);
      await eventually(() => cache.ping());
      await eventually(async () => assert.equal(heard.at(-1)?.sequence, 2));
      assert.deepEqual(
        heard.map(({ symbol, sequence }) => `${symbol} ${sequence}`),
        ['AAPL 1', 'MSFT 1', 'AAPL 2'],
      );
    } finally {
      await cache.close();
      await server.stop();
    }
  });

  test('that cannot save to its disk: writes are refused as by a full store, and taken again once it can', async () => {
    const server = await startServer('redis');
    const cache = await openOn(server.url);
    try {
      await cache.prices.put([cachedPrice('AAPL', 1)]);
      // Without its folder it can save nothing.
      rmSync(server.folder, { recursive: true });
      const set = (name: string, value: string) =>
        directly((redis) => redis.config('SET', name, value), server.url);
      await set('save', '3600 1');
      await eventually(() =>
        directly(async (redis) => {
          await redis.bgsave().catch(() => 'one is under way');
          assert.match(await redis.info('persistence'), /rdb_last_bgsave_status:err/);
        }, server.url),
      );
      await assert.rejects(cache.prices.put([cachedPrice('AAPL', 2)]), {
        code: 'CACHE_FULL',
        retry: 'retry',
        message: /cannot save to its disk .*MISCONF/,
      });
      // What it can answer it is asked, however often it has no room for a write.
      for (let count = 0; count < 5; count += 1) {
        await assert.rejects(cache.tickets.put('t', 'v', 1_000), { code: 'CACHE_FULL', retry: 'retry' });
      }
      assert.equal((await cache.prices.get('AAPL' as Symbol))?.sequence, 1);
      await set('save', '');
      await set('stop-writes-on-bgsave-error', 'no');
      await eventually(() => cache.prices.put([cachedPrice('AAPL', 2)]));
      assert.equal((await cache.prices.get('AAPL' as Symbol))?.sequence, 2);
    } finally {
      await cache.close();
      await server.stop();
    }
  });

  test('that does not answer: calls end at their limit, soon without asking it, and it is used again when it is back', async () => {
    const server = await startServer('redis');
    const cache = await openOn(server.url, { timeoutMs: 150 });
    try {
      await cache.prices.put([cachedPrice('AAPL', 1)]);
      server.pause();
      const messages: string[] = [];
      for (let count = 0; count < 7; count += 1) {
        await assert.rejects(cache.prices.get('AAPL' as Symbol), (error) => {
          assert.ok(error instanceof OperatingError);
          assert.deepEqual([error.code, error.retry], ['CACHE_UNAVAILABLE', 'retry']);
          messages.push(error.message.replace(/:\d+ /, ' '));
          return true;
        });
      }
      assert.equal(messages[0], 'Redis at 127.0.0.1 did not answer within 150 ms.');
      assert.equal(messages.at(-1), 'Redis at 127.0.0.1 keeps failing and is not asked for a moment.');
      server.resume();
      assert.equal((await eventually(() => cache.prices.get('AAPL' as Symbol)))?.sequence, 1);
    } finally {
      await cache.close();
      await server.stop();
    }
  });
});

test('a connection that is lost while it subscribes again harms nothing, and the next one hears', {
  timeout: 60_000,
}, async (context) => {
  const { port } = new URL(sharedUrl);
  const sockets = new Set<Socket>();
  let listening: Socket | null = null;
  let subscriptions = 0;
  const between = createServer((client) => {
    const server = connect(Number(port), '127.0.0.1');
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
    }
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
    server.on('data', (answer) => client.write(answer));
    client.on('data', (request) => {
      if (/\bsubscribe\b/i.test(request.toString('latin1'))) {
        subscriptions += 1;
        listening = client;
        if (subscriptions === 2) client.destroy();
      }
      if (!client.destroyed) server.write(request);
    });
  });
  between.listen(0, '127.0.0.1');
  await once(between, 'listening');
  const prefix = `listener-${randomUUID()}:`;
  const url = sharedUrl.replace(`:${port}/`, `:${(between.address() as AddressInfo).port}/`);
  const [listener, writer] = [await openOn(url, { prefix }), await openOn(sharedUrl, { prefix })];
  context.after(async () => {
    await Promise.all([listener.close(), writer.close()]);
    for (const socket of sockets) socket.destroy();
    between.close();
    await removeKeys(prefix);
  });
  const heard: number[] = [];
  await listener.prices.subscribe((prices) => heard.push(...prices.map(({ sequence }) => sequence)));
  (listening as Socket | null)?.destroy();
  // At least: the connection that came meanwhile may be subscribed on once more.
  await eventually(async () => assert.ok(subscriptions >= 3));
  let sequence = 0;
  await eventually(async () => {
    sequence += 1;
    await writer.prices.put([cachedPrice('AAPL', sequence)]);
    assert.ok(heard.length > 0, 'it hears');
  });
});
