/** The log on Kafka as the offline commands see it: at rest, as a file. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TOPIC } from '#domain/data/topics.ts';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { createLogger } from '#infrastructure/core/pino-logger.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import type { Progress } from '#infrastructure/event-log/export-log.ts';
import type { LogArchive } from '#infrastructure/event-log/log-archive.ts';
import { openLogArchiveFromExport } from '#infrastructure/event-log/sqlite/import-log.ts';
import { tradehallTopics } from '#infrastructure/event-log/topic-specs.ts';
import { DATA_PATHS } from './data-paths.ts';

const TOMBSTONE_MS = 86_400_000;

/** `dataFolder` holds the heads; an instance that runs on it has them open. */
export async function exportLogOnKafka(
  address: ServerAddress,
  dataFolder: string,
  file: string,
  progress: Progress,
): Promise<void> {
  const [{ openKafkaEventLog }, { exportKafkaLog }] = await Promise.all([
    import('#infrastructure/event-log/kafka/kafka-event-log.ts'),
    import('#infrastructure/event-log/kafka/export-kafka-log.ts'),
  ]);
  const logger = createLogger({
    level: 'error',
    format: 'text',
    write: (text) => process.stderr.write(text),
  });
  const log = await openKafkaEventLog({
    address,
    directory: join(dataFolder, DATA_PATHS.kafka),
    runtime: createSystemRuntime(),
    logger,
    metrics: createPrometheusMetrics({ processFigures: false }),
  });
  try {
    const partitions = log.partitionsOf(TOPIC.tradeOrders);
    if (partitions === null) {
      throw new OperatingError('LOG_NOT_FOUND', 'There is no log of Tradehall at this address on Kafka.', {
        retry: 'never',
      });
    }
    await log.ensureTopics(
      tradehallTopics({
        partitions,
        // Nothing expires here.
        marketDataRetentionMs: 'forever',
        tradingRetentionMs: 'forever',
        tombstoneMs: TOMBSTONE_MS,
      }),
    );
    await exportKafkaLog(log, file, progress);
  } finally {
    await log.close();
  }
}

/** By way of an export into a temporary folder. */
export async function openArchiveOfKafka(address: ServerAddress, dataFolder: string): Promise<LogArchive> {
  const folder = mkdtempSync(join(tmpdir(), 'tradehall-kafka-'));
  try {
    const file = join(folder, 'log.ndjson');
    await exportLogOnKafka(address, dataFolder, file, () => {});
    return await openLogArchiveFromExport(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
