/** Where what a caller hands in belongs, and whether it may be written at all. */
import assert from 'node:assert/strict';
import { TOPIC } from '#domain/data/topics.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { KEY_BYTES_MAX, type NewRecord, type Position } from '../event-log.ts';
import { partitionOfKey } from '../partitioner.ts';
import type { PlacedRecord } from './log-write.ts';
import type { PartitionState, TopicRegistry, TopicState } from './topic-registry.ts';

export interface PlacedPosition {
  readonly partition: PartitionState;
  readonly offset: number;
}

const LAST_ASCII = 127;

/** ASCII without NUL is well-formed, and a byte a character: nearly all keys are, and each is looked at by hand in less time than a call takes. */
function isPlain(key: string): boolean {
  const { length } = key;
  for (let at = 0; at < length; at += 1) {
    const code = key.charCodeAt(at);
    if (code === 0 || code > LAST_ASCII) return false;
  }
  return true;
}

export class RecordPlacement {
  readonly #registry: TopicRegistry;
  readonly #maxRecordBytes: number;
  /** Where the last record went: the next one nearly always goes there, too. */
  #topic: TopicState | null = null;

  constructor(registry: TopicRegistry, maxRecordBytes: number) {
    this.#registry = registry;
    this.#maxRecordBytes = maxRecordBytes;
  }

  record(record: NewRecord): PlacedRecord {
    const { key, value } = record;
    if (this.#topic?.spec.name !== record.topic) this.#topic = this.#registry.topic(record.topic);
    const topic = this.#topic;
    assert(topic.spec.name !== TOPIC.logSeals, 'only the log itself writes seals');
    const partition = record.partition ?? partitionOfKey(key, topic.partitions.length);
    const plain = key === null || isPlain(key);
    const keyBytes = key === null ? 0 : plain ? key.length : Buffer.byteLength(key, 'utf8');
    const bytes = keyBytes + (value?.length ?? 0);
    if (keyBytes > KEY_BYTES_MAX || bytes > this.#maxRecordBytes) {
      throw new OperatingError(
        'LOG_RECORD_TOO_LARGE',
        `A record of ${record.topic} has ${bytes} bytes; the limits are ${this.#maxRecordBytes}, and ${KEY_BYTES_MAX} for its key.`,
        { retry: 'never' },
      );
    }
    // SQLite keeps text as UTF-8, where half a surrogate pair has no form.
    assert(plain || (key.isWellFormed() && !key.includes('\0')), 'a key is well-formed text without NUL');
    assert(
      topic.spec.cleanup.kind === 'retain' || key !== null,
      `${record.topic} is compacted: its records need a key`,
    );
    const state = topic.partitions[partition] ?? this.#registry.partition({ topic: record.topic, partition });
    return { partition: state, key, value };
  }

  position(position: Position): PlacedPosition {
    assert(Number.isSafeInteger(position.offset) && position.offset >= 0, 'a position is a whole number');
    return { partition: this.#registry.partition(position), offset: position.offset };
  }
}

/** A position past the end would skip records that are yet to come. */
export function beyondEnd(positions: readonly PlacedPosition[]): OperatingError | null {
  const beyond = positions.find(({ partition, offset }) => offset > partition.pendingNextOffset);
  if (beyond === undefined) return null;
  const { partition, offset } = beyond;
  return new OperatingError(
    'LOG_POSITION_BEYOND_END',
    `Position ${offset} of ${partition.topic.spec.name}/${partition.partition} is past the end, ${partition.pendingNextOffset}.`,
    { retry: 'never' },
  );
}

/** The places of records just written, in the order they were handed in. */
export function positionsWritten(
  records: readonly PlacedRecord[],
  offsets: readonly number[],
): readonly Position[] {
  return records.map(({ partition }, at) => {
    const offset = offsets[at];
    assert(offset !== undefined, 'every record written has an offset');
    return { topic: partition.topic.spec.name, partition: partition.partition, offset };
  });
}
