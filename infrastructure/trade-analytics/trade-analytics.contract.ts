/** What every analytics store must do, against its real server. An adapter's test file registers this suite. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import type { Price, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, EventId, Symbol } from '#domain/data/identifiers.ts';
import type { OpenStoreUnderTest, StoreUnderTest } from '#infrastructure/common/store-under-test.ts';
import { accountTotals, tradeBars, volumeWeightedPrice } from './naive-analytics.ts';
import type { AnalyticsTrade, TimeRange, TradeAnalytics } from './trade-analytics.ts';

const LARGEST = 9_223_372_036_854_775_807n;
const START_MS = 1_549_895_400_000;
const ALWAYS: TimeRange = { startMs: 0, endMs: 4_000_000_000_000 };
const AAPL = 'AAPL' as Symbol;
const MSFT = 'MSFT' as Symbol;

export function analyticsTrade(number: number, overrides: Partial<AnalyticsTrade> = {}): AnalyticsTrade {
  return {
    eventId: `trade-${String(number).padStart(9, '0')}` as EventId,
    userId: '00000000-0000-4000-8000-000000000001' as AccountId,
    symbol: AAPL,
    side: 'BUY',
    quantity: 10_000_000_000n as Quantity,
    executionPrice: 187_120_000_001n as Price,
    executionTimestampMs: START_MS + number,
    ...overrides,
  };
}

export function registerTradeAnalyticsContract(
  adapter: string,
  open: OpenStoreUnderTest<TradeAnalytics>,
): void {
  describe(`trade analytics contract: ${adapter}`, () => {
    let subject: StoreUnderTest<TradeAnalytics>;
    beforeEach(async () => {
      subject = await open();
    });
    afterEach(() => subject.dispose());

    test('an empty store answers with nothing', async () => {
      await subject.store.append([]);
      assert.deepEqual(await subject.store.volume(ALWAYS), []);
      assert.equal(await subject.store.vwap(ALWAYS, AAPL), null);
      assert.deepEqual(await subject.store.bars(ALWAYS, AAPL, 60_000, 10), []);
      assert.deepEqual(await subject.store.totals(), []);
      assert.equal(await subject.store.isEmpty(), true);
      await subject.store.append([analyticsTrade(1)]);
      assert.equal(await subject.store.isEmpty(), false);
    });

    test('volume is per symbol, in the symbols’ order, start inclusive, end exclusive', async () => {
      await subject.store.append([
        analyticsTrade(3, { symbol: MSFT, side: 'SELL', quantity: 1n as Quantity }),
        analyticsTrade(1, { quantity: 2n as Quantity }),
        analyticsTrade(2, { quantity: 3n as Quantity }),
        analyticsTrade(4, { quantity: 100n as Quantity }),
      ]);
      const range = { startMs: START_MS + 1, endMs: START_MS + 4 };
      assert.deepEqual(await subject.store.volume(range), [
        { symbol: AAPL, volume: 5n, trades: 2 },
        { symbol: MSFT, volume: 1n, trades: 1 },
      ]);
      assert.deepEqual(await subject.store.volume(range, MSFT), [{ symbol: MSFT, volume: 1n, trades: 1 }]);
      assert.deepEqual(await subject.store.volume(range, 'NONE' as Symbol), []);
    });

    test('a repeat changes nothing, within a batch, across batches and across a restart', async () => {
      const trades = Array.from({ length: 10 }, (_, number) => analyticsTrade(number));
      await subject.store.append([...trades, ...trades]);
      await subject.store.append(trades.slice(3, 5));
      await subject.reopen();
      await subject.store.append([...trades.toReversed(), analyticsTrade(10)]);
      assert.deepEqual(await subject.store.volume(ALWAYS), [
        { symbol: AAPL, volume: 110_000_000_000n, trades: 11 },
      ]);
    });

    test('sums go past 64 bits, and products past 128, to the last digit', async () => {
      const largest = { quantity: LARGEST as Quantity, executionPrice: LARGEST as Price };
      await subject.store.append(Array.from({ length: 9 }, (_, number) => analyticsTrade(number, largest)));
      assert.deepEqual(await subject.store.volume(ALWAYS), [
        { symbol: AAPL, volume: 9n * LARGEST, trades: 9 },
      ]);
      assert.equal(await subject.store.vwap(ALWAYS, AAPL), LARGEST);
      const [total] = await subject.store.totals();
      assert.equal(total?.notionalBought, 9n * ((LARGEST * LARGEST) / 1_000_000_000n));
    });

    test('the volume-weighted price is rounded half to even', async () => {
      const trade = (number: number, quantity: bigint, price: bigint) =>
        analyticsTrade(number, { quantity: quantity as Quantity, executionPrice: price as Price });
      await subject.store.append([trade(1, 1n, 2n), trade(2, 1n, 3n)]);
      assert.equal(await subject.store.vwap(ALWAYS, AAPL), 2n, '2.5 to the even side');
      await subject.store.append([trade(3, 2n, 4n)]);
      assert.equal(await subject.store.vwap(ALWAYS, AAPL), 3n, '13/4 down');
      await subject.store.append([trade(4, 4n, 3n), trade(5, 8n, 4n)]);
      assert.equal(await subject.store.vwap(ALWAYS, AAPL), 4n, '57/16 up');
    });

    test('bars have left edges, leave out empty intervals, and end at the limit', async () => {
      const at = (ms: number, price: bigint, number: number) =>
        analyticsTrade(number, {
          executionTimestampMs: ms,
          executionPrice: price as Price,
          quantity: 2n as Quantity,
        });
      await subject.store.append([
        at(61_000, 9n, 5),
        at(60_000, 5n, 4),
        at(0, 3n, 1),
        at(0, 2n, 2),
        at(59_999, 7n, 3),
        at(180_000, 1n, 6),
      ]);
      assert.deepEqual(await subject.store.bars(ALWAYS, AAPL, 60_000, 10), [
        { startMs: 0, open: 3n, high: 7n, low: 2n, close: 7n, volume: 6n, trades: 3 },
        { startMs: 60_000, open: 5n, high: 9n, low: 5n, close: 9n, volume: 4n, trades: 2 },
        { startMs: 180_000, open: 1n, high: 1n, low: 1n, close: 1n, volume: 2n, trades: 1 },
      ]);
      assert.equal((await subject.store.bars(ALWAYS, AAPL, 60_000, 2)).at(-1)?.startMs, 60_000);
      assert.deepEqual(await subject.store.bars({ startMs: 60_001, endMs: 180_000 }, AAPL, 60_000, 10), [
        { startMs: 60_000, open: 9n, high: 9n, low: 9n, close: 9n, volume: 2n, trades: 1 },
      ]);
    });

    test('batches that overlap in time, one after another without waiting, are all there', async () => {
      await Promise.all(
        Array.from({ length: 8 }, (_, batch) =>
          subject.store.append(
            Array.from({ length: 50 }, (_, number) => analyticsTrade(batch * 25 + number)),
          ),
        ),
      );
      assert.equal((await subject.store.volume(ALWAYS))[0]?.trades, 225);
    });

    test('any trades in any batches give what plain big integers give', async () => {
      const trade = fc.record({
        number: fc.integer({ min: 0, max: 40 }),
        account: fc.constantFrom('a', 'b'),
        symbol: fc.constantFrom(AAPL, MSFT),
        quantity: fc.bigInt({ min: 1n, max: LARGEST }),
        price: fc.bigInt({ min: 0n, max: LARGEST }),
      });
      // An event id always carries the same trade, so the first draft of a number is the trade.
      const batches = fc.array(fc.array(trade, { maxLength: 20 }), { maxLength: 4 }).map((drafts) => {
        const trades = new Map<number, AnalyticsTrade>();
        return drafts.map((draft) =>
          draft.map(({ number, account, symbol, quantity, price }) => {
            const made =
              trades.get(number) ??
              analyticsTrade(number, {
                userId: account as AccountId,
                symbol,
                side: number % 3 === 0 ? 'SELL' : 'BUY',
                quantity: quantity as Quantity,
                executionPrice: price as Price,
                executionTimestampMs: START_MS + (number % 7) * 500,
              });
            trades.set(number, made);
            return made;
          }),
        );
      });
      await fc.assert(
        fc.asyncProperty(batches, fc.integer({ min: 0, max: 3000 }), async (appended, length) => {
          const fresh = await open();
          try {
            for (const batch of appended) await fresh.store.append(batch);
            const all = [...new Map(appended.flat().map((one) => [one.eventId, one])).values()];
            const range = { startMs: START_MS, endMs: START_MS + length };
            const inRange = all.filter(
              ({ symbol, executionTimestampMs }) => symbol === AAPL && executionTimestampMs < range.endMs,
            );
            assert.equal(await fresh.store.vwap(range, AAPL), volumeWeightedPrice(inRange));
            assert.deepEqual(await fresh.store.bars(range, AAPL, 1_000, 100), tradeBars(inRange, 1_000));
            assert.deepEqual(await fresh.store.totals(), accountTotals(all));
          } finally {
            await fresh.dispose();
          }
        }),
        { numRuns: 15 },
      );
    });
  });
}
