/** A log that moves to Kafka, on to another Kafka and back into a file keeps its offsets and its seals, holes and all. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { COMPACTED, EXPIRING, failsWith, RETAINED, record, textOf } from '../event-log.testing.ts';
import type { EventLog } from '../event-log.ts';
import { exportLog } from '../export-log.ts';
import type { LogArchive } from '../log-archive.ts';
import { NO_HASH } from '../seal.ts';
import { openLogArchiveFromDirectory } from '../sqlite/directory-archive.ts';
import { importLog, openLogArchiveFromExport, openLogArchiveFromLines } from '../sqlite/import-log.ts';
import { openSqliteEventLog } from '../sqlite/sqlite-event-log.ts';
import { openSqliteLogUnderTest } from '../sqlite/sqlite-log.testing.ts';
import { SEALS_TOPIC } from '../topic-specs.ts';
import { verifyLog } from '../verify-log.ts';
import { exportKafkaLog, linesOfKafkaLog } from './export-kafka-log.ts';
import { importKafkaLog } from './import-kafka-log.ts';
import { type KafkaLogUnderTest, openKafkaLogUnderTest } from './kafka-log.testing.ts';

const TOPICS = [RETAINED, EXPIRING, COMPACTED];

describe('a log that moves', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tradehall-kafka-move-'));
  const opened: KafkaLogUnderTest[] = [];
  after(async () => {
    for (const under of opened) await under.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  async function onKafka(): Promise<KafkaLogUnderTest> {
    const under = await openKafkaLogUnderTest();
    opened.push(under);
    return under;
  }

  async function importInto({ address, runtime }: KafkaLogUnderTest, file: string): Promise<void> {
    const metrics = createPrometheusMetrics({ processFigures: false });
    const archive = await openLogArchiveFromExport(file);
    try {
      await importKafkaLog(archive, { address, runtime, logger: SILENT, metrics }, () => {});
    } finally {
      archive.close();
    }
  }

  async function write(log: EventLog, what: string): Promise<void> {
    const producer = await log.openProducer('writer');
    for (let at = 0; at < 3; at += 1) {
      await log.append([record('orders', 0, `${what} ${at}`)]);
      const records = [record('orders', 0, `${what} in ${at}`), record('orders', 1, `${what} in ${at}`)];
      await producer.commit({ records: [...records, record('states', 0, `${what} ${at}`, `key ${at % 2}`)] });
    }
    await producer.close();
  }

  async function contents(file: string): Promise<unknown> {
    return contentsOf(await openLogArchiveFromExport(file));
  }

  /** Of what is kept, with offsets, times and values; of what is compacted, only the last of each key. Closes it. */
  function contentsOf(archive: LogArchive): unknown {
    try {
      assert.deepEqual(verifyLog(archive).problems, []);
      const parts = archive.partitions().map((place) => {
        const name = `${place.topic}/${place.partition}`;
        return [name, whatCounts(archive, place)] as const;
      });
      return new Map(parts);
    } finally {
      archive.close();
    }
  }

  function whatCounts(archive: LogArchive, place: ReturnType<LogArchive['partitions']>[number]): unknown[] {
    const records = [...archive.records(place)];
    if (place.topic === COMPACTED.name) {
      return [...new Map(records.map((each) => [each.key, textOf(each)]))].sort();
    }
    const { firstOffset, nextOffset, chainHash } = place;
    const listed = records.map((each) => [each.offset, each.appendedAtMs, each.key, textOf(each)]);
    return [firstOffset, nextOffset, chainHash, ...listed];
  }

  async function exported({ log }: KafkaLogUnderTest, name: string): Promise<string> {
    const file = join(folder, name);
    await exportKafkaLog(log, file);
    return file;
  }

  const embeddedFile = join(folder, 'embedded.ndjson');
  let sparseFile = '';

  test('from a folder to Kafka, with what has expired missing, and goes on there', async () => {
    const embedded = await openSqliteLogUnderTest();
    try {
      await embedded.log.ensureTopics(TOPICS);
      await embedded.log.append([record('prices', 0, 'old'), record('prices', 0, 'older')]);
      embedded.pass(5_000);
      await embedded.log.append([record('prices', 0, 'young')]);
      assert.equal(await embedded.log.expire(embedded.nowMs()), 2);
      await write(embedded.log, 'embedded');
      await embedded.log.close();
      const archive = openLogArchiveFromDirectory(embedded.directory);
      await exportLog(archive, embeddedFile);
      archive.close();
    } finally {
      await embedded.dispose();
    }
    const under = await onKafka();
    await importInto(under, embeddedFile);
    await assert.rejects(importInto(under, embeddedFile), failsWith('LOG_EXISTS', 'never'));
    const log = await under.reopen();
    // Before anybody seals: a sealer without heads removes again what has expired.
    assert.deepEqual(await log.extents('prices'), [
      { topic: 'prices', partition: 0, firstOffset: 2, nextOffset: 3 },
    ]);
    await log.ensureTopics(TOPICS);
    const here = { ...under, log };
    assert.deepEqual(await contents(await exported(here, 'moved.ndjson')), await contents(embeddedFile));
    await write(log, 'kafka');
    sparseFile = await exported(here, 'sparse.ndjson');
    assert.notDeepEqual(await contents(sparseFile), await contents(embeddedFile));
  });

  test('a copy that is made without a file is what the file says', async () => {
    const here = opened[0];
    assert(here !== undefined);
    const log = await here.reopen();
    await log.ensureTopics(TOPICS);
    const copy = await openLogArchiveFromLines({ name: 'Kafka', lines: linesOfKafkaLog(log) });
    assert.equal(copy.source, 'Kafka');
    assert.deepEqual(contentsOf(copy), await contents(sparseFile));
  });

  test('from one Kafka to another, the holes of transactions among them', async () => {
    const archive = await openLogArchiveFromExport(sparseFile);
    const [orders, seals] = [
      { topic: 'orders', partition: 0 },
      { topic: SEALS_TOPIC.name, partition: 0 },
    ].map((place) => archive.partitions().find((each) => each.topic === place.topic && each.partition === 0));
    assert(orders !== undefined && seals !== undefined);
    assert(archive.count(orders) < orders.nextOffset, 'there are holes');
    archive.close();
    const under = await onKafka();
    await importInto(under, sparseFile);
    const log = await under.reopen();
    await log.ensureTopics(TOPICS);
    const file = await exported({ ...under, log }, 'again.ndjson');
    assert.deepEqual(await contents(file), await contents(sparseFile));
  });

  test('holes of every length are left as they were', async () => {
    const under = await onKafka();
    const offsets = [0, 1, 3, 5, 6, 8, 11, 15, 20, 5_020, 5_021, 15_021];
    const topic = { ...RETAINED, partitions: 1, sealed: false };
    const place = { topic: topic.name, partition: 0 };
    const archive: LogArchive = {
      source: 'holes',
      topics: () => [topic],
      partitions: () => [{ ...place, firstOffset: 0, nextOffset: 15_022, chainHash: NO_HASH }],
      heads: () => [],
      groupPositions: () => [],
      producerEpochs: () => [],
      count: () => offsets.length,
      records: () =>
        offsets.map((offset) => {
          const text = Buffer.from(`at ${offset}`);
          return {
            ...place,
            offset,
            key: null,
            value: text,
            appendedAtMs: under.nowMs() + offset,
            check: null,
          };
        }),
      close() {},
    };
    const { address, runtime } = under;
    const metrics = createPrometheusMetrics({ processFigures: false });
    await importKafkaLog(archive, { address, runtime, logger: SILENT, metrics }, () => {});
    const log = await under.reopen();
    const read = await log.read({ ...place, offset: 0 }, 100);
    assert.deepEqual(
      read.map(({ offset, appendedAtMs, value }) => [offset, appendedAtMs - under.nowMs(), String(value)]),
      offsets.map((offset) => [offset, offset, `at ${offset}`]),
    );
  });

  test('and back into a folder, where it goes on and expires', async () => {
    const directory = join(folder, 'back');
    const outcome = await importLog(sparseFile, directory);
    assert.equal(outcome.kind, 'imported');
    const under = opened[0];
    assert(under !== undefined);
    const log = await openSqliteEventLog({ directory, runtime: under.runtime, logger: SILENT });
    await log.ensureTopics(TOPICS);
    await write(log, 'back');
    assert.equal(await log.expire(under.nowMs() + 60_000), 1);
    await log.close();
    const archive = openLogArchiveFromDirectory(directory);
    const verdict = verifyLog(archive);
    archive.close();
    assert.deepEqual(verdict.problems, []);
  });
});
