/** The same on Kafka, where other processes may have joined a group already when one puts it back to the beginning. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { TOPIC } from '#domain/data/topics.ts';
import type { Consumer, LogRecord } from '#infrastructure/event-log/event-log.ts';
import {
  type KafkaLogUnderTest,
  openKafkaLogUnderTest,
} from '#infrastructure/event-log/kafka/kafka-log.testing.ts';
import { tradehallTopics } from '#infrastructure/event-log/topic-specs.ts';
import { rewindProjections } from './rewind-projections.ts';

const GROUP = 'portfolio';
const { accountStates: topic } = TOPIC;
const PLACE = { topic, partition: 0 };
const { signal } = new AbortController();

describe('groups of projections on Kafka', () => {
  let under: KafkaLogUnderTest;

  beforeEach(async () => {
    under = await openKafkaLogUnderTest();
    const retentionMs = 'forever';
    await under.log.ensureTopics(
      tradehallTopics({
        partitions: 1,
        marketDataRetentionMs: retentionMs,
        tradingRetentionMs: retentionMs,
        tombstoneMs: 1_000,
      }),
    );
  });
  afterEach(() => under.dispose());

  function append(...texts: string[]): Promise<unknown> {
    return under.log.append(texts.map((text) => ({ ...PLACE, key: text, value: Buffer.from(text) })));
  }

  function join(): Promise<Consumer> {
    return under.log.openConsumer({ group: GROUP, topics: [topic], start: 'earliest' });
  }

  async function next(consumer: Consumer, count: number): Promise<readonly LogRecord[]> {
    const read: LogRecord[] = [];
    while (read.length < count) {
      const polled = await consumer.poll({ maxRecords: 100, signal });
      if (polled.kind === 'records') read.push(...polled.records);
    }
    return read;
  }

  const keys = (records: readonly LogRecord[]) => records.map(({ key }) => key);

  async function commitAfter(consumer: Consumer, records: readonly LogRecord[]): Promise<void> {
    await consumer.commit([{ ...PLACE, offset: (records.at(-1)?.offset ?? 0) + 1 }]);
  }

  test('rewinds at once all succeed under a member that runs, which goes on; the next one begins at the first record', async () => {
    await append('a', 'b');
    const member = await join();
    await commitAfter(member, await next(member, 2));
    const put = await Promise.all(
      [1, 2, 3].map(() => rewindProjections(under.log, ['portfolios'], under.runtime.ids)),
    );
    assert.deepEqual(put, [[GROUP], [GROUP], [GROUP]]);
    assert.deepEqual(await under.log.committedPositions(GROUP), [{ ...PLACE, offset: 0 }]);
    await append('c');
    assert.deepEqual(keys(await next(member, 1)), ['c'], 'its store has what came before');
    await member.close();
    const again = await join();
    assert.deepEqual(keys(await next(again, 3)), ['a', 'b', 'c'], 'it had not committed since');
    await again.close();
  });
});
