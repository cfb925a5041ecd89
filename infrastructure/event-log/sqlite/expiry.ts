/**
 * Retention and the end of tombstones, in small transactions so that appends get their turns in between.
 *
 * Of a sealed topic whole seals go, oldest first, and the chain says so in an entry of its own: a verifier can tell
 * expired from removed.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { TOPIC } from '#domain/data/topics.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { ChainEntry } from '../seal.ts';
import { chainKey, decodeChainEntry } from '../seal.ts';
import { translating } from './failures.ts';
import type { HeadWriter } from './head-writer.ts';
import type { LogWriter } from './log-writer.ts';
import type { RecordStorage } from './record-storage.ts';
import { recordsTable } from './schema.ts';
import type { PartitionState, TopicRegistry } from './topic-registry.ts';

export interface ExpiryParts {
  readonly db: DatabaseSync;
  readonly registry: TopicRegistry;
  readonly storage: RecordStorage;
  readonly writer: LogWriter;
  readonly heads: HeadWriter;
  readonly runtime: Runtime;
}

const RECORDS_PER_STEP = 2000;
const SEALS_PER_READ = 2000;

export class Expiry {
  readonly #parts: ExpiryParts;
  readonly #setFirst: StatementSync;
  readonly #setNext: StatementSync;
  /** Where in `log_seals` the first seal of a partition's remaining records is looked for. */
  readonly #sealsFrom = new Map<PartitionState, number>();

  constructor(parts: ExpiryParts) {
    const { db } = parts;
    this.#parts = parts;
    this.#setFirst = db.prepare('UPDATE partitions SET first_offset = ? WHERE id = ?');
    this.#setNext = db.prepare('UPDATE partitions SET next_offset = ? WHERE id = ?');
  }

  async run(nowMs: number, stopped: () => boolean): Promise<number> {
    let removed = 0;
    for (const topic of this.#parts.registry.all()) {
      for (const partition of topic.partitions) {
        for (;;) {
          await this.#parts.runtime.timers.yieldTurn();
          while (this.#parts.writer.isSyncing) await this.#parts.writer.synced();
          if (stopped()) return removed;
          const step = translating(() => this.#step(partition, nowMs));
          removed += step;
          if (step === 0) break;
        }
      }
    }
    return removed;
  }

  #step(partition: PartitionState, nowMs: number): number {
    const { cleanup, sealed } = partition.topic.spec;
    if (cleanup.kind === 'compact') return this.#removeTombstones(partition, nowMs - cleanup.tombstoneMs);
    if (cleanup.retentionMs === 'forever') return 0;
    const end = this.#dueEnd(partition, nowMs - cleanup.retentionMs);
    if (end === partition.firstOffset) return 0;
    const before = sealed ? this.#sealEnd(partition, end) : end;
    return before > partition.firstOffset ? this.#removeBefore(partition, before) : 0;
  }

  #removeTombstones(partition: PartitionState, beforeMs: number): number {
    const table = recordsTable(partition.id);
    const due = this.#parts.db
      .prepare(`SELECT offset FROM ${table} WHERE value IS NULL AND appended_at < ? LIMIT ?`)
      .all(beforeMs, RECORDS_PER_STEP);
    if (due.length === 0) return 0;
    const remove = this.#parts.db.prepare(`DELETE FROM ${table} WHERE offset = ?`);
    this.#parts.writer.inTransaction(() => {
      for (const row of due) remove.run(Number(row['offset']));
    });
    partition.tail?.clear();
    return due.length;
  }

  /** The end of the first records that are older than `beforeMs`, at most one step of them. */
  #dueEnd(partition: PartitionState, beforeMs: number): number {
    const rows = this.#parts.db
      .prepare(
        `SELECT offset + coalesce(packed, 1) AS ends, appended_at FROM ${recordsTable(partition.id)} ORDER BY offset LIMIT ?`,
      )
      .all(RECORDS_PER_STEP);
    let end = partition.firstOffset;
    for (const row of rows) {
      if (Number(row['appended_at']) >= beforeMs) break;
      end = Number(row['ends']);
      if (end - partition.firstOffset >= RECORDS_PER_STEP) break;
    }
    return end;
  }

  /**
   * The end of the last seal that begins before `end`. All records of a seal were appended at one time, so that seal
   * is due as a whole even where it is longer than a step.
   */
  #sealEnd(partition: PartitionState, end: number): number {
    const seals = this.#parts.registry.partition({ topic: TOPIC.logSeals, partition: 0 });
    const key = chainKey(partition.topic.spec.name, partition.partition);
    let before = partition.firstOffset;
    let from = this.#sealsFrom.get(partition) ?? seals.firstOffset;
    for (;;) {
      const records = this.#parts.storage.read(seals, from, SEALS_PER_READ);
      for (const { offset, key: sealKey, value } of records) {
        from = offset + 1;
        if (sealKey !== key || value === null) continue;
        const entry = decodeChainEntry(value);
        if (entry?.kind !== 'seal' || entry.first < partition.firstOffset) continue;
        if (entry.first >= end) {
          this.#sealsFrom.set(partition, offset);
          return before;
        }
        before = entry.last + 1;
      }
      if (records.length < SEALS_PER_READ) break;
    }
    this.#sealsFrom.set(partition, from);
    return before;
  }

  #removeBefore(partition: PartitionState, before: number): number {
    const { writer, registry, runtime } = this.#parts;
    const seals = registry.partition({ topic: TOPIC.logSeals, partition: 0 });
    const { name: topic, sealed } = partition.topic.spec;
    let removed = 0;
    let chain = partition.chainHash;
    try {
      writer.inTransaction(() => {
        const table = recordsTable(partition.id);
        // No row holds records of two seals.
        const going = this.#parts.db.prepare(
          `SELECT coalesce(sum(coalesce(packed, 1)), 0) AS records FROM ${table} WHERE offset < ?`,
        );
        removed = Number(going.get(before)?.['records']);
        this.#parts.db.prepare(`DELETE FROM ${table} WHERE offset < ?`).run(before);
        this.#setFirst.run(before, partition.id);
        if (!sealed) return;
        const entry: ChainEntry = {
          kind: 'expiry',
          topic,
          partition: partition.partition,
          before,
          previous: chain,
        };
        chain = writer.writeChainEntry(partition, entry, runtime.clock.nowMs());
        this.#setNext.run(seals.pendingNextOffset, seals.id);
      });
    } catch (error) {
      seals.pendingNextOffset = seals.nextOffset;
      throw error;
    }
    partition.firstOffset = before;
    partition.tail?.clear();
    partition.chainHash = chain;
    seals.nextOffset = seals.pendingNextOffset;
    this.#parts.heads.write(sealed ? [partition, seals] : [partition]);
    return removed;
  }
}
