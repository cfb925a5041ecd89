/** Puts a consumer group back to the first records that are still there, so that its store is filled again. */
import assert from 'node:assert/strict';
import type { Ids } from '#infrastructure/core/runtime.ts';
import type { EventLog, Position } from './event-log.ts';

export type RewindableLog = Pick<EventLog, 'openProducer' | 'committedPositions' | 'extents'>;

/**
 * Of all topics that the group has read of; false where it has not read yet. Members that read on are not told, and commit
 * over it: they leave and join again, or had better have read it all. Several may do this at once: none may fence another,
 * which would then join unrewound, so each has a transactional id of its own.
 */
export async function rewindGroup(log: RewindableLog, group: string, ids: Ids): Promise<boolean> {
  const topics = new Set((await log.committedPositions(group)).map((position) => position.topic));
  const extents = (await Promise.all([...topics].map((topic) => log.extents(topic)))).flat();
  const positions = extents.map(
    ({ topic, partition, firstOffset }): Position => ({ topic, partition, offset: firstOffset }),
  );
  if (positions.length === 0) return false;
  const producer = await log.openProducer(`rewind-projections-${ids.uuid()}`);
  try {
    const { kind } = await producer.commit({ records: [], consumed: { group, positions } });
    assert.equal(kind, 'committed', 'nobody else has the transactional id of this rewind');
    return true;
  } finally {
    await producer.close();
  }
}
