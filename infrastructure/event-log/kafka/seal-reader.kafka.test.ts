/** The sealer's reading, on a broker: what it seals is what every other reader of committed records reads. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { EXPIRING, RETAINED, record } from '../event-log.testing.ts';
import type { Position } from '../event-log.ts';
import { sealRoot } from '../seal.ts';
import type { HeldClient } from './held-client.ts';
import { KafkaConnection } from './kafka-connection.ts';
import { loadKafkaLibrary, type NativeProducer } from './kafka-library.ts';
import { type KafkaLogUnderTest, openKafkaLogUnderTest, sealedRecords } from './kafka-log.testing.ts';
import { appendingSettings, CALL_TIMEOUT_MS, transactionalSettings } from './kafka-settings.ts';
import { SealReader } from './seal-reader.ts';

/** librdkafka is compiled without zstd here: the pure test has that one. */
const CODECS = ['none', 'gzip', 'snappy', 'lz4'] as const;
const PATIENCE_MS = 30_000;

interface Foreign {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

function some(text: string): readonly Foreign[] {
  return [
    { key: null, value: Buffer.from(`${text} without a key`) },
    { key: Buffer.from('ключ'), value: Buffer.from(text.repeat(50)) },
    { key: Buffer.of(0x61, 0xff, 0xc3), value: Buffer.alloc(0) },
    { key: Buffer.from('gone'), value: null },
  ];
}

describe('the reading of the sealer', () => {
  let under: KafkaLogUnderTest;
  let connection: KafkaConnection;
  let readers: SealReader[];
  const place = { topic: RETAINED.name, partition: 1 };

  beforeEach(async () => {
    under = await openKafkaLogUnderTest();
    await under.log.ensureTopics([RETAINED, EXPIRING]);
    connection = await connect();
    readers = [];
  });
  afterEach(async () => {
    await Promise.all(readers.map((reader) => reader.close()));
    await connection.close();
    await under.dispose();
  });

  async function connect(): Promise<KafkaConnection> {
    const library = await loadKafkaLibrary();
    const metrics = createPrometheusMetrics({ processFigures: false });
    return new KafkaConnection({
      library,
      address: under.address,
      runtime: under.runtime,
      logger: SILENT,
      metrics,
    });
  }

  function produce(producer: HeldClient<NativeProducer>, records: readonly Foreign[]): Promise<void> {
    const topic = `${under.address.path}.${place.topic}`;
    for (const { key, value } of records)
      producer.now((native) => native.produce(topic, place.partition, value, key, Date.now(), null));
    return producer.call<undefined>((native, done) =>
      native.flush(CALL_TIMEOUT_MS, (error) => done(error, undefined)),
    );
  }

  async function transaction(
    producer: HeldClient<NativeProducer>,
    records: readonly Foreign[],
    between: () => Promise<void>,
    end: 'commit' | 'abort',
  ): Promise<void> {
    await producer.call<undefined>((native, done) =>
      native.beginTransaction((error) => done(error, undefined)),
    );
    await produce(producer, records);
    await between();
    await produce(producer, records);
    await producer.call<undefined>((native, done) => {
      const ended = (error: Parameters<typeof done>[0]) => done(error, undefined);
      if (end === 'commit') native.commitTransaction(CALL_TIMEOUT_MS, ended);
      else native.abortTransaction(CALL_TIMEOUT_MS, ended);
    });
  }

  test('sees what was committed or written plainly, in every compression, and nothing that was aborted', async () => {
    const clients: HeldClient<NativeProducer>[] = [];
    try {
      for (const codec of CODECS) {
        const open = async (settings: Readonly<Record<string, unknown>>) => {
          const client = await connection.producer('foreign', { ...settings, 'compression.codec': codec });
          clients.push(client);
          return client;
        };
        const plain = await open(appendingSettings());
        const [one, other] = await Promise.all(
          ['one', 'other'].map(async (id) => {
            const settings = transactionalSettings(`${under.address.path}.${codec}-${id}`, 'failures');
            const client = await open(settings);
            await client.call<undefined>((native, done) =>
              native.initTransactions(CALL_TIMEOUT_MS, (error) => done(error, undefined)),
            );
            return client;
          }),
        );
        assert(one !== undefined && other !== undefined);
        const write = (text: string) => produce(plain, some(`${codec} plain ${text}`));
        await write('before');
        // Two in a row of one producer, around each other's ends and what is in none.
        await transaction(one, some('aborted 1'), () => write('within'), 'abort');
        await transaction(
          one,
          some('aborted 2'),
          () => transaction(other, some(`${codec} committed`), () => write('deep within'), 'commit'),
          'abort',
        );
        await transaction(
          one,
          some(`${codec} committed too`),
          () => transaction(other, some('aborted 3'), async () => {}, 'abort'),
          'commit',
        );
      }
      const records = await sealedRecords(under.log, place);
      const texts = records.map(({ value }) => Buffer.from(value ?? []).toString());
      assert(!texts.some((text) => text.includes('aborted')));
      assert.equal(records.length, CODECS.length * 7 * some('').length);
    } finally {
      await Promise.all(clients.map((client) => client.close()));
    }
  });

  test('goes on where an answer was full, record after record', async () => {
    // What no compression makes smaller.
    const text = () => randomBytes(30_000).toString('hex');
    for (let at = 0; at < 4; at += 1)
      await under.log.append(Array.from({ length: 20 }, () => record('orders', 1, text())));
    const records = await sealedRecords(under.log, place);
    assert.equal(records.length, 80);
    const reader = readerFrom({ ...place, offset: 0 });
    const counts: number[] = [];
    for (let isMore = true; isMore; ) {
      const round = await reader.next(new AbortController().signal);
      assert(round !== null);
      counts.push(round.stretches.reduce((sum, { count }) => sum + count, 0));
      isMore = round.isMore;
    }
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      80,
    );
    assert(counts.length > 1 && counts.every((count) => count > 0), `${counts}`);
  });

  test('goes on with what is left where somebody removed what it had not read', async () => {
    for (const text of ['a', 'b', 'c', 'd']) await under.log.append([record('orders', 1, text)]);
    await under.deleteOnBroker({ ...place, offset: 2 });
    const reader = readerFrom({ ...place, offset: 0 });
    await assert.rejects(reader.next(new AbortController().signal), { code: 'LOG_UNAVAILABLE' });
    await under.log.append([record('orders', 1, 'e')]);
    assert.equal(await under.log.sealed(PATIENCE_MS), true);
  });

  test('tells of each record once, and of how many there were', async () => {
    for (const text of ['a', 'b', 'c']) await under.log.append([record('orders', 1, text)]);
    const reader = readerFrom({ ...place, offset: 1 });
    const signal = new AbortController().signal;
    const expected = sealRoot(await under.log.read({ ...place, offset: 1 }, 2));
    const first = await reader.next(signal);
    assert.deepEqual(first, {
      stretches: [{ ...place, last: 2, count: 2, root: expected }],
      isMore: false,
    });
    assert.deepEqual(await reader.next(signal), { stretches: [], isMore: false });
  });

  test('ends at once while no broker answers', async () => {
    const { runtime, logger } = connection;
    const address = { ...under.address, hosts: [{ host: '127.0.0.1', port: 1 }] as const };
    const failed = (error: unknown) => connection.failed(error);
    const reader = new SealReader({ address, runtime, logger, failed }, '', [{ ...place, offset: 0 }]);
    readers.push(reader);
    const stopping = new AbortController();
    const waiting = reader.next(stopping.signal);
    stopping.abort();
    assert.equal(await waiting, null);
    await reader.close();
  });

  function readerFrom(position: Position): SealReader {
    const reader = new SealReader(connection, `${under.address.path}.`, [position]);
    readers.push(reader);
    return reader;
  }
});
