/**
 * Retention and the end of tombstones, in small transactions so that appends get their turns in between.
 *
 * Of a sealed topic whole seals go, oldest first, and the chain says so in an entry of its own: a verifier knows
 * absent from removed.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import { decodeChainEntry } from '../seal.ts';
import { translating } from './failures.ts';
import type { LogWriter } from './log-writer.ts';
import type { PartitionState, TopicRegistry } from './topic-registry.ts';

export interface ExpiryParts {
  readonly db: DatabaseSync;
  readonly registry: TopicRegistry;
  readonly writer: LogWriter;
  readonly runtime: Runtime;
}

const RECORDS_PER_STEP = 2000;

export async function expireRecords(
  parts: ExpiryParts,
  nowMs: number,
  stopped: () => boolean,
): Promise<number> {
  let removed = 0;
  for (const topic of parts.registry.all()) {
    for (const partition of topic.partitions) {
      for (;;) {
        await parts.runtime.timers.yieldTurn();
        if (stopped()) return removed;
        const step = translating(() => expireStep(parts, partition, nowMs));
        removed += step;
        if (step === 0) break;
      }
    }
  }
  return removed;
}

function expireStep(parts: ExpiryParts, partition: PartitionState, nowMs: number): number {
  const { cleanup, sealed } = partition.topic.spec;
  if (cleanup.kind === 'compact') return removeTombstones(parts, partition, nowMs - cleanup.tombstoneMs);
  if (cleanup.retentionMs === 'forever') return 0;
  const end = expiredEnd(parts, partition, nowMs - cleanup.retentionMs);
  const before = sealed ? sealedEnd(parts, partition, end) : end;
  if (before <= partition.firstOffset) return 0;
  return removeBefore(parts, partition, before, sealed);
}

function removeTombstones(parts: ExpiryParts, partition: PartitionState, beforeMs: number): number {
  const due = parts.db
    .prepare(
      'SELECT place FROM compacted WHERE partition_id = ? AND value IS NULL AND appended_at < ? LIMIT ?',
    )
    .all(partition.id, beforeMs, RECORDS_PER_STEP);
  if (due.length === 0) return 0;
  const remove = parts.db.prepare('DELETE FROM compacted WHERE place = ?');
  parts.writer.inTransaction(() => {
    for (const row of due) remove.run(Number(row['place']));
  });
  return due.length;
}

/** Of the first records, those older than `beforeMs`, up to one step. The clock may have jumped: the first younger one ends it. */
function expiredEnd(parts: ExpiryParts, partition: PartitionState, beforeMs: number): number {
  const rows = parts.db
    .prepare('SELECT place, appended_at FROM records WHERE place >= ? AND place < ? ORDER BY place LIMIT ?')
    .all(partition.base + partition.firstOffset, partition.base + partition.nextOffset, RECORDS_PER_STEP);
  let end = partition.firstOffset;
  for (const row of rows) {
    if (Number(row['appended_at']) >= beforeMs) break;
    end = Number(row['place']) - partition.base + 1;
  }
  return end;
}

/** The end of the last seal that lies wholly before `end`. A first seal longer than a step goes as a whole when its last record is due. */
function sealedEnd(parts: ExpiryParts, partition: PartitionState, end: number): number {
  // The writer seals each batch under one time, so a seal is due as a whole or not at all.
  let before = partition.firstOffset;
  for (const seal of sealsFrom(parts, partition)) {
    if (seal.first < partition.firstOffset) continue;
    if (seal.first >= end) break;
    before = seal.last + 1;
    if (before >= end) break;
  }
  return before;
}

function* sealsFrom(
  parts: ExpiryParts,
  partition: PartitionState,
): Generator<{ first: number; last: number }> {
  const seals = parts.registry.partition({ topic: 'log_seals', partition: 0 });
  const rows = parts.db
    .prepare('SELECT value FROM records WHERE place >= ? AND place < ? AND key = ? ORDER BY place')
    .iterate(
      seals.base,
      seals.base + seals.nextOffset,
      `${partition.topic.spec.name}:${partition.partition}`,
    );
  for (const row of rows) {
    const value = row['value'];
    const entry = value instanceof Uint8Array ? decodeChainEntry(value) : null;
    if (entry?.kind === 'seal') yield entry;
  }
}

function removeBefore(
  parts: ExpiryParts,
  partition: PartitionState,
  before: number,
  sealed: boolean,
): number {
  const { db, writer, registry, runtime } = parts;
  const seals = registry.partition({ topic: 'log_seals', partition: 0 });
  let removed = 0;
  let chain = partition.chainHash;
  try {
    writer.inTransaction(() => {
      removed = Number(
        db
          .prepare('DELETE FROM records WHERE place >= ? AND place < ?')
          .run(partition.base + partition.firstOffset, partition.base + before).changes,
      );
      db.prepare('UPDATE partitions SET first_offset = ? WHERE id = ?').run(before, partition.id);
      if (!sealed) return;
      const { name: topic } = partition.topic.spec;
      const entry = {
        kind: 'expiry',
        topic,
        partition: partition.partition,
        before,
        previous: partition.chainHash,
      } as const;
      chain = writer.writeChainEntry(partition, entry, runtime.clock.nowMs());
      db.prepare('UPDATE partitions SET next_offset = ? WHERE id = ?').run(seals.pendingNextOffset, seals.id);
    });
  } catch (error) {
    seals.pendingNextOffset = seals.nextOffset;
    throw error;
  }
  partition.firstOffset = before;
  partition.chainHash = chain;
  seals.nextOffset = seals.pendingNextOffset;
  writer.writeHeads(sealed ? [partition, seals] : [partition]);
  return removed;
}
