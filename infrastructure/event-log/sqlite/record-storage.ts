/**
 * The prepared statements that write and read records. Each partition has a table of its own, `records_<id>`, so
 * that every insert goes to the right edge of a tree: measured twice as fast as one table for all.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { LogRecord } from '../event-log.ts';
import { recordsTable } from './schema.ts';
import type { PartitionState } from './topic-registry.ts';

type Row = readonly [number, string | null, Uint8Array | null, number];

function isRow(columns: unknown): columns is Row {
  return Array.isArray(columns) && columns.length === 4;
}

interface PartitionStatements {
  readonly insert: StatementSync;
  readonly read: StatementSync;
}

/** What is left of `records` of a compacted partition: the file has dropped the others already. */
function lastOfEachKey(records: readonly LogRecord[]): LogRecord[] {
  const last = new Map(records.map(({ key, offset }) => [key, offset]));
  return records.filter(({ key, offset }) => last.get(key) === offset);
}

export class RecordStorage {
  readonly #db: DatabaseSync;
  readonly #advance: StatementSync;
  readonly #statements = new Map<PartitionState, PartitionStatements>();

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#advance = db.prepare('UPDATE partitions SET next_offset = ?, chain_hash = ? WHERE id = ?');
  }

  #of(partition: PartitionState): PartitionStatements {
    let statements = this.#statements.get(partition);
    if (statements === undefined) {
      const table = recordsTable(partition.id);
      const insert = this.#db.prepare(
        partition.topic.spec.cleanup.kind === 'compact'
          ? // The unique key makes this drop the key's former record.
            `INSERT OR REPLACE INTO ${table} (offset, key, value, appended_at) VALUES (?, ?, ?, ?)`
          : `INSERT INTO ${table} (offset, key, value, appended_at, hash_check) VALUES (?, ?, ?, ?, ?)`,
      );
      const read = this.#db.prepare(
        `SELECT offset, key, value, appended_at FROM ${table} WHERE offset >= ? ORDER BY offset LIMIT ?`,
      );
      // Rows as arrays read about half as fast again as rows as objects.
      read.setReturnArrays(true);
      statements = { insert, read };
      this.#statements.set(partition, statements);
    }
    return statements;
  }

  insert(
    partition: PartitionState,
    offset: number,
    key: string | null,
    value: Uint8Array | null,
    appendedAtMs: number,
    hashCheck: number | null,
  ): void {
    this.#of(partition).insert.run(offset, key, value, appendedAtMs, hashCheck);
  }

  /** In a compacted partition. */
  replace(
    partition: PartitionState,
    offset: number,
    key: string,
    value: Uint8Array | null,
    appendedAtMs: number,
  ): void {
    this.#of(partition).insert.run(offset, key, value, appendedAtMs);
  }

  advance(partition: PartitionState, nextOffset: number, chainHashText: string): void {
    this.#advance.run(nextOffset, chainHashText, partition.id);
  }

  read(partition: PartitionState, fromOffset: number, maxRecords: number): LogRecord[] {
    if (fromOffset >= partition.nextOffset || maxRecords <= 0) return [];
    const held = partition.tail?.read(fromOffset, maxRecords);
    if (held) return partition.topic.spec.cleanup.kind === 'compact' ? lastOfEachKey(held) : held;
    const topic = partition.topic.spec.name;
    const records: LogRecord[] = [];
    const rows: readonly unknown[] = this.#of(partition).read.all(fromOffset, maxRecords);
    for (const row of rows) {
      // Written, and not durable yet.
      if (isRow(row) && row[0] >= partition.nextOffset) break;
      if (!isRow(row)) throw new TypeError('node:sqlite returned a row of another shape');
      records.push({
        topic,
        partition: partition.partition,
        offset: row[0],
        key: row[1],
        value: row[2],
        appendedAtMs: row[3],
      });
    }
    return records;
  }
}
