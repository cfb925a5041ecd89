/**
 * The positions that a group has committed. One that a transaction is just about to move is not told by the broker, and that is
 * no failure: in a group that commits all the time there is always one. It is asked for again, and what the other partitions
 * answered is kept.
 */
import { chainKey } from '../seal.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { CODE } from './kafka-failures.ts';
import type { GroupPositions, KafkaFailure, NativePosition } from './kafka-library.ts';
import { CALL_TIMEOUT_MS } from './kafka-settings.ts';

const ASK_AGAIN_MS = 10;
/** Within the time of a call. A transaction that is still open then is no ordinary one. */
const PATIENCE_MS = CALL_TIMEOUT_MS - 2_000;

/** Rejects with the broker's error, also when a position stays unstable. */
export async function stablePositions(
  connection: KafkaConnection,
  groupId: string,
): Promise<readonly NativePosition[]> {
  const { clock, timers } = connection.runtime;
  const endMs = clock.monotonicMs() + PATIENCE_MS;
  const stable = new Map<string, NativePosition>();
  for (;;) {
    const groups = await connection.ask<readonly GroupPositions[]>((admin, callback) =>
      admin.listConsumerGroupOffsets(
        [{ groupId }],
        { timeout: CALL_TIMEOUT_MS, requireStableOffsets: true },
        callback,
      ),
    );
    let unstable: KafkaFailure | null = null;
    for (const { error, partitions } of groups) {
      if (error) throw error;
      for (const { error: ofPartition, ...position } of partitions) {
        const key = chainKey(position.topic, position.partition);
        if (!ofPartition) stable.set(key, position);
        // A broker that has just started does not know yet, and says so here: that is not "none".
        else if (ofPartition.code !== CODE.unstableOffsets) throw ofPartition;
        else if (!stable.has(key)) unstable = ofPartition;
      }
    }
    if (unstable === null) return [...stable.values()];
    if (clock.monotonicMs() >= endMs) throw unstable;
    await timers.sleep(ASK_AGAIN_MS);
  }
}
