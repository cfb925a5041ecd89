/** What stands in `feed_positions` beside what ingestion wrote there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deadLetterTopic, TOPIC } from '#domain/data/topics.ts';
import { openDeadLetters } from '#infrastructure/event-log/dead-letters.ts';
import type { LogRecord } from '#infrastructure/event-log/event-log.ts';
import { readFeedPositions } from './feed-positions.ts';
import { finished, type IngestionWorld, inWorld, replayConfig, uninterrupted } from './ingestion.testing.ts';

const PLACE = { topic: TOPIC.feedPositions, partition: 0 };
const FOREIGN = Buffer.from('hello');

async function lastPosition(world: IngestionWorld): Promise<LogRecord & { readonly value: Uint8Array }> {
  const record = (await world.records(TOPIC.feedPositions)).at(-1);
  assert.ok(record !== undefined && record.value !== null);
  return { ...record, value: record.value };
}

test('records of another producer become dead letters, once, and ingestion goes on where it was', async () => {
  const straight = await uninterrupted();
  await inWorld(async (world) => {
    const config = await replayConfig(world);
    const paced = { ...config, replaySpeed: 60 };
    await world.run(paced, (status) => Number(status['events']) > 0);
    const { value } = await lastPosition(world);
    await world.log.append([
      { ...PLACE, key: 'note', value: FOREIGN },
      { ...PLACE, key: 'source/of-another', value },
    ]);
    await world.run(paced, (status) => status['phase'] === 'running');
    await world.run(config, finished);
    assert.deepEqual(await world.events(), straight);
    const letters = await openDeadLetters(world.log, { limit: 10 });
    assert.deepEqual(
      letters.map(({ reader, reason, original }) => [reader, reason.split(':')[0], original?.toString()]),
      [
        ['market-ingestion', 'record', 'hello'],
        ['market-ingestion', 'key', Buffer.from(value).toString()],
      ],
    );
    assert.equal((await world.records(deadLetterTopic(TOPIC.feedPositions))).length, 2);
  });
});

test('a record of ours that another producer has replaced stops ingestion with a sentence, and is a dead letter', async () => {
  await inWorld(async (world) => {
    for (const [offset, key] of ['source/simulated:1', 'symbol/ZZZZ'].entries()) {
      await world.log.append([{ ...PLACE, key, value: FOREIGN }]);
      const status = await world.run({ seed: 1 - offset }, ({ phase }) => phase === 'stopped');
      assert.equal(
        status['trouble'],
        `The record of feed_positions at offset ${offset} cannot be read, and there is no other one of ${key}: where ingestion has to go on is not known.`,
      );
      assert.deepEqual(await world.events(), []);
      assert.equal((await openDeadLetters(world.log, { limit: 10 })).length, offset + 1);
    }
  });
});

test('where the record of ours is still there beside that of another producer, it stands', async () => {
  await inWorld(async (world) => {
    await world.run(await replayConfig(world), finished);
    const own = await lastPosition(world);
    // As on Kafka, which compacts later.
    const both = [own, { ...own, offset: own.offset + 1, value: FOREIGN }];
    const { sources, letters, damage } = await readFeedPositions(
      {
        extents: async () => [{ ...PLACE, firstOffset: own.offset, nextOffset: own.offset + 2 }],
        read: async ({ offset }) => both.filter((record) => record.offset >= offset),
      },
      { reader: 'reader', source: String(own.key).replace('source/', '') },
    );
    assert.equal(damage, null);
    assert.equal(letters.length, 1);
    assert.equal([...sources.values()][0]?.finished, true);
  });
});
