/** Partitions that somebody adds to a topic: a key stays where it is, nothing is written any more, and it is told. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { COMPACTED, RETAINED, record, textOf } from '../event-log.testing.ts';
import { openLogArchiveFromExport } from '../sqlite/import-log.ts';
import { verifyLog } from '../verify-log.ts';
import { exportKafkaLog } from './export-kafka-log.ts';
import { type KafkaLogUnderTest, openKafkaLogUnderTest } from './kafka-log.testing.ts';

const TOPICS = [RETAINED, COMPACTED];
const KEYS = Array.from({ length: 50 }, (_unused, at) => `account-${at}`);
const REFUSED = {
  code: 'LOG_TOPIC_MISMATCH',
  retry: 'never',
  message: /^The topic orders has (16 partitions|a partition \d+), and is declared with 3;/,
} as const;

describe('partitions added to a topic of a log on Kafka', () => {
  let under: KafkaLogUnderTest;

  beforeEach(async () => {
    under = await openKafkaLogUnderTest();
    await under.log.ensureTopics(TOPICS);
  });
  afterEach(() => under.dispose());

  async function untilTold(signal: AbortSignal): Promise<string> {
    for (;;) {
      const trouble = under.log.trouble();
      if (trouble !== null) return trouble;
      signal.throwIfAborted();
      await under.runtime.timers.sleep(20, signal);
    }
  }

  test('while it runs: no key moves, it is told, nothing is written any more, and what is there can be read', async ({
    signal,
  }) => {
    const { log } = under;
    const places = () => KEYS.map((key) => log.partitionFor('orders', key));
    const before = places();
    const [written] = await log.append([record('orders', 1, 'written')]);
    const producer = await log.openProducer('owner');
    await under.addPartitions('orders', 16);
    assert.match(await untilTold(signal), REFUSED.message);
    assert.deepEqual(places(), before);
    await assert.rejects(log.append([record('orders', 0, 'more')]), REFUSED);
    await assert.rejects(producer.commit({ records: [record('states', 0, 'more', 'key')] }), REFUSED);
    assert(written !== undefined);
    assert.deepEqual((await log.read(written, 10)).map(textOf), ['written']);
    await producer.close();
  });

  for (const start of ['earliest', 'sought'] as const) {
    test(`a member of its group takes none of them, begun where it is ${start}`, async () => {
      const { log } = under;
      const consumer = await log.openConsumer({ group: 'readers', topics: ['orders'], start });
      const signal = AbortSignal.timeout(120_000);
      const poll = () => consumer.poll({ maxRecords: 10, signal });
      const assigned = await poll();
      assert(assigned.kind === 'assigned');
      await under.addPartitions('orders', 16);
      await assert.rejects(async () => {
        for (;;) assert.notEqual((await poll()).kind, 'assigned');
      }, REFUSED);
      await consumer.close();
    });
  }

  test('before a start: it is refused', async () => {
    await under.addPartitions('orders', 16);
    const log = await under.reopen();
    await assert.rejects(log.ensureTopics(TOPICS), REFUSED);
  });

  test('an export leaves them out while they are empty, and what it holds has the number that was declared', async () => {
    await under.log.append([record('orders', 1, 'written')]);
    await under.addPartitions('orders', 16);
    const folder = mkdtempSync(join(tmpdir(), 'added-partitions-'));
    try {
      const log = await under.reopen({ leavesOutAdded: true });
      await log.ensureTopics(TOPICS);
      const file = join(folder, 'log.ndjson');
      await exportKafkaLog(log, file);
      const archive = await openLogArchiveFromExport(file);
      assert.deepEqual(verifyLog(archive).problems, []);
      assert.equal(archive.topics().find(({ name }) => name === 'orders')?.partitions, RETAINED.partitions);
      assert.deepEqual(
        archive
          .partitions()
          .flatMap((place) =>
            [...archive.records(place)].filter(({ topic }) => topic === 'orders').map(textOf),
          ),
        ['written'],
      );
      archive.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('one that somebody has written to is not left out', async () => {
    await under.addPartitions('orders', 16);
    const sixteen = { ...RETAINED, partitions: 16 };
    const another = await under.reopen();
    await another.ensureTopics([sixteen, COMPACTED]);
    await another.append([record('orders', 9, 'astray')]);
    const log = await under.reopen({ leavesOutAdded: true });
    await assert.rejects(log.ensureTopics(TOPICS), {
      code: 'LOG_TOPIC_MISMATCH',
      message: /^Somebody added the partition orders.9 /,
    });
  });
});
