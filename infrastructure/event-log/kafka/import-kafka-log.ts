/**
 * Writes a log at rest to brokers that have none. Every record of a topic that is kept gets the offset that it had, since
 * seals cover offsets and the heads of execution name them. Brokers give offsets themselves, so what made holes is done
 * again:
 *
 *   records in a row   an idempotent producer
 *   a hole of one      the record before it is a transaction of its own, whose marker takes the offset
 *   a longer hole      a transaction of as many records less one, aborted: the marker takes the last offset
 *   what has expired   empty records, removed when the rest is there
 *
 * Compacted topics are written without holes: nobody names their offsets.
 */
import { TOPIC } from '#domain/data/topics.ts';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import type { Metrics } from '#infrastructure/core/metrics.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { LogRecord, TopicSpec } from '../event-log.ts';
import type { Progress } from '../export-log.ts';
import type { ArchivedPartition, LogArchive } from '../log-archive.ts';
import { SEALS_TOPIC } from '../topic-specs.ts';
import { DeliveringProducer } from './delivering-producer.ts';
import { EndReader } from './end-reader.ts';
import { KafkaConnection } from './kafka-connection.ts';
import { loadKafkaLibrary } from './kafka-library.ts';
import { appendingSettings } from './kafka-settings.ts';
import { prefixOf } from './kafka-url.ts';
import { LogEnds } from './log-ends.ts';
import { deleteBefore } from './log-expiry.ts';
import { PlacedWriter, type PlacedWriterParts } from './placed-writer.ts';
import { ReaderPool } from './reader-pool.ts';
import { TopicCatalogue } from './topic-catalogue.ts';

export interface KafkaImportOptions {
  readonly address: ServerAddress;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const MAX_RECORD_BYTES = 1024 * 1024;
const PROGRESS_EVERY = 10_000;

/**
 * Throws `LOG_EXISTS`, with nothing written, when one of the topics holds or has held records; `LOG_IMPORT_FAILED` when
 * somebody else writes to them. What a failure left there has to be deleted, or another name be taken.
 */
export async function importKafkaLog(
  archive: LogArchive,
  options: KafkaImportOptions,
  progress: Progress,
): Promise<void> {
  const connection = new KafkaConnection({ ...options, library: await loadKafkaLibrary() });
  const prefix = prefixOf(options.address);
  const readers = new ReaderPool(
    () => EndReader.open(connection, prefix),
    () => options.runtime.clock.monotonicMs(),
  );
  const ends = new LogEnds(connection, prefix, readers);
  let producer: DeliveringProducer | null = null;
  try {
    const { client, metadata } = await connection.producerWithMetadata('import', appendingSettings());
    producer = new DeliveringProducer(client);
    const catalogue = new TopicCatalogue(connection, prefix, MAX_RECORD_BYTES);
    catalogue.learn(metadata);
    await requireEmpty(archive.topics(), catalogue, ends);
    catalogue.declare(archive.topics());
    await catalogue.make(archive.topics().filter(({ name }) => !catalogue.has(name)));
    let written = 0;
    const parts: PlacedWriterParts = {
      connection,
      ends,
      prefix,
      producer,
      onWritten: (records) => {
        const before = written;
        written += records;
        if (Math.floor(before / PROGRESS_EVERY) !== Math.floor(written / PROGRESS_EVERY)) progress(written);
      },
    };
    for (const spec of inOrder(archive.topics())) {
      const partitions = archive.partitions().filter(({ topic }) => topic === spec.name);
      await Promise.all(partitions.map((place) => writePartition(archive, spec, place, parts)));
    }
    progress(written);
  } finally {
    await producer?.client.close();
    await readers.close();
    await connection.close();
  }
}

async function requireEmpty(
  specs: readonly TopicSpec[],
  catalogue: TopicCatalogue,
  ends: LogEnds,
): Promise<void> {
  const places = specs
    .filter(({ name }) => catalogue.has(name))
    .flatMap(({ name }) => catalogue.places(name));
  if (places.length === 0) return;
  for (const [place, end] of await ends.stableEnds(places)) {
    if (end === 0) continue;
    throw new OperatingError(
      'LOG_EXISTS',
      `Kafka already has a log of Tradehall at this address: ${place} reaches offset ${end}. Choose another name (kafka://host/name), or delete its topics first.`,
      { retry: 'never' },
    );
  }
}

/** The inputs last, after the states: a start on a log that is not whole finds states ahead of the inputs, and refuses. */
function inOrder(specs: readonly TopicSpec[]): readonly TopicSpec[] {
  const rank = ({ name, cleanup }: TopicSpec) => {
    if (cleanup.kind === 'compact') return 0;
    return name === TOPIC.tradeOrders ? 3 : name === SEALS_TOPIC.name ? 2 : 1;
  };
  return [...specs].sort((left, right) => rank(left) - rank(right));
}

async function writePartition(
  archive: LogArchive,
  spec: TopicSpec,
  place: ArchivedPartition,
  parts: PlacedWriterParts,
): Promise<void> {
  const writer = new PlacedWriter(place, parts);
  try {
    if (spec.cleanup.kind === 'compact') {
      let offset = 0;
      for (const record of archive.records(place)) {
        await writer.put({ ...record, offset });
        offset += 1;
      }
      await writer.flush();
      return;
    }
    for (let offset = 0; offset < place.firstOffset; offset += 1)
      await writer.put(emptyRecord(place, offset));
    for (const record of archive.records(place)) await writer.put(record);
    await writer.flush();
  } finally {
    await writer.close();
  }
  if (place.firstOffset === 0) return;
  const { topic, partition, firstOffset } = place;
  await deleteBefore(parts.connection, parts.prefix, [{ topic, partition, offset: firstOffset }]);
}

function emptyRecord({ topic, partition }: ArchivedPartition, offset: number): LogRecord {
  // The client takes 0 for now.
  return { topic, partition, offset, key: null, value: null, appendedAtMs: 1 };
}
