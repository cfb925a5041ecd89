/** The log of a stopped instance, read from its folder. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { TopicPartition, TopicSpec } from '../event-log.ts';
import type {
  ArchivedPartition,
  ArchivedRecord,
  GroupPosition,
  LogArchive,
  LogHead,
  ProducerEpoch,
} from '../log-archive.ts';
import { recordCheck } from '../seal.ts';
import { operatingErrorOf, translating } from './failures.ts';
import { openFileForReading } from './file-for-reading.ts';
import { readHeads } from './log-heads.ts';
import { type UnpackedRecord, unpack } from './record-pack.ts';
import { HEADS_FILE, openLogFileReadOnly, recordsTable } from './schema.ts';
import type { PartitionState } from './topic-registry.ts';
import { TopicRegistry } from './topic-registry.ts';

/** Throws `LOG_NOT_FOUND`, `LOG_IN_USE` (an instance runs on it), `LOG_FORMAT_NEWER`, `LOG_FORMAT_OLDER` or `LOG_DAMAGED`. */
export function openLogArchiveFromDirectory(directory: string): LogArchive {
  const db = openLogFileReadOnly(directory);
  try {
    return new DirectoryArchive(directory, db);
  } catch (error) {
    db.close();
    throw operatingErrorOf(error, false) ?? error;
  }
}

class DirectoryArchive implements LogArchive {
  readonly source: string;
  readonly #db: DatabaseSync;
  readonly #registry: TopicRegistry;
  readonly #heads: readonly LogHead[] | null;

  constructor(directory: string, db: DatabaseSync) {
    this.source = directory;
    this.#db = db;
    this.#registry = new TopicRegistry(db);
    const headsPath = join(directory, HEADS_FILE);
    if (!existsSync(headsPath)) {
      this.#heads = null;
      return;
    }
    const headsDb = openFileForReading(headsPath);
    try {
      this.#heads = readHeads(headsDb);
    } finally {
      headsDb.close();
    }
  }

  #partitions(): readonly PartitionState[] {
    return this.#registry.all().flatMap((topic) => topic.partitions);
  }

  topics(): readonly TopicSpec[] {
    return this.#registry.all().map((topic) => topic.spec);
  }

  partitions(): readonly ArchivedPartition[] {
    return this.#partitions().map(({ topic, partition, firstOffset, nextOffset, chainHash }) => ({
      topic: topic.spec.name,
      partition,
      firstOffset,
      nextOffset,
      chainHash,
    }));
  }

  heads(): readonly LogHead[] | null {
    return this.#heads;
  }

  groupPositions(): readonly GroupPosition[] {
    const byId = new Map(this.#partitions().map((partition) => [partition.id, partition]));
    return translating(() => this.#db.prepare('SELECT * FROM positions').all()).map((row) => {
      const partition = byId.get(Number(row['partition_id']));
      if (partition === undefined) {
        throw new OperatingError(
          'LOG_DAMAGED',
          'A group has a position in a partition that does not exist.',
          { retry: 'never' },
        );
      }
      return {
        group: String(row['consumer_group']),
        topic: partition.topic.spec.name,
        partition: partition.partition,
        offset: Number(row['next_offset']),
      };
    });
  }

  producerEpochs(): readonly ProducerEpoch[] {
    return translating(() => this.#db.prepare('SELECT * FROM producers').all()).map((row) => ({
      transactionalId: String(row['transactional_id']),
      epoch: Number(row['epoch']),
    }));
  }

  count(place: TopicPartition): number {
    const { id, topic } = this.#registry.partition(place);
    const records =
      topic.spec.cleanup.kind === 'compact' ? 'count(*)' : 'coalesce(sum(coalesce(packed, 1)), 0)';
    const sql = `SELECT ${records} AS records FROM ${recordsTable(id)}`;
    return Number(translating(() => this.#db.prepare(sql).get())?.['records']);
  }

  *records(place: TopicPartition): Generator<ArchivedRecord> {
    const { id, topic, partition } = this.#registry.partition(place);
    const compacted = topic.spec.cleanup.kind === 'compact';
    try {
      const rows = this.#db
        .prepare(
          `SELECT offset, key, value, appended_at, ${compacted ? 'NULL AS record_check, NULL AS packed' : 'record_check, packed'}
           FROM ${recordsTable(id)} ORDER BY offset`,
        )
        .iterate();
      for (const row of rows) {
        const { key, value } = row;
        const bytes = value instanceof Uint8Array ? value : null;
        const offset = Number(row['offset']);
        const appendedAtMs = Number(row['appended_at']);
        const check = row['record_check'] === null ? null : Number(row['record_check']);
        const at = { topic: topic.spec.name, partition, appendedAtMs };
        if (row['packed'] === null) {
          yield { ...at, offset, key: typeof key === 'string' ? key : null, value: bytes, check };
        } else {
          yield* unfolded({ ...at, offset, check }, unpack(bytes ?? new Uint8Array(), Number(row['packed'])));
        }
      }
    } catch (error) {
      throw operatingErrorOf(error, false) ?? error;
    }
  }

  close(): void {
    this.#db.close();
  }
}

/** The check beside a row is of its first record, the others carry their own of key and value. */
function* unfolded(
  first: Omit<ArchivedRecord, 'key' | 'value'>,
  records: readonly UnpackedRecord[],
): Generator<ArchivedRecord> {
  for (const [at, { key, value, contentCheck }] of records.entries()) {
    const offset = first.offset + at;
    const check = at === 0 ? first.check : recordCheck(offset, first.appendedAtMs, contentCheck);
    yield { ...first, offset, key, value, check };
  }
}
