/** A topic that somebody removed: its records are missed and named, and what never held any is made again. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { COMPACTED, RETAINED, record, textOf } from '../event-log.testing.ts';
import type { KafkaEventLog } from './kafka-event-log.ts';
import { type KafkaLogUnderTest, openKafkaLogUnderTest } from './kafka-log.testing.ts';

const SPARE = { ...RETAINED, name: 'spare' };
const TOPICS = [RETAINED, COMPACTED, SPARE];

describe('a topic of a log on Kafka that is removed', () => {
  let under: KafkaLogUnderTest;

  beforeEach(async () => {
    under = await openKafkaLogUnderTest();
    await under.log.ensureTopics(TOPICS);
    await under.log.append([record('orders', 0, 'first')]);
    await under.log.append([record('states', 0, 'state', 'key')]);
    assert(await under.log.sealed(60_000));
  });
  afterEach(() => under.dispose());

  const damaged = (message: RegExp) => ({ code: 'LOG_DAMAGED', retry: 'never', message });

  /** Until it gives something; what is not known yet, or not any more, is asked for again. */
  async function patiently<Value>(task: () => Promise<Value | null>): Promise<Value> {
    for (;;) {
      try {
        const value = await task();
        if (value !== null) return value;
      } catch (error) {
        assert(error instanceof OperatingError && error.retry !== 'never', String(error));
      }
      await under.runtime.timers.sleep(20);
    }
  }

  async function untilTroubled(log: KafkaEventLog): Promise<string> {
    for (;;) {
      const trouble = log.trouble();
      if (trouble !== null) return trouble;
      await under.runtime.timers.sleep(20);
    }
  }

  test('before a start: the start is refused with the topic and what to do, and makes nothing', async () => {
    await under.removeTopic('orders');
    for (let starts = 0; starts < 2; starts += 1) {
      const log = await under.reopen();
      await assert.rejects(
        log.ensureTopics(TOPICS),
        damaged(/^The topic orders .* is gone .*tradehall import/),
      );
    }
  });

  test('before the start of an instance that has never seen the log: refused too, since seals tell of its records', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tradehall-kafka-topics-'));
    await under.removeTopic('orders');
    const log = await under.reopen({ directory: folder });
    await assert.rejects(log.ensureTopics(TOPICS), damaged(/^The topic orders .* is gone/));
    await under.reopen();
    rmSync(folder, { recursive: true });
  });

  test('is not passed over because what was noted of topics cannot be read', async () => {
    for (const text of ['', '{"orders"', 'null']) {
      writeFileSync(join(under.directory, 'topics.json'), text);
      const log = await under.reopen();
      await assert.rejects(log.ensureTopics(TOPICS), damaged(/topics\.json, .* cannot be read/));
    }
  });

  test('and made again by hand: it is not the topic that it was', async () => {
    await under.removeTopic('orders');
    await under.makeTopic('orders', RETAINED.partitions);
    const log = await under.reopen();
    await assert.rejects(
      log.ensureTopics(TOPICS),
      damaged(/^The topic orders .* was removed and made again/),
    );
  });

  test('one of states, which are not sealed, is missed where it was seen', async () => {
    await under.removeTopic('states');
    const log = await under.reopen();
    await assert.rejects(log.ensureTopics(TOPICS), damaged(/^The topic states .* is gone/));
  });

  test('one that never held a record is made again, before a start and while it runs', async () => {
    await under.removeTopic('spare');
    const log = await under.reopen();
    await log.ensureTopics(TOPICS);
    await under.removeTopic('spare');
    await patiently(() => log.append([record('spare', 0, 'written')]));
    assert.equal(log.trouble(), null);
    const read = await patiently(async () => {
      const records = await log.read({ topic: 'spare', partition: 0, offset: 0 }, 10);
      return records.length > 0 ? records : null;
    });
    // An attempt that was not confirmed may have been written too.
    assert.deepEqual([...new Set(read.map(textOf))], ['written']);
  });

  test('one that is made again while the disk takes no note is not taken for another, and is noted once it does', async () => {
    const { promise: told, resolve } = Promise.withResolvers<void>();
    const log = await under.reopen({
      logger: {
        ...SILENT,
        error: (_fields, message) => {
          if (message.startsWith('Which topics the log has cannot be noted')) resolve();
        },
      },
    });
    await log.ensureTopics(TOPICS);
    const file = join(under.directory, 'topics.json');
    const noted = readFileSync(file, 'utf8');
    // In the way of the file that becomes the note.
    mkdirSync(`${file}.tmp`);
    await under.removeTopic('spare');
    await patiently(() => log.append([record('spare', 0, 'written')]));
    await told;
    rmdirSync(`${file}.tmp`);
    await patiently(async () => {
      assert.equal(log.trouble(), null);
      return readFileSync(file, 'utf8') === noted ? null : true;
    });
  });

  test('while it runs: it is told, nothing is written any more, and making it by hand mends nothing', async () => {
    const { log } = under;
    const producer = await log.openProducer('owner');
    await under.removeTopic('orders');
    const trouble = await untilTroubled(log);
    assert.match(
      trouble,
      /^The topic orders of the event log is gone from Kafka at .* and its records with it/,
    );
    await under.makeTopic('orders', RETAINED.partitions);
    const refused = damaged(/^The topic orders/);
    await assert.rejects(log.append([record('states', 0, 'more', 'key')]), refused);
    await assert.rejects(producer.commit({ records: [record('states', 0, 'more', 'key')] }), refused);
    await assert.rejects(log.openProducer('another'), refused);
    await producer.close();
  });

  test('a member of its group is told that it has nothing more, and can be closed', async () => {
    const { log } = under;
    const consumer = await log.openConsumer({ group: 'readers', topics: ['orders'], start: 'earliest' });
    const signal = AbortSignal.timeout(120_000);
    const polls: string[] = [];
    while (polls.at(-1) !== 'records') polls.push((await consumer.poll({ maxRecords: 10, signal })).kind);
    await under.removeTopic('orders');
    assert.equal((await consumer.poll({ maxRecords: 10, signal })).kind, 'revoked');
    await consumer.close();
  });
});
