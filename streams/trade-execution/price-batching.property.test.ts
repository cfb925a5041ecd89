import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_SCALED, maximum, minimum, type Price, type Quantity } from '#domain/data/decimal.ts';
import { MAX_RECORD_BYTES } from '#domain/data/event-envelope.ts';
import { type EventId, MAX_ID_LENGTH } from '#domain/data/identifiers.ts';
import type { MarketEvent } from '#domain/data/market-event.ts';
import { MAX_TIMESTAMP_MS } from '#domain/data/timestamp.ts';
import { decodeTradingInput, encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import { marketEvent, price, quantity } from '#tests/in-process/platform.ts';
import { batchPrices } from './price-batching.ts';

const WINDOW_MS = 20;

const feedOf = (leastStepMs: number) =>
  fc
    .array(
      fc.record({
        symbol: fc.constantFrom('AAPL', 'MSFT', 'IBM'),
        cents: fc.integer({ min: 1, max: 100_000 }),
        stepMs: fc.integer({ min: leastStepMs, max: 40 }),
        size: fc.option(fc.integer({ min: 1, max: 500 })),
      }),
      { maxLength: 60 },
    )
    .map((steps) => {
      const sequences = new Map<string, number>();
      let timeMs = 1_000;
      return steps.map(({ symbol, cents, stepMs, size }): MarketEvent => {
        const sequence = (sequences.get(symbol) ?? 0) + 1;
        sequences.set(symbol, sequence);
        timeMs += stepMs;
        const more = { size: size === null ? null : quantity(String(size)) };
        return marketEvent(symbol, sequence, (cents / 100).toFixed(2).replace(/\.?0+$/, ''), timeMs, more);
      });
    });
const feed = feedOf(-5);

test('batches lose nothing: last price, range and traded size of every symbol', () => {
  fc.assert(
    fc.property(feed, (events) => {
      const batches = batchPrices(events, WINDOW_MS, 0);
      for (const symbol of ['AAPL', 'MSFT', 'IBM']) {
        const own = events.filter((event) => event.symbol === symbol);
        const batched = batches.flatMap((batch) => batch.prices).filter((each) => each.symbol === symbol);
        assert.equal(batched.at(-1)?.price, own.at(-1)?.price);
        assert.equal(batched.at(-1)?.eventId, own.at(-1)?.eventId);
        const sizes = (list: readonly (bigint | null)[]) =>
          list.reduce<bigint>((sum, size) => sum + (size ?? 0n), 0n);
        assert.equal(sizes(batched.map((each) => each.tradedSize)), sizes(own.map((event) => event.size)));
        const prices = own.map((event) => event.price);
        if (prices.length === 0) continue;
        const lowest = prices.reduce((low, each) => minimum<Price>(low, each));
        const highest = prices.reduce((high, each) => maximum<Price>(high, each));
        assert.ok(batched.some(({ low }) => low === lowest) && batched.some(({ high }) => high === highest));
        const sequences = batched.map(({ sequence }) => sequence);
        assert.deepEqual(
          sequences,
          [...new Set(sequences)].sort((left, right) => left - right),
        );
      }
    }),
  );
});

test('a batch holds a symbol once, and covers at most its window of a feed that goes forward', () => {
  fc.assert(
    fc.property(feedOf(0), (forward) => {
      const starts = batchPrices(forward, WINDOW_MS, 0).map((batch) => {
        const times = batch.prices.map((each) => each.feedTimestampMs);
        assert.equal(new Set(batch.prices.map(({ symbol }) => symbol)).size, batch.prices.length);
        assert.ok(batch.timeMs - Math.min(...times) < WINDOW_MS);
        assert.equal(batch.timeMs, Math.max(...times));
        return batch.timeMs;
      });
      assert.deepEqual(
        starts,
        [...starts].sort((left, right) => left - right),
      );
    }),
  );
});

test('the same events give the same batches, ids included; a repeated event changes nothing', () => {
  fc.assert(
    fc.property(feed, (events) => {
      assert.deepEqual(batchPrices(events, WINDOW_MS, 7), batchPrices(events, WINDOW_MS, 7));
    }),
  );
  const first = marketEvent('AAPL', 1, '10', 1_000, { size: quantity('5') });
  const [batch] = batchPrices([first, first], WINDOW_MS, 0);
  assert.equal(batch?.prices[0]?.tradedSize, quantity('5'));
  assert.equal(batch?.prices[0]?.low, price('10'));
});

test('a batch of the longest prices there are is no larger than a record may be', () => {
  const most = MAX_SCALED as Price & Quantity;
  const sizes = { bidSize: most, askSize: most, size: most, volume: most };
  const events = Array.from({ length: 5_000 }, (_, at) => ({
    ...marketEvent(`A${String(at).padStart(15, '0')}`, Number.MAX_SAFE_INTEGER, '1', MAX_TIMESTAMP_MS),
    // A quotation mark takes two bytes.
    eventId: '"'.repeat(MAX_ID_LENGTH) as EventId,
    price: most,
    bid: most,
    ask: most,
    ...sizes,
  }));
  const batches = batchPrices(events, WINDOW_MS, 0);
  assert.equal(batches.flatMap(({ prices }) => prices).length, 5_000);
  for (const batch of batches) {
    const bytes = encodeTradingInput(batch, { sourceService: 'trade-execution' });
    assert.ok(bytes.length <= MAX_RECORD_BYTES, `${bytes.length} bytes`);
  }
});

test('a batch is read back from its record as it was made, however much was traded in it', () => {
  const much = MAX_SCALED as Quantity;
  const flood = fc.array(fc.constantFrom(much, quantity('1'), null), { maxLength: 20 });
  fc.assert(
    fc.property(flood, (sizes) => {
      const events = sizes.map((size, at) => marketEvent('AAPL', at + 1, '10', 1_000, { size }));
      for (const batch of batchPrices(events, WINDOW_MS, 0)) {
        const bytes = encodeTradingInput(batch, { sourceService: 'trade-execution' });
        assert.deepEqual(decodeTradingInput(bytes), { kind: 'decoded', value: batch });
      }
    }),
  );
});
