/** The log on Kafka as the offline commands see it: at rest, to a file or a copy, and from a file. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { TOPIC } from '#domain/data/topics.ts';
import { describeServer, type ServerAddress } from '#infrastructure/common/server-address.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { createLogger } from '#infrastructure/core/pino-logger.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import type { Progress } from '#infrastructure/event-log/export-log.ts';
import { exportKafkaLog, linesOfKafkaLog } from '#infrastructure/event-log/kafka/export-kafka-log.ts';
import type { KafkaEventLog } from '#infrastructure/event-log/kafka/kafka-event-log.ts';
import { KAFKA_URL } from '#infrastructure/event-log/kafka/kafka-url.ts';
import type { LogArchive } from '#infrastructure/event-log/log-archive.ts';
import { openLogArchiveFromLines } from '#infrastructure/event-log/sqlite/import-log.ts';
import { openLogHeads } from '#infrastructure/event-log/sqlite/log-heads.ts';
import { tradehallTopics } from '#infrastructure/event-log/topic-specs.ts';
import { DATA_PATHS } from './data-paths.ts';
import { isProjectionGroup } from './rewind-projections.ts';

const TOMBSTONE_MS = 86_400_000;

/** `Kafka at host:9092/name`, without credentials. */
export function describeLogOnKafka(address: ServerAddress): string {
  return `${describeServer(KAFKA_URL.product, address)}${address.path === '' ? '' : `/${address.path}`}`;
}

/** `dataFolder` holds the heads; an instance that runs on it has them open. */
export async function exportLogOnKafka(
  address: ServerAddress,
  dataFolder: string,
  file: string,
  progress: Progress,
): Promise<void> {
  await withLogOnKafka(address, dataFolder, (log) => exportKafkaLog(log, file, progress));
}

/** A copy of it, in a temporary folder that goes when the archive is closed. */
export function openArchiveOfKafka(address: ServerAddress, dataFolder: string): Promise<LogArchive> {
  return withLogOnKafka(address, dataFolder, (log) =>
    openLogArchiveFromLines({ name: describeLogOnKafka(address), lines: linesOfKafkaLog(log) }),
  );
}

async function withLogOnKafka<Result>(
  address: ServerAddress,
  dataFolder: string,
  work: (log: KafkaEventLog) => Promise<Result>,
): Promise<Result> {
  const { openKafkaEventLog } = await import('#infrastructure/event-log/kafka/kafka-event-log.ts');
  const log = await openKafkaEventLog({
    ...partsOf(address),
    directory: join(dataFolder, DATA_PATHS.kafka),
    leavesOutAdded: true,
  });
  try {
    // One of them may be what somebody removed, or added partitions to.
    const counts = [TOPIC.tradeOrders, TOPIC.executionHeads, TOPIC.accountStates].flatMap(
      (topic) => log.partitionsOf(topic) ?? [],
    );
    if (counts.length === 0) {
      throw new OperatingError('LOG_NOT_FOUND', 'There is no log of Tradehall at this address on Kafka.', {
        retry: 'never',
      });
    }
    await log.ensureTopics(
      tradehallTopics({
        partitions: Math.min(...counts),
        // Nothing expires here.
        marketDataRetentionMs: 'forever',
        tradingRetentionMs: 'forever',
        tombstoneMs: TOMBSTONE_MS,
      }),
    );
    return await work(log);
  } finally {
    await log.close();
  }
}

/**
 * Writes the log of `archive` to Kafka, with the positions of the groups whose work cannot be done again, and notes the
 * heads in the data folder. The groups of projections begin at the first record. Nothing may run on either.
 */
export async function importLogToKafka(
  archive: LogArchive,
  address: ServerAddress,
  dataFolder: string,
  progress: Progress,
): Promise<void> {
  const [{ openKafkaEventLog }, { importKafkaLog }] = await Promise.all([
    import('#infrastructure/event-log/kafka/kafka-event-log.ts'),
    import('#infrastructure/event-log/kafka/import-kafka-log.ts'),
  ]);
  const parts = partsOf(address);
  const kept = new Set(keptTopics(archive));
  const directory = join(dataFolder, DATA_PATHS.kafka);
  await importKafkaLog(archive, parts, progress);
  const log = await openKafkaEventLog({ ...parts, directory });
  try {
    const positions = archive
      .groupPositions()
      .filter(({ group, topic }) => !isProjectionGroup(group) && kept.has(topic) && topic !== TOPIC.logSeals);
    const producer = await log.openProducer('import-positions');
    for (const [group, own] of Map.groupBy(positions, (position) => position.group)) {
      const outcome = await producer.commit({ records: [], consumed: { group, positions: own } });
      assert(outcome.kind === 'committed', 'nobody else imports under this id');
    }
    await producer.close();
  } finally {
    await log.close();
  }
  const heads = openLogHeads(directory);
  try {
    heads.put(archive.partitions().filter(({ topic, nextOffset }) => nextOffset > 0 && kept.has(topic)));
  } finally {
    heads.close();
  }
}

/** Those whose offsets mean something: what is compacted is renumbered. */
function keptTopics(archive: LogArchive): readonly string[] {
  return archive.topics().flatMap(({ name, cleanup }) => (cleanup.kind === 'compact' ? [] : [name]));
}

function partsOf(address: ServerAddress) {
  const logger = createLogger({
    level: 'error',
    format: 'text',
    write: (text) => process.stderr.write(text),
  });
  const metrics = createPrometheusMetrics({ processFigures: false });
  return { address, runtime: createSystemRuntime(), logger, metrics };
}
