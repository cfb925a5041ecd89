/** The prepared statements that write and read records. Knows places, not transactions. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { LogRecord } from '../event-log.ts';
import { OFFSETS } from './schema.ts';
import type { PartitionState } from './topic-registry.ts';

type Row = readonly [number, string | null, Uint8Array | null, number];

function isRow(columns: unknown): columns is Row {
  return Array.isArray(columns) && columns.length === 4;
}

function rangeStatement(db: DatabaseSync, table: 'records' | 'compacted'): StatementSync {
  const statement = db.prepare(
    `SELECT place, key, value, appended_at FROM ${table} WHERE place >= ? AND place < ? ORDER BY place LIMIT ?`,
  );
  // Rows as arrays read about half as fast again as rows as objects.
  statement.setReturnArrays(true);
  return statement;
}

export class RecordStorage {
  readonly #insert: StatementSync;
  readonly #replace: StatementSync;
  readonly #readRetained: StatementSync;
  readonly #readCompacted: StatementSync;
  readonly #advance: StatementSync;

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare(
      'INSERT INTO records (place, key, value, appended_at, hash_check) VALUES (?, ?, ?, ?, ?)',
    );
    // The unique index on (partition, key) makes this drop the key's former record.
    this.#replace = db.prepare(
      'INSERT OR REPLACE INTO compacted (place, key, value, appended_at, partition_id) VALUES (?, ?, ?, ?, ?)',
    );
    this.#readRetained = rangeStatement(db, 'records');
    this.#readCompacted = rangeStatement(db, 'compacted');
    this.#advance = db.prepare('UPDATE partitions SET next_offset = ?, chain_hash = ? WHERE id = ?');
  }

  insert(
    partition: PartitionState,
    offset: number,
    key: string | null,
    value: Uint8Array | null,
    appendedAtMs: number,
    check: number | null,
  ): void {
    this.#insert.run(partition.base + offset, key, value, appendedAtMs, check);
  }

  replace(
    partition: PartitionState,
    offset: number,
    key: string,
    value: Uint8Array | null,
    appendedAtMs: number,
  ): void {
    this.#replace.run(partition.base + offset, key, value, appendedAtMs, partition.id);
  }

  advance(partition: PartitionState, nextOffset: number, chainHashText: string): void {
    this.#advance.run(nextOffset, chainHashText, partition.id);
  }

  read(partition: PartitionState, fromOffset: number, maxRecords: number): LogRecord[] {
    if (fromOffset >= partition.nextOffset || maxRecords <= 0) return [];
    const statement =
      partition.topic.spec.cleanup.kind === 'compact' ? this.#readCompacted : this.#readRetained;
    const topic = partition.topic.spec.name;
    const records: LogRecord[] = [];
    const rows: readonly unknown[] = statement.all(
      partition.base + fromOffset,
      partition.base + OFFSETS,
      maxRecords,
    );
    for (const row of rows) {
      if (!isRow(row)) throw new TypeError('node:sqlite returned a row of another shape');
      records.push({
        topic,
        partition: partition.partition,
        offset: row[0] - partition.base,
        key: row[1],
        value: row[2],
        appendedAtMs: row[3],
      });
    }
    return records;
  }
}
