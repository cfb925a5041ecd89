/** A log at rest: what `verify`, `export` and offline replays read. */
import type { LogRecord, PartitionExtent, Position, TopicPartition, TopicSpec } from './event-log.ts';
import type { Hash } from './seal.ts';

export interface ArchivedRecord extends LogRecord {
  /** As stored beside the record (`recordCheck` in seal.ts); `null` where the topic is not sealed. */
  readonly check: number | null;
}

export interface ArchivedPartition extends PartitionExtent {
  /** Of the last entry of the partition's chain of seals. */
  readonly chainHash: Hash;
}

/** How far the log reached, as noted outside it. */
export interface LogHead {
  readonly topic: string;
  readonly partition: number;
  readonly nextOffset: number;
  /** Of the last entry of the partition's chain; 32 zero bytes before the first, and where nothing is sealed. */
  readonly chainHash: Hash;
}

export interface GroupPosition extends Position {
  readonly group: string;
}

export interface ProducerEpoch {
  readonly transactionalId: string;
  readonly epoch: number;
}

export interface LogArchive {
  /** The folder or file, for messages. */
  readonly source: string;
  topics(): readonly TopicSpec[];
  partitions(): readonly ArchivedPartition[];
  /** `null` when the heads are missing altogether. */
  heads(): readonly LogHead[] | null;
  groupPositions(): readonly GroupPosition[];
  producerEpochs(): readonly ProducerEpoch[];
  /** How many records `records` gives. */
  count(place: TopicPartition): number;
  /** In offset order. Several iterations may be under way at a time. */
  records(place: TopicPartition): Iterable<ArchivedRecord>;
  close(): void;
}

/** Records at rest over all topics: what was compacted away or has expired is not among them. */
export function countRecords(archive: LogArchive): number {
  return archive.partitions().reduce((sum, place) => sum + archive.count(place), 0);
}
