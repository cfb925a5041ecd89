/** A log on Kafka is sealed, whoever seals it, and what is removed behind the seals' back is found. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { EXPIRING, RETAINED, record } from '../event-log.testing.ts';
import { openLogArchiveFromExport } from '../sqlite/import-log.ts';
import { type LogVerdict, verifyLog } from '../verify-log.ts';
import { exportKafkaLog } from './export-kafka-log.ts';
import type { KafkaEventLog } from './kafka-event-log.ts';
import { type KafkaLogUnderTest, openKafkaLogUnderTest } from './kafka-log.testing.ts';

describe('seals of a log on Kafka', () => {
  let under: KafkaLogUnderTest;
  let folder: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tradehall-kafka-seals-'));
    under = await openKafkaLogUnderTest();
    await under.log.ensureTopics([RETAINED, EXPIRING]);
  });
  afterEach(async () => {
    await under.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  async function verify(log: KafkaEventLog): Promise<LogVerdict> {
    const file = join(folder, 'log.ndjson');
    await exportKafkaLog(log, file);
    const archive = await openLogArchiveFromExport(file);
    try {
      return verifyLog(archive);
    } finally {
      archive.close();
    }
  }

  async function write(log: KafkaEventLog, what: string): Promise<void> {
    await log.append([record('orders', 0, `${what} a`), record('orders', 1, `${what} b`)]);
    for (let at = 0; at < 5; at += 1) await log.append([record('orders', 0, `${what} ${at}`)]);
  }

  test('hold over restarts, and over a sealer that has never seen the log', async () => {
    await write(under.log, 'first');
    assert.deepEqual((await verify(under.log)).problems, []);
    let log = await under.reopen();
    await log.ensureTopics([RETAINED, EXPIRING]);
    await write(log, 'second');
    assert.deepEqual((await verify(log)).problems, []);
    // Without the heads the chain is read from its beginning.
    log = await under.reopen({ directory: join(folder, 'another') });
    await log.ensureTopics([RETAINED, EXPIRING]);
    await write(log, 'third');
    const verdict = await verify(log);
    assert.deepEqual(verdict.problems, []);
    assert(verdict.seals >= 6, `${verdict.seals} seals`);
  });

  test('say what retention removed, and what is left is still verified', async () => {
    await under.log.append([record('prices', 0, 'old'), record('prices', 0, 'older')]);
    await under.log.sealed(10_000);
    under.pass(5_000);
    await under.log.append([record('prices', 0, 'young')]);
    await under.log.sealed(10_000);
    assert.equal(await under.log.expire(under.nowMs()), 2);
    assert.deepEqual((await verify(under.log)).problems, []);
  });

  test('show what somebody removed on the broker', async () => {
    await write(under.log, 'kept');
    assert.deepEqual((await verify(under.log)).problems, []);
    await under.deleteOnBroker({ topic: 'orders', partition: 0, offset: 3 });
    const verdict = await verify(under.log);
    assert.deepEqual(
      verdict.problems.map(({ topic, partition, reason }) => `${topic}/${partition} ${reason}`),
      ['orders/0 removed'],
    );
  });

  test('a log that ends before its heads is not sealed on', async () => {
    await write(under.log, 'first');
    assert.deepEqual((await verify(under.log)).problems, []);
    const other = await openKafkaLogUnderTest({ directory: under.directory }, undefined, () =>
      under.log.close(),
    );
    try {
      await other.log.ensureTopics([RETAINED, EXPIRING]);
      await write(other.log, 'elsewhere');
      assert.equal(await other.log.sealed(5_000), false);
      assert.equal(other.log.sealsAreDamaged, true);
    } finally {
      await other.dispose();
    }
  });
});
