/**
 * The prepared statements that write and read records. Each partition has a table of its own, `records_<id>`, so
 * that every insert goes to the right edge of a tree: measured twice as fast as one table for all.
 */
import assert from 'node:assert/strict';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { LogRecord } from '../event-log.ts';
import { contentCheck, recordCheck, type SealedRecord } from '../seal.ts';
import { nextPack, pack, unpack } from './record-pack.ts';
import { recordsTable } from './schema.ts';
import type { PartitionState } from './topic-registry.ts';

/** Offset, key, length of the value, time, and how many records are packed in it. */
type Row = readonly [number, string | null, number | null, number, number | null];

function isRow(columns: unknown): columns is Row {
  return Array.isArray(columns) && columns.length === 5;
}

/**
 * Values are read as one stretch of bytes for many records, and handed out as pieces of it: a stretch of its own for
 * each costs more than all else about reading it. Not too long, since whoever keeps one piece keeps them all; but as
 * long as what the C library gives back to the system at once (decision 15), where there is so much to read.
 */
const STRETCH_BYTES = 256 * 1024;
/** Rows are gone through again for their values, while their pages are still at hand. */
const ROWS_AT_ONCE = 1_024;
/** Where rows may be packed, one of them may be all that was wanted. */
const ROWS_AHEAD = 16;
/** Of a row, about. */
const BYTES_BESIDE_VALUE = 100;

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
      const isCompacted = partition.topic.spec.cleanup.kind === 'compact';
      const insert = this.#db.prepare(
        isCompacted
          ? // The unique key makes this drop the key's former record.
            `INSERT OR REPLACE INTO ${table} (offset, key, value, appended_at) VALUES (?, ?, ?, ?)`
          : `INSERT INTO ${table} (offset, key, value, appended_at, record_check, packed) VALUES (?, ?, ?, ?, ?, ?)`,
      );
      const read = this.#db.prepare(
        isCompacted
          ? `SELECT offset, key, length(value), appended_at, NULL FROM ${table}
             WHERE offset >= ? ORDER BY offset LIMIT ?`
          : // The row before may be packed, and hold the record at that offset.
            `SELECT offset, key, length(value), appended_at, packed FROM ${table}
             WHERE offset >= (SELECT coalesce(max(offset), 0) FROM ${table} WHERE offset <= ?) ORDER BY offset LIMIT ?`,
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

  /** Records that follow one another, appended at one time, in a partition that is not compacted. Returns the rows' bytes. */
  insert(partition: PartitionState, records: readonly SealedRecord[]): number {
    const { insert } = this.#of(partition);
    const { sealed } = partition.topic.spec;
    let bytes = 0;
    for (let from = 0; from < records.length; ) {
      const { end, isWorthIt } = nextPack(records, from);
      const run = records.slice(from, end);
      const [first] = run;
      assert(first !== undefined, 'a pack holds at least one record');
      if (sealed && isWorthIt) {
        const { offset, appendedAtMs } = first;
        const packed = pack(run);
        const check = recordCheck(offset, appendedAtMs, packed.contentCheck);
        insert.run(offset, null, packed.bytes, appendedAtMs, check, run.length);
        bytes += BYTES_BESIDE_VALUE + packed.bytes.length;
      } else {
        for (const record of run) {
          const { offset, key, value, appendedAtMs } = record;
          const check = sealed ? recordCheck(offset, appendedAtMs, contentCheck(key, value)) : null;
          this.insertOne(partition, record, check);
          bytes += BYTES_BESIDE_VALUE + (value?.length ?? 0);
        }
      }
      from = end;
    }
    return bytes;
  }

  /** With its check as it was when it was sealed. */
  insertOne(partition: PartitionState, record: SealedRecord, check: number | null): void {
    const { offset, key, value, appendedAtMs } = record;
    this.#of(partition).insert.run(offset, key, value, appendedAtMs, check, null);
  }

  /** In a compacted partition. Returns the row's bytes. */
  replace(
    partition: PartitionState,
    offset: number,
    key: string,
    value: Uint8Array | null,
    appendedAtMs: number,
  ): number {
    this.#of(partition).insert.run(offset, key, value, appendedAtMs);
    return BYTES_BESIDE_VALUE + (value?.length ?? 0);
  }

  advance(partition: PartitionState, nextOffset: number, chainHashText: string): void {
    this.#advance.run(nextOffset, chainHashText, partition.id);
  }

  read(partition: PartitionState, fromOffset: number, maxRecords: number): readonly LogRecord[] {
    if (fromOffset >= partition.nextOffset || maxRecords <= 0) return [];
    const held = partition.tail?.read(fromOffset, maxRecords);
    if (held) return partition.topic.spec.cleanup.kind === 'compact' ? lastOfEachKey(held) : held;
    const records: LogRecord[] = [];
    for (let from = fromOffset; records.length < maxRecords; ) {
      const rows = this.#rows(partition, from, maxRecords - records.length);
      this.#unfold(partition, rows, from, records);
      const last = records.at(-1);
      if (last === undefined || last.offset < from) break;
      from = last.offset + 1;
    }
    return records.length <= maxRecords ? records : records.slice(0, maxRecords);
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

  /** The rows with the records from `fromOffset` on: of so many records, or fewer. */
  #rows(partition: PartitionState, fromOffset: number, maxRecords: number): readonly Row[] {
    const rows: Row[] = [];
    const wanted = Math.min(maxRecords, rowsAtOnce(partition));
    // The first may be of records before.
    const found: readonly unknown[] = this.#of(partition).read.all(fromOffset, wanted + 1);
    for (const row of found) {
      if (!isRow(row)) throw new TypeError('node:sqlite returned a row of another shape');
      // Written, and not durable yet.
      if (row[0] >= partition.nextOffset) break;
      if (row[0] + (row[4] ?? 1) > fromOffset) rows.push(row);
    }
    return rows;
  }

  /** Adds the records of the rows before the first that is packed, or those of that one. */
  #unfold(partition: PartitionState, rows: readonly Row[], fromOffset: number, into: LogRecord[]): void {
    const [first] = rows;
    if (first === undefined) return;
    const [offset, , , appendedAtMs, count] = first;
    if (count === null) {
      const packedAt = rows.findIndex(([, , , , packed]) => packed !== null);
      this.#inStretches(partition, packedAt === -1 ? rows : rows.slice(0, packedAt), into);
      return;
    }
    const place = { topic: partition.topic.spec.name, partition: partition.partition };
    const bytes = this.#of(partition).values.get(offset, offset)?.['bytes'];
    const packed = bytes instanceof Uint8Array ? bytes : new Uint8Array();
    unpack(packed, count).forEach(({ key, value }, at) => {
      if (offset + at >= fromOffset) into.push({ ...place, offset: offset + at, key, value, appendedAtMs });
    });
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

function rowsAtOnce(partition: PartitionState): number {
  return partition.topic.spec.cleanup.kind === 'compact' ? ROWS_AT_ONCE : ROWS_AHEAD;
}
