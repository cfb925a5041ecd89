/**
 * Removes what retention allows. The broker is told to keep everything: only this program knows what is sealed, and only
 * whole seals may go.
 */
import type { Position } from '../event-log.ts';
import { chainKey } from '../seal.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { firstFailure, type KafkaFailure } from './kafka-library.ts';
import { CALL_TIMEOUT_MS } from './kafka-settings.ts';
import type { LogEnds } from './log-ends.ts';
import type { LogSealer } from './log-sealer.ts';
import type { TopicCatalogue } from './topic-catalogue.ts';

export interface LogExpiryParts {
  readonly connection: KafkaConnection;
  readonly catalogue: TopicCatalogue;
  readonly ends: LogEnds;
  readonly prefix: string;
  readonly sealer: LogSealer;
}

export class LogExpiry {
  readonly #parts: LogExpiryParts;

  constructor(parts: LogExpiryParts) {
    this.#parts = parts;
  }

  /** Answers how many records went. */
  async run(nowMs: number): Promise<number> {
    let removed = 0;
    for (const { name, cleanup, sealed } of this.#parts.catalogue.specs()) {
      if (cleanup.kind === 'compact' || cleanup.retentionMs === 'forever') continue;
      removed += await this.#expire(name, nowMs - cleanup.retentionMs, sealed);
    }
    return removed;
  }

  async #expire(name: string, beforeMs: number, sealed: boolean): Promise<number> {
    const { connection, catalogue, ends, prefix, sealer } = this.#parts;
    const extents = (await ends.extents(catalogue.places(name))).filter(
      (extent) => extent.nextOffset > extent.firstOffset,
    );
    if (extents.length === 0) return 0;
    const young = await ends.firstSince(extents, beforeMs);
    let removed = 0;
    for (const { topic, partition, firstOffset, nextOffset } of extents) {
      const since = young.get(chainKey(topic, partition)) ?? 0;
      const before = since < 0 ? nextOffset : since;
      if (before <= firstOffset) continue;
      if (sealed) {
        removed += await sealer.expire({ topic, partition }, firstOffset, before);
      } else {
        await deleteBefore(connection, prefix, [{ topic, partition, offset: before }]);
        removed += before - firstOffset;
      }
    }
    return removed;
  }
}

/** Resolves when the broker has removed what is below each position. */
export async function deleteBefore(
  connection: KafkaConnection,
  prefix: string,
  positions: readonly Position[],
): Promise<void> {
  const before = positions.map(({ topic, partition, offset }) => ({
    topic: prefix + topic,
    partition,
    offset,
  }));
  await connection.read('delete_records', () =>
    connection.ask<readonly { readonly error?: KafkaFailure }[]>((admin, callback) =>
      admin.deleteRecords(before, { timeout: CALL_TIMEOUT_MS }, (error, results) =>
        callback(error ?? firstFailure(results), results),
      ),
    ),
  );
}
