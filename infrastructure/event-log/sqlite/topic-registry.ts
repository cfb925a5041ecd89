/** The topics and partitions of the log as held in memory; the tables `topics` and `partitions` are their durable form. */
import assert from 'node:assert/strict';
import type { DatabaseSync } from 'node:sqlite';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Cleanup, LogRecord, TopicPartition, TopicSpec } from '../event-log.ts';
import type { Hash } from '../seal.ts';
import { hashFromText, hashToText, NO_HASH } from '../seal.ts';
import { RecordTail, TailMemory } from './record-tail.ts';
import { COMPACTED_COLUMNS, MAX_PARTITIONS, RETAINED_COLUMNS, recordsTable } from './schema.ts';

export interface PartitionState {
  readonly topic: TopicState;
  readonly partition: number;
  readonly id: number;
  /** Of the first record that retention has left. */
  firstOffset: number;
  /** Of the next record, as committed. */
  nextOffset: number;
  chainHash: Hash;
  /** Within the transaction being written: the next offset, the records to store, seal and put into the tail. */
  pendingNextOffset: number;
  pendingRecords: LogRecord[];
  /** `null` until somebody follows. */
  tail: RecordTail | null;
}

export interface TopicState {
  readonly id: number;
  spec: TopicSpec;
  readonly partitions: readonly PartitionState[];
}

function cleanupOf(row: Record<string, unknown>): Cleanup {
  if (row['cleanup'] === 'compact') return { kind: 'compact', tombstoneMs: Number(row['tombstone_ms']) };
  const retention = row['retention_ms'];
  return { kind: 'retain', retentionMs: retention === null ? 'forever' : Number(retention) };
}

function cleanupColumns(cleanup: Cleanup): readonly [string, number | null, number | null] {
  return cleanup.kind === 'compact'
    ? ['compact', null, cleanup.tombstoneMs]
    : ['retain', cleanup.retentionMs === 'forever' ? null : cleanup.retentionMs, null];
}

const NAME = /^[A-Za-z0-9._-]{1,249}$/;

function assertSound(spec: TopicSpec): void {
  assert(
    NAME.test(spec.name),
    `a topic's name has 1 to 249 letters, digits, dots, dashes or underscores: ${spec.name}`,
  );
  assert(
    Number.isInteger(spec.partitions) && spec.partitions > 0,
    `${spec.name}: partitions must be above zero`,
  );
  assert(
    !(spec.sealed && spec.cleanup.kind === 'compact'),
    `${spec.name}: a compacted topic cannot be sealed`,
  );
}

function mismatch(spec: TopicSpec, what: string): OperatingError {
  return new OperatingError(
    'LOG_TOPIC_MISMATCH',
    `Topic ${spec.name} exists ${what}; that is fixed when it is created.`,
    {
      retry: 'never',
    },
  );
}

/** Of records in memory. At 1,000 orders a second they are those of some two seconds. */
const TAIL_BYTES = 12 * 1024 * 1024;

export class TopicRegistry {
  readonly #db: DatabaseSync;
  readonly #tailMemory = new TailMemory(TAIL_BYTES);
  readonly #byName = new Map<string, TopicState>();
  #partitionCount = 0;

  constructor(db: DatabaseSync) {
    this.#db = db;
    const partitionsOf = db.prepare('SELECT * FROM partitions WHERE topic_id = ? ORDER BY partition');
    for (const row of db.prepare('SELECT * FROM topics ORDER BY id').all()) {
      const spec: TopicSpec = {
        name: String(row['name']),
        partitions: Number(row['partitions']),
        cleanup: cleanupOf(row),
        sealed: row['sealed'] === 1,
      };
      const topic: TopicState = { id: Number(row['id']), spec, partitions: [] };
      this.#add(
        topic,
        partitionsOf.all(topic.id).map((columns) => ({
          id: Number(columns['id']),
          partition: Number(columns['partition']),
          firstOffset: Number(columns['first_offset']),
          nextOffset: Number(columns['next_offset']),
          chainHash: hashFromText(String(columns['chain_hash'])) ?? NO_HASH,
        })),
      );
    }
  }

  #add(
    topic: { readonly id: number; readonly spec: TopicSpec },
    rows: readonly {
      readonly id: number;
      readonly partition: number;
      readonly firstOffset: number;
      readonly nextOffset: number;
      readonly chainHash: Hash;
    }[],
  ): void {
    const partitions: PartitionState[] = [];
    const state: TopicState = { id: topic.id, spec: topic.spec, partitions };
    for (const row of rows) {
      partitions.push({
        topic: state,
        partition: row.partition,
        id: row.id,
        firstOffset: row.firstOffset,
        nextOffset: row.nextOffset,
        chainHash: row.chainHash,
        pendingNextOffset: row.nextOffset,
        pendingRecords: [],
        tail: null,
      });
    }
    this.#partitionCount += rows.length;
    this.#byName.set(topic.spec.name, state);
  }

  all(): readonly TopicState[] {
    return [...this.#byName.values()];
  }

  topic(name: string): TopicState {
    const topic = this.#byName.get(name);
    if (topic === undefined) {
      throw new OperatingError('LOG_UNKNOWN_TOPIC', `There is no topic ${name}.`, { retry: 'never' });
    }
    return topic;
  }

  /** From here on the topic's last records are kept in memory. */
  follow(topic: TopicState): void {
    for (const partition of topic.partitions) partition.tail ??= new RecordTail(this.#tailMemory);
  }

  partition(place: TopicPartition): PartitionState {
    const topic = this.topic(place.topic);
    const partition = topic.partitions[place.partition];
    if (partition === undefined) {
      throw new OperatingError(
        'LOG_UNKNOWN_TOPIC',
        `Topic ${place.topic} has ${topic.partitions.length} partitions; there is no partition ${place.partition}.`,
        { retry: 'never' },
      );
    }
    return partition;
  }

  /** Creates what is missing and takes over changed durations, in one transaction. Call it between transactions. */
  ensure(specs: readonly TopicSpec[]): void {
    const missing: TopicSpec[] = [];
    const changed: { readonly topic: TopicState; readonly spec: TopicSpec }[] = [];
    for (const spec of specs) {
      assertSound(spec);
      const topic = this.#byName.get(spec.name);
      if (topic === undefined) {
        missing.push(spec);
        continue;
      }
      if (topic.spec.partitions !== spec.partitions)
        throw mismatch(spec, `with ${topic.spec.partitions} partitions, not ${spec.partitions}`);
      if (topic.spec.cleanup.kind !== spec.cleanup.kind)
        throw mismatch(spec, `with clean-up '${topic.spec.cleanup.kind}'`);
      if (topic.spec.sealed !== spec.sealed)
        throw mismatch(spec, topic.spec.sealed ? 'as a sealed one' : 'as an unsealed one');
      if (JSON.stringify(topic.spec.cleanup) !== JSON.stringify(spec.cleanup)) changed.push({ topic, spec });
    }
    if (missing.length === 0 && changed.length === 0) return;
    const added = missing.reduce((sum, spec) => sum + spec.partitions, 0);
    if (this.#partitionCount + added > MAX_PARTITIONS) {
      throw new OperatingError('LOG_FULL', `The embedded log holds at most ${MAX_PARTITIONS} partitions.`, {
        retry: 'never',
      });
    }
    this.#db.exec('BEGIN');
    const created: (() => void)[] = [];
    try {
      for (const spec of missing) created.push(this.#create(spec));
      for (const { topic, spec } of changed) {
        this.#db
          .prepare('UPDATE topics SET cleanup = ?, retention_ms = ?, tombstone_ms = ? WHERE id = ?')
          .run(...cleanupColumns(spec.cleanup), topic.id);
      }
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
    for (const apply of created) apply();
    for (const { topic, spec } of changed) topic.spec = spec;
  }

  #create(spec: TopicSpec): () => void {
    const topicId = Number(
      this.#db
        .prepare(
          'INSERT INTO topics (name, partitions, cleanup, retention_ms, tombstone_ms, sealed) VALUES (?, ?, ?, ?, ?, ?)',
        )
        .run(spec.name, spec.partitions, ...cleanupColumns(spec.cleanup), spec.sealed ? 1 : 0)
        .lastInsertRowid,
    );
    const insert = this.#db.prepare(
      'INSERT INTO partitions (topic_id, partition, first_offset, next_offset, chain_hash) VALUES (?, ?, 0, 0, ?)',
    );
    const rows = Array.from({ length: spec.partitions }, (_, partition) => {
      const id = Number(insert.run(topicId, partition, hashToText(NO_HASH)).lastInsertRowid);
      const table = recordsTable(id);
      if (spec.cleanup.kind === 'compact') {
        this.#db.exec(`CREATE TABLE ${table} ${COMPACTED_COLUMNS};
          CREATE INDEX ${table}_tombstones ON ${table} (appended_at) WHERE value IS NULL;`);
      } else {
        this.#db.exec(`CREATE TABLE ${table} ${RETAINED_COLUMNS}`);
      }
      return { id, partition, firstOffset: 0, nextOffset: 0, chainHash: NO_HASH };
    });
    return () => this.#add({ id: topicId, spec }, rows);
  }
}
