/**
 * The prepared statements that write and read records. Each partition has a table of its own, `records_<id>`, so
 * that every insert goes to the right edge of a tree: measured twice as fast as one table for all.
 */
import assert from 'node:assert/strict';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { LogRecord } from '../event-log.ts';
import { recordsTable } from './schema.ts';
import type { PartitionState } from './topic-registry.ts';

/** Offset, key, length of the value, time. */
type Row = readonly [number, string | null, number | null, number];

function isRow(columns: unknown): columns is Row {
  return Array.isArray(columns) && columns.length === 4;
}

/**
 * Values are read as one stretch of bytes for many records, and handed out as pieces of it: a stretch of its own for
 * each costs more than all else about reading it. Not too long, since whoever keeps one piece keeps them all; but as
 * long as what the C library gives back to the system at once (decision 15), where there is so much to read.
 */
const STRETCH_BYTES = 256 * 1024;
/** Rows are gone through again for their values, while their pages are still at hand. */
const ROWS_AT_ONCE = 1_024;

interface PartitionStatements {
  readonly insert: StatementSync;
  readonly read: StatementSync;
  readonly values: StatementSync;
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
        `SELECT offset, key, length(value), appended_at FROM ${table} WHERE offset >= ? ORDER BY offset LIMIT ?`,
      );
      // Rows as arrays read about half as fast again as rows as objects.
      read.setReturnArrays(true);
      // The table lies in the order of offsets, and that is the order it is gone through.
      const values = this.#db.prepare(
        `SELECT CAST(group_concat(value, '') AS BLOB) AS bytes FROM ${table} WHERE offset BETWEEN ? AND ?`,
      );
      statements = { insert, read, values };
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
    const records: LogRecord[] = [];
    for (let from = fromOffset; records.length < maxRecords; ) {
      const wanted = Math.min(ROWS_AT_ONCE, maxRecords - records.length);
      const rows = this.#rows(partition, from, wanted);
      const last = rows.at(-1);
      if (last === undefined) break;
      this.#inStretches(partition, rows, records);
      if (rows.length < wanted) break;
      from = last[0] + 1;
    }
    return records;
  }

  #inStretches(partition: PartitionState, rows: readonly Row[], into: LogRecord[]): void {
    let first = 0;
    let bytes = 0;
    for (const [index, [, , length]] of rows.entries()) {
      bytes += length ?? 0;
      if (bytes < STRETCH_BYTES && index < rows.length - 1) continue;
      this.#withValues(partition, rows.slice(first, index + 1), into);
      first = index + 1;
      bytes = 0;
    }
  }

  #rows(partition: PartitionState, fromOffset: number, maxRecords: number): readonly Row[] {
    const rows: Row[] = [];
    const found: readonly unknown[] = this.#of(partition).read.all(fromOffset, maxRecords);
    for (const row of found) {
      if (!isRow(row)) throw new TypeError('node:sqlite returned a row of another shape');
      // Written, and not durable yet.
      if (row[0] >= partition.nextOffset) break;
      rows.push(row);
    }
    return rows;
  }

  #withValues(partition: PartitionState, rows: readonly Row[], into: LogRecord[]): void {
    const topic = partition.topic.spec.name;
    const [first, last] = [rows[0], rows.at(-1)];
    assert(first !== undefined && last !== undefined);
    const bytes = this.#of(partition).values.get(first[0], last[0])?.['bytes'];
    const stretch = bytes instanceof Uint8Array ? bytes : new Uint8Array();
    let at = 0;
    for (const [offset, key, length, appendedAtMs] of rows) {
      const value = length === null ? null : stretch.subarray(at, at + length);
      at += length ?? 0;
      into.push({ topic, partition: partition.partition, offset, key, value, appendedAtMs });
    }
    assert.equal(at, stretch.length, 'the values are as long as they were said to be');
  }
}
