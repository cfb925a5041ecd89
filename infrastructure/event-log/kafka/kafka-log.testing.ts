/** What the tests of the log on Kafka share: a log of its own on the one broker, on a clock that stands still. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseServerUrl, type ServerAddress } from '#infrastructure/common/server-address.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { sharedServer } from '#tests/support/servers.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import type { LogUnderTest } from '../event-log.testing.ts';
import type { LogRecord, Position, TopicPartition } from '../event-log.ts';
import { decodeChainEntry, sealRoot } from '../seal.ts';
import { SEALS_TOPIC } from '../topic-specs.ts';
import { KafkaConnection } from './kafka-connection.ts';
import { type KafkaEventLog, type KafkaEventLogOptions, openKafkaEventLog } from './kafka-event-log.ts';
import {
  type KafkaFailure,
  loadKafkaLibrary,
  type NativeProducer,
  type NativeTopic,
} from './kafka-library.ts';
import { CALL_TIMEOUT_MS, groupNameSettings, transactionalSettings } from './kafka-settings.ts';
import { KAFKA_URL } from './kafka-url.ts';
import { deleteBefore } from './log-expiry.ts';

type Failed = KafkaFailure | null | undefined;

export interface KafkaLogUnderTest extends LogUnderTest {
  readonly log: KafkaEventLog;
  readonly address: ServerAddress;
  readonly runtime: Runtime;
  readonly directory: string;
  reopen(options?: Partial<KafkaEventLogOptions>): Promise<KafkaEventLog>;
  /** As somebody with the broker's own tools. */
  deleteOnBroker(before: Position): Promise<void>;
  /** As somebody with the broker's own tools. */
  removeTopic(topic: string): Promise<void>;
  /** As an owner that dies in the middle of one: the broker does not end it by itself within ten minutes. */
  leaveTransactionOpen(transactionalId: string, group: string, position: Position): Promise<void>;
  /** As somebody with the broker's own tools. */
  addPartitions(topic: string, partitions: number): Promise<void>;
  /** With one replica, which is enough to acknowledge, unless told, and without what a topic of ours is set to. */
  makeTopic(topic: string, partitions: number, replicas?: number): Promise<void>;
}

export const TEST_RECORD_BYTES = 64 * 1024;
/** A broker misses a member that could not leave its group after 45 s; until then nobody seals. */
const SEALED_WITHIN_MS = 60_000;
let logs = 0;

function addressOf(url: string, path: string): ServerAddress {
  const [server, parameters] = url.split('?');
  const query = parameters === undefined ? '' : `?${parameters}`;
  const parsed = parseServerUrl(`${server}/${path}${query}`, KAFKA_URL);
  if (parsed.kind === 'refused') throw new TypeError(parsed.message);
  return parsed.value;
}

export async function openKafkaLogUnderTest(
  options: Partial<KafkaEventLogOptions> = {},
  url: string | Promise<string> = sharedServer('kafka'),
  beforeOpening: () => Promise<void> = async () => {},
): Promise<KafkaLogUnderTest> {
  await beforeOpening();
  logs += 1;
  const address = addressOf(await url, `test-${process.pid}-${Date.now()}-${logs}`);
  const system = createSystemRuntime();
  let nowMs = 1_700_000_000_000;
  const runtime: Runtime = { ...system, clock: { ...system.clock, nowMs: () => nowMs } };
  const directory = mkdtempSync(join(tmpdir(), 'tradehall-kafka-log-'));
  const openLog = (changed: Partial<KafkaEventLogOptions> = {}) =>
    openKafkaEventLog({
      address,
      directory,
      runtime,
      logger: SILENT,
      metrics: createPrometheusMetrics({ processFigures: false }),
      maxRecordBytes: TEST_RECORD_BYTES,
      ...options,
      ...changed,
    });
  const withConnection = async (task: (connection: KafkaConnection) => Promise<void>): Promise<void> => {
    const library = await loadKafkaLibrary();
    const metrics = createPrometheusMetrics({ processFigures: false });
    const connection = new KafkaConnection({ library, address, runtime, logger: SILENT, metrics });
    try {
      await task(connection);
    } finally {
      await connection.close();
    }
  };
  let log = await openLog();
  return {
    log,
    address,
    runtime,
    directory: options.directory ?? directory,
    deleteOnBroker: (before) =>
      withConnection((connection) => deleteBefore(connection, `${address.path}.`, [before])),
    removeTopic: (topic) =>
      withConnection(async (connection) => {
        const name = `${address.path}.${topic}`;
        await connection.ask((admin, callback) =>
          admin.deleteTopic(name, CALL_TIMEOUT_MS, (error) => callback(error, undefined)),
        );
        // The controller knows it before the broker does.
        for (let isThere = true; isThere; ) {
          const [described] = await connection.ask<readonly NativeTopic[]>((admin, callback) =>
            admin.describeTopics([name], { timeout: CALL_TIMEOUT_MS }, callback),
          );
          isThere = described?.error === undefined;
        }
      }),
    leaveTransactionOpen: (transactionalId, group, { topic, partition, offset }) =>
      withConnection(async (connection) => {
        const prefix = `${address.path}.`;
        const settings = transactionalSettings(prefix + transactionalId, 'failures');
        const lasting = { ...settings, 'transaction.timeout.ms': 600_000 };
        const producer = await connection.producer('left-open', lasting);
        const name = await connection.consumer('group', groupNameSettings(prefix + group));
        const call = (start: (native: NativeProducer, done: (error: Failed) => void) => void) =>
          producer.call<undefined>((native, callback) =>
            start(native, (error) => callback(error, undefined)),
          );
        await call((native, done) => native.initTransactions(CALL_TIMEOUT_MS, done));
        await call((native, done) => native.beginTransaction(done));
        const positions = [{ topic: prefix + topic, partition, offset }];
        await call((native, done) =>
          name.now((consumer) => native.sendOffsetsToTransaction(positions, consumer, CALL_TIMEOUT_MS, done)),
        );
        await Promise.all([producer.close(), name.close()]);
      }),
    addPartitions: (topic, partitions) =>
      withConnection((connection) =>
        connection.ask((admin, callback) =>
          admin.createPartitions(`${address.path}.${topic}`, partitions, CALL_TIMEOUT_MS, (error) =>
            callback(error, undefined),
          ),
        ),
      ),
    makeTopic: (topic, partitions, replicas = 1) =>
      withConnection((connection) =>
        connection.ask((admin, callback) =>
          admin.createTopic(
            {
              topic: `${address.path}.${topic}`,
              num_partitions: partitions,
              replication_factor: replicas,
              config: { 'min.insync.replicas': '1' },
            },
            CALL_TIMEOUT_MS,
            (error) => callback(error, undefined),
          ),
        ),
      ),
    maxRecordBytes: TEST_RECORD_BYTES,
    async reopen(changed) {
      await log.close();
      log = await openLog(changed);
      return log;
    },
    pass(durationMs) {
      nowMs += durationMs;
    },
    nowMs: () => nowMs,
    async dispose() {
      await log.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function all(log: KafkaEventLog, from: TopicPartition): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = [];
  for (let offset = 0; ; ) {
    const read = await log.read({ ...from, offset }, 1_000);
    records.push(...read);
    const last = read.at(-1);
    if (last === undefined) return records;
    offset = last.offset + 1;
  }
}

/** What `place` holds. Fails where its seals, when all is sealed, are not those of what a reader reads, each record in one. */
export async function sealedRecords(
  log: KafkaEventLog,
  place: TopicPartition,
): Promise<readonly LogRecord[]> {
  assert(await log.sealed(SEALED_WITHIN_MS), 'all is sealed');
  assert(await log.settled(SEALED_WITHIN_MS), 'and can be read');
  const records = await all(log, place);
  let sealed = 0;
  for (const { value } of await all(log, { topic: SEALS_TOPIC.name, partition: 0 })) {
    const entry = value === null ? null : decodeChainEntry(value);
    if (entry?.kind !== 'seal' || entry.topic !== place.topic || entry.partition !== place.partition)
      continue;
    const covered = records.filter(({ offset }) => offset >= entry.first && offset <= entry.last);
    const { count, last, root } = entry;
    assert.deepEqual(
      { count, last, root },
      { count: covered.length, last: covered.at(-1)?.offset, root: sealRoot(covered) },
    );
    sealed += covered.length;
  }
  assert.equal(sealed, records.length);
  return records;
}
