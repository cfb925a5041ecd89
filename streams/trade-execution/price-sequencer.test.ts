import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeMarketEvent } from '#domain/data/market-event-codec.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { decodeTradingInput } from '#domain/data/trading-input-codec.ts';
import type { PriceBatch } from '#domain/data/trading-inputs.ts';
import { openDeadLetters } from '#infrastructure/event-log/dead-letters.ts';
import { logWith } from '#infrastructure/event-log/event-log.testing.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import { marketEvent, openTestLog, temporaryDirectory, testContext } from '#tests/in-process/platform.ts';
import { PriceSequencer, sequencedRecords } from './price-sequencer.ts';

async function withLog(run: (log: EventLog) => Promise<void>): Promise<void> {
  const directory = temporaryDirectory();
  const log = await openTestLog(directory.path);
  try {
    await run(log);
  } finally {
    await log.close();
    directory.dispose();
  }
}

async function appendEvents(log: EventLog, symbol: string, from: number, to: number): Promise<void> {
  const records = [];
  for (let sequence = from; sequence <= to; sequence += 1) {
    const event = marketEvent(symbol, sequence, String(100 + sequence), 1_000_000 + sequence * 7);
    records.push({
      topic: TOPIC.marketData,
      key: symbol,
      value: encodeMarketEvent(event, { sourceService: 'test' }),
    });
  }
  await log.append(records);
}

async function batchesOf(log: EventLog, partition: number): Promise<readonly PriceBatch[]> {
  const records = await log.read({ topic: TOPIC.tradeOrders, partition, offset: 0 }, 10_000);
  return records.map(({ value }) => {
    const decoded = decodeTradingInput(value ?? Buffer.of());
    assert(decoded.kind === 'decoded' && decoded.value.type === 'PriceBatch');
    return decoded.value;
  });
}

async function sequenceAll(
  log: EventLog,
  sequencers: readonly PriceSequencer[],
  context: ReturnType<typeof testContext>,
) {
  for (;;) {
    const [position] = await log.committedPositions('price-sequencer');
    const [extent] = await log.extents(TOPIC.marketData);
    if (position?.offset === extent?.nextOffset) break;
    assert.deepEqual(context.crashes, []);
    await context.runtime.timers.sleep(2);
  }
  for (const sequencer of sequencers) await sequencer.stop();
}

test('a backlog of sparse prices and many partitions stay within what the log takes at once', async () => {
  const directory = temporaryDirectory();
  const log = await openTestLog(directory.path, 64);
  try {
    const records = Array.from({ length: 1_000 }, (_, at) => ({
      topic: TOPIC.marketData,
      key: 'AAPL',
      value: encodeMarketEvent(marketEvent('AAPL', at + 1, '100', 1_000_000 + at * 60_000), {
        sourceService: 'test',
      }),
    }));
    await log.append(records);
    const context = testContext();
    const sizes: number[] = [];
    const openProducer: EventLog['openProducer'] = async (id) => {
      const producer = await log.openProducer(id);
      return {
        ...producer,
        commit(transaction) {
          sizes.push(transaction.records.length);
          return producer.commit(transaction);
        },
      };
    };
    const watched = logWith(log, { openProducer });
    const sequencer = new PriceSequencer({ context, log: watched, windowMs: 20 });
    sequencer.start();
    await sequenceAll(log, [sequencer], context);
    assert.equal(
      sizes.reduce((sum, size) => sum + size, 0),
      64_000,
    );
    assert.ok(Math.max(...sizes) <= 50_000, String(sizes));
  } finally {
    await log.close();
    directory.dispose();
  }
});

test('every partition gets the same batches, in the order of the feed', async () => {
  await withLog(async (log) => {
    await appendEvents(log, 'AAPL', 1, 50);
    await appendEvents(log, 'MSFT', 1, 20);
    const context = testContext();
    const sequencer = new PriceSequencer({ context, log, windowMs: 20 });
    sequencer.start();
    await sequenceAll(log, [sequencer], context);
    const batches = await batchesOf(log, 0);
    assert.deepEqual(batches, await batchesOf(log, 1));
    assert.ok(batches.length < 70, 'prices within 20 ms share a batch');
    assert.equal(
      batches.flatMap(({ prices }) => prices).findLast(({ symbol }) => symbol === 'AAPL')?.sequence,
      50,
    );
  });
});

test('a restart goes on where the last transaction ended, and two sequencers repeat nothing', async () => {
  await withLog(async (log) => {
    const context = testContext();
    await appendEvents(log, 'AAPL', 1, 30);
    const first = new PriceSequencer({ context, log, windowMs: 20 });
    first.start();
    await sequenceAll(log, [first], context);
    await appendEvents(log, 'AAPL', 31, 60);
    const pair = [0, 1].map(() => new PriceSequencer({ context, log, windowMs: 20 }));
    for (const sequencer of pair) sequencer.start();
    await sequenceAll(log, pair, context);
    const sequences = (await batchesOf(log, 0)).flatMap(({ prices }) =>
      prices.map(({ sequence }) => sequence),
    );
    assert.deepEqual(
      sequences,
      [...new Set(sequences)].sort((left, right) => left - right),
    );
    assert.equal(sequences.at(-1), 60);
  });
});

test('what a former sequencer commits until it is fenced is not sequenced again', async () => {
  await withLog(async (log) => {
    await appendEvents(log, 'AAPL', 1, 30);
    const former = await log.openProducer('price-sequencer');
    const openProducer: EventLog['openProducer'] = async (id) => {
      const place = { topic: TOPIC.marketData, partition: 0 };
      const records = sequencedRecords(await log.read({ ...place, offset: 0 }, 20), 2, 20, 0);
      const consumed = { group: 'price-sequencer', positions: [{ ...place, offset: 20 }] };
      assert.equal((await former.commit({ records, consumed })).kind, 'committed');
      return await log.openProducer(id);
    };
    const context = testContext();
    const sequencer = new PriceSequencer({ context, log: logWith(log, { openProducer }), windowMs: 20 });
    sequencer.start();
    await sequenceAll(log, [sequencer], context);
    const ids = (await batchesOf(log, 0)).flatMap(({ prices }) => prices.map(({ eventId }) => eventId));
    assert.deepEqual(ids, [...new Set(ids)]);
    assert.equal(ids.at(-1), 'test:AAPL:30');
  });
});

test('a sequencer whose position retention has passed goes on at the first event left', async () => {
  await withLog(async (log) => {
    await appendEvents(log, 'AAPL', 1, 30);
    const extents: EventLog['extents'] = async (topic) =>
      (await log.extents(topic)).map((extent) =>
        topic === TOPIC.marketData ? { ...extent, firstOffset: 10 } : extent,
      );
    const context = testContext();
    const sequencer = new PriceSequencer({ context, log: logWith(log, { extents }), windowMs: 20 });
    sequencer.start();
    await sequenceAll(log, [sequencer], context);
    const sequences = (await batchesOf(log, 0)).flatMap(({ prices }) =>
      prices.map(({ sequence }) => sequence),
    );
    assert.ok(
      sequences.every((sequence) => sequence > 10),
      String(sequences),
    );
  });
});

test('a market event that cannot be read becomes a dead letter, and the next one is sequenced', async () => {
  await withLog(async (log) => {
    const context = testContext();
    await log.append([{ topic: TOPIC.marketData, key: 'AAPL', value: Buffer.from('garbage') }]);
    await appendEvents(log, 'AAPL', 1, 1);
    const sequencer = new PriceSequencer({ context, log, windowMs: 20 });
    sequencer.start();
    await sequenceAll(log, [sequencer], context);
    assert.equal((await openDeadLetters(log, { topic: TOPIC.marketData, limit: 10 })).length, 1);
    assert.equal((await batchesOf(log, 1)).length, 1);
  });
});
