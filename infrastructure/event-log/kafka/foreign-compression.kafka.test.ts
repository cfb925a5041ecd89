/** A record that another program wrote in a compression which the client here does not have is read like any other. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { RETAINED, record, textOf } from '../event-log.testing.ts';
import type { TopicPartition } from '../event-log.ts';
import { type KafkaLogUnderTest, openKafkaLogUnderTest, sealedRecords } from './kafka-log.testing.ts';
import { loadProtocolClient } from './protocol-client.ts';

const PLACE: TopicPartition = { topic: RETAINED.name, partition: 0 };

describe('a record by another program, compressed by zstd', () => {
  let under: KafkaLogUnderTest;

  beforeEach(async () => {
    under = await openKafkaLogUnderTest();
    await under.log.ensureTopics([RETAINED]);
  });
  afterEach(() => under.dispose());

  async function produceElsewhere(text: string): Promise<void> {
    const { Producer } = await loadProtocolClient();
    const { hosts, path } = under.address;
    const bootstrapBrokers = hosts.map(({ host, port }) => ({ host, port }));
    const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
      clientId: 'foreign',
      bootstrapBrokers,
      compression: 'zstd',
    });
    try {
      const value = Buffer.from(text);
      await producer.send({
        messages: [{ topic: `${path}.${PLACE.topic}`, partition: PLACE.partition, value }],
      });
    } finally {
      await producer.close();
    }
  }

  test('is read, sealed and consumed, and what comes after it too', async () => {
    const { log } = under;
    const foreign = 'as others write it '.repeat(100);
    await log.append([record(PLACE.topic, PLACE.partition, 'before')]);
    await produceElsewhere(foreign);
    await log.append([record(PLACE.topic, PLACE.partition, 'after')]);
    const expected = ['before', foreign, 'after'];
    assert.deepEqual((await log.read({ ...PLACE, offset: 0 }, 10)).map(textOf), expected);
    assert.deepEqual((await sealedRecords(log, PLACE)).map(textOf), expected);
    const consumer = await log.openConsumer({ group: 'readers', topics: [PLACE.topic], start: 'earliest' });
    const consumed: (string | null)[] = [];
    while (consumed.length < expected.length) {
      const polled = await consumer.poll({ maxRecords: 10, signal: AbortSignal.timeout(60_000) });
      assert.notEqual(polled.kind, 'ended');
      if (polled.kind === 'records') consumed.push(...polled.records.map(textOf));
    }
    assert.deepEqual(consumed, expected);
    await consumer.close();
  });

  test('could not be read from a topic that somebody made otherwise: the start is refused', async () => {
    await under.makeTopic('quotes', 1);
    const log = await under.reopen();
    await assert.rejects(log.ensureTopics([RETAINED, { ...RETAINED, name: 'quotes', partitions: 1 }]), {
      code: 'LOG_COMPRESSION',
      message: new RegExp(`for topic in ${under.address.path}\\.quotes; do kafka-configs`),
    });
    await (await under.reopen()).ensureTopics([RETAINED]);
  });
});
