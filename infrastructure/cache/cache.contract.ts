/** What every cache adapter must do, against its real store. An adapter's test file registers this suite. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { AccountHalt } from '#domain/data/account-state.ts';
import type { Price, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, EventId, Symbol } from '#domain/data/identifiers.ts';
import { type Cache, type CachedPrice, MOST_HALTED_ACCOUNTS } from './cache.ts';

/** A cache opened for one test, with nothing in it. */
export interface CacheUnderTest {
  readonly cache: Cache;
  /** Lets time go by for the cache: on a virtual clock where the adapter takes one, by waiting where it does not. */
  pass(durationMs: number): Promise<void>;
  /** Resolves when what has been published has reached its subscribers. */
  settle(): Promise<void>;
  /** Closes the cache and removes what it stored. */
  dispose(): Promise<void>;
}

export function cachedPrice(
  symbol: string,
  sequence: number,
  overrides: Partial<CachedPrice> = {},
): CachedPrice {
  return {
    symbol: symbol as Symbol,
    price: 187_120_000_000n as Price,
    bid: 187_110_000_000n as Price,
    bidSize: 300_000_000_000n as Quantity,
    ask: 187_130_000_000n as Price,
    askSize: 1n as Quantity,
    size: 100_000_000_000n as Quantity,
    volume: null,
    sequence,
    eventId: `test/${symbol}/${sequence}` as EventId,
    feedTimestampMs: 1_549_895_400_000 + sequence,
    ...overrides,
  };
}

export function registerCacheContract(adapter: string, open: () => Promise<CacheUnderTest>): void {
  describe(`cache contract: ${adapter}`, () => {
    let subject: CacheUnderTest;
    beforeEach(async () => {
      subject = await open();
    });
    afterEach(() => subject.dispose());

    describe('prices', () => {
      test('a price comes back to the last digit, and absent fields stay absent', async () => {
        const full = cachedPrice('AAPL', 7, { volume: 9_223_372_036_854_775_807n as Quantity });
        const bare = cachedPrice('BRK.B', 1, {
          bid: null,
          bidSize: null,
          ask: null,
          askSize: null,
          size: null,
        });
        await subject.cache.prices.put([full, bare]);
        assert.deepEqual(await subject.cache.prices.get(full.symbol), full);
        assert.deepEqual(await subject.cache.prices.get(bare.symbol), bare);
      });

      test('an unknown symbol is null, and an empty cache has no prices and no market time', async () => {
        assert.equal(await subject.cache.prices.get('ZZZ' as Symbol), null);
        assert.deepEqual(await subject.cache.prices.all(), []);
        assert.equal(await subject.cache.prices.latestFeedTimestampMs(), null);
      });

      test('all gives one price per symbol, the latest', async () => {
        await subject.cache.prices.put([
          cachedPrice('AAPL', 1),
          cachedPrice('MSFT', 1),
          cachedPrice('AAPL', 2),
        ]);
        const all = await subject.cache.prices.all();
        assert.deepEqual(all.map(({ symbol, sequence }) => `${symbol} ${sequence}`).sort(), [
          'AAPL 2',
          'MSFT 1',
        ]);
      });

      test('an older or repeated sequence changes nothing and is not published', async () => {
        const published: number[] = [];
        await subject.cache.prices.subscribe((prices) =>
          published.push(...prices.map((price) => price.sequence)),
        );
        await subject.cache.prices.put([cachedPrice('AAPL', 5)]);
        await subject.cache.prices.put([
          cachedPrice('AAPL', 4),
          cachedPrice('AAPL', 5, { price: 1n as Price }),
        ]);
        await subject.settle();
        assert.deepEqual(await subject.cache.prices.get('AAPL' as Symbol), cachedPrice('AAPL', 5));
        assert.deepEqual(published, [5]);
      });

      test('market time is the latest of all events and never goes back', async () => {
        await subject.cache.prices.put([cachedPrice('AAPL', 1, { feedTimestampMs: 2_000 })]);
        await subject.cache.prices.put([cachedPrice('MSFT', 1, { feedTimestampMs: 1_500 })]);
        await subject.cache.prices.put([cachedPrice('AAPL', 2, { feedTimestampMs: 1_000 })]);
        assert.equal(await subject.cache.prices.latestFeedTimestampMs(), 2_000);
      });

      test('every subscriber gets every accepted price, in order per symbol', async () => {
        const heard: [string[], string[]] = [[], []];
        for (const list of heard) {
          await subject.cache.prices.subscribe((prices) =>
            list.push(...prices.map((price) => `${price.symbol} ${price.sequence}`)),
          );
        }
        for (let sequence = 1; sequence <= 50; sequence += 2) {
          await subject.cache.prices.put([
            cachedPrice('AAPL', sequence),
            cachedPrice('MSFT', sequence),
            cachedPrice('AAPL', sequence + 1),
          ]);
        }
        await subject.settle();
        for (const list of heard) {
          const apple = list.filter((entry) => entry.startsWith('AAPL'));
          assert.deepEqual(
            apple,
            Array.from({ length: 50 }, (_, index) => `AAPL ${index + 1}`),
          );
          assert.equal(list.length, 75);
        }
      });

      test('cleared, it has no prices and takes lower sequences, which subscribers hear', async () => {
        const heard: string[] = [];
        await subject.cache.prices.put([cachedPrice('AAPL', 9), cachedPrice('MSFT', 9)]);
        await subject.cache.prices.subscribe((prices) =>
          heard.push(...prices.map((price) => `${price.symbol} ${price.sequence}`)),
        );
        await subject.cache.prices.clear();
        assert.deepEqual(await subject.cache.prices.all(), []);
        assert.equal(await subject.cache.prices.latestFeedTimestampMs(), null);
        await subject.cache.prices.put([cachedPrice('AAPL', 1)]);
        await subject.settle();
        assert.deepEqual(await subject.cache.prices.all(), [cachedPrice('AAPL', 1)]);
        assert.deepEqual(heard, ['AAPL 1']);
      });

      test('a published price is the whole price', async () => {
        const heard: CachedPrice[] = [];
        await subject.cache.prices.subscribe((prices) => heard.push(...prices));
        await subject.cache.prices.put([cachedPrice('AAPL', 1)]);
        await subject.settle();
        assert.deepEqual(heard, [cachedPrice('AAPL', 1)]);
      });

      test('after unsubscribing nothing more is heard, and the others hear on', async () => {
        const first: number[] = [];
        const second: number[] = [];
        const unsubscribe = await subject.cache.prices.subscribe((prices) => first.push(prices.length));
        await subject.cache.prices.subscribe((prices) => second.push(prices.length));
        await subject.cache.prices.put([cachedPrice('AAPL', 1)]);
        await subject.settle();
        await unsubscribe();
        await subject.cache.prices.put([cachedPrice('AAPL', 2)]);
        await subject.settle();
        assert.deepEqual([first, second], [[1], [1, 1]]);
      });
    });

    describe('rate limits', () => {
      test('a bucket allows its limit, then says when to come back, and is right about it', async () => {
        const take = () => subject.cache.rateLimits.take('key-1', 3, 600);
        for (let count = 0; count < 3; count += 1) assert.equal((await take()).kind, 'allowed');
        const refused = await take();
        assert.equal(refused.kind, 'limited');
        assert.ok(refused.kind === 'limited' && refused.retryAfterMs > 0 && refused.retryAfterMs <= 200);
        await subject.pass(refused.retryAfterMs);
        assert.equal((await take()).kind, 'allowed');
      });

      test('a bucket never holds more than its limit', async () => {
        const take = () => subject.cache.rateLimits.take('key-1', 2, 400);
        await take();
        await subject.pass(1_000);
        const kinds = [];
        for (let count = 0; count < 3; count += 1) kinds.push((await take()).kind);
        assert.deepEqual(kinds, ['allowed', 'allowed', 'limited']);
      });

      test('keys do not share a bucket', async () => {
        assert.equal((await subject.cache.rateLimits.take('key-1', 1, 60_000)).kind, 'allowed');
        assert.equal((await subject.cache.rateLimits.take('key-1', 1, 60_000)).kind, 'limited');
        assert.equal((await subject.cache.rateLimits.take('key-2', 1, 60_000)).kind, 'allowed');
      });

      test('calls at the same time get no more than the limit together', async () => {
        const decisions = await Promise.all(
          Array.from({ length: 50 }, () => subject.cache.rateLimits.take('key-1', 10, 3_600_000)),
        );
        assert.equal(decisions.filter(({ kind }) => kind === 'allowed').length, 10);
      });
    });

    describe('tickets', () => {
      test('a ticket is redeemed once', async () => {
        await subject.cache.tickets.put('t-1', '{"keyId":"k"}', 60_000);
        assert.equal(await subject.cache.tickets.redeem('t-1'), '{"keyId":"k"}');
        assert.equal(await subject.cache.tickets.redeem('t-1'), null);
      });

      test('of many who redeem a ticket at the same time one gets it', async () => {
        await subject.cache.tickets.put('t-1', 'value', 60_000);
        const answers = await Promise.all(
          Array.from({ length: 20 }, () => subject.cache.tickets.redeem('t-1')),
        );
        assert.deepEqual(
          answers.filter((answer) => answer !== null),
          ['value'],
        );
      });

      test('an unknown and an expired ticket are null', async () => {
        await subject.cache.tickets.put('t-1', 'value', 40);
        await subject.pass(60);
        assert.equal(await subject.cache.tickets.redeem('t-1'), null);
        assert.equal(await subject.cache.tickets.redeem('t-2'), null);
      });
    });

    describe('halts', () => {
      const [first, second] = [
        '7d444840-9dc0-41d1-b245-5ffdce74fad2' as AccountId,
        '7d444840-9dc0-41d1-b245-5ffdce74fad3' as AccountId,
      ];
      const none = { nextInputOffset: 7, all: false, unlisted: 0 };
      const open = { partition: 1, ...none, accounts: [] };
      const halted: AccountHalt = { accountId: first, killSwitchEngaged: true, breaker: { state: 'OPEN' } };
      const tripped: AccountHalt = {
        accountId: second,
        killSwitchEngaged: false,
        breaker: { state: 'TRIPPED' },
      };
      const quiet: AccountHalt = {
        accountId: first,
        killSwitchEngaged: true,
        breaker: { state: 'QUIET_PERIOD', untilMs: 1_549_897_500_000 },
      };

      test('what was put of a partition is found as a whole and by account; of another partition nothing is known', async () => {
        const { halts } = subject.cache;
        await halts.put({ ...open, accounts: [halted] }, 60_000);
        assert.deepEqual(await halts.get(1), { ...open, accounts: [halted] });
        assert.deepEqual(await halts.of(1, first), { ...none, account: halted });
        assert.deepEqual(await halts.of(1, second), { ...none, account: null });
        assert.deepEqual([await halts.get(2), await halts.of(2, first)], [null, null]);
        const others = { nextInputOffset: 8, all: true, unlisted: 3 };
        await halts.put({ partition: 2, ...others, accounts: [tripped, quiet] }, 60_000);
        assert.deepEqual(await halts.of(2, first), { ...others, account: quiet });
        assert.deepEqual(await halts.of(2, second), { ...others, account: tripped });
        assert.equal((await halts.get(2))?.unlisted, 3);
      });

      test('the next put stands in place of the last one, whatever that had', async () => {
        const { halts } = subject.cache;
        await halts.put({ ...open, all: true, unlisted: 1, accounts: [halted, tripped] }, 60_000);
        await halts.put(open, 60_000);
        assert.deepEqual(await halts.get(1), open);
        assert.deepEqual(await halts.of(1, first), { ...none, account: null });
      });

      test('as many halted accounts as there may be are all found', async () => {
        const { halts } = subject.cache;
        const accounts = Array.from({ length: MOST_HALTED_ACCOUNTS }, (_, at) => ({
          ...tripped,
          accountId: `7d444840-9dc0-41d1-b245-${String(at).padStart(12, '0')}` as AccountId,
        }));
        await halts.put({ ...open, accounts }, 60_000);
        const found = (await halts.get(1))?.accounts ?? [];
        assert.deepEqual(
          found.toSorted((left, right) => (left.accountId < right.accountId ? -1 : 1)),
          accounts,
        );
      });

      test('what is not put again in its time is not known any more', async () => {
        const { halts } = subject.cache;
        await halts.put({ ...open, all: true, accounts: [halted] }, 40);
        await subject.pass(60);
        assert.deepEqual([await halts.get(1), await halts.of(1, first)], [null, null]);
      });
    });

    test('ping succeeds while open; once closed every call is refused as closed', async () => {
      const { cache } = subject;
      await cache.ping();
      await cache.close();
      const closed = { name: 'OperatingError', code: 'CACHE_CLOSED', retry: 'never' };
      await assert.rejects(cache.ping(), closed);
      await assert.rejects(cache.prices.put([cachedPrice('AAPL', 1)]), closed);
      await assert.rejects(cache.rateLimits.take('key-1', 1, 1_000), closed);
      await assert.rejects(cache.tickets.redeem('t-1'), closed);
      await assert.rejects(cache.halts.get(1), closed);
    });
  });
}
