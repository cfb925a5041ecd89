/**
 * Puts the consumer groups of projections back to the beginning, so that their stores are built from the log again:
 * after a restore or an import, and at the start after a store was deleted. A group's noted position says what its store
 * holds, so the two may not be parted.
 */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import type { Ids } from '#infrastructure/core/runtime.ts';
import type { EventLog, Position } from '#infrastructure/event-log/event-log.ts';
import type { DATA_PATHS } from './data-paths.ts';

/** By the store that they write. */
const GROUPS = {
  portfolios: ['portfolio'],
  history: ['trade-history'],
  analytics: ['trade-analytics'],
  relational: ['portfolio-statements', 'order-index'],
} as const satisfies Partial<Record<keyof typeof DATA_PATHS, readonly string[]>>;

export type ProjectionStore = keyof typeof GROUPS;

export const PROJECTION_STORES = Object.keys(GROUPS) as readonly ProjectionStore[];

/** Whether what this group has read is in a store that can be filled again. */
export function isProjectionGroup(group: string): boolean {
  return Object.values<readonly string[]>(GROUPS).some((groups) => groups.includes(group));
}

/** Of `stores`, those whose file is not there or empty, whether lost or never made. `fileOf` has `null` for one on a server. */
export function missingStores(
  stores: readonly ProjectionStore[],
  fileOf: (store: ProjectionStore) => string | null,
): readonly ProjectionStore[] {
  return stores.filter((store) => {
    const file = fileOf(store);
    return file !== null && (statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0;
  });
}

/**
 * Back to the first record that is still there. Answers the groups that had got further.
 *
 * Processes that start at once on an empty store all do this, so that none joins a group before it is done. None may fence
 * another, which would then join unrewound: each has a transactional id of its own. A member that has begun already goes
 * on from where it is, since the store has what it read.
 */
export async function rewindProjections(
  log: EventLog,
  stores: readonly ProjectionStore[],
  ids: Ids,
): Promise<readonly string[]> {
  const known = new Set(await log.groups());
  const groups = stores.flatMap((store) => GROUPS[store]).filter((group) => known.has(group));
  if (groups.length === 0) return [];
  const producer = await log.openProducer(`rewind-projections-${ids.uuid()}`);
  try {
    for (const group of groups) {
      const topics = new Set((await log.committedPositions(group)).map((position) => position.topic));
      const extents = (await Promise.all([...topics].map((topic) => log.extents(topic)))).flat();
      const positions = extents.map(
        ({ topic, partition, firstOffset }): Position => ({ topic, partition, offset: firstOffset }),
      );
      const { kind } = await producer.commit({ records: [], consumed: { group, positions } });
      assert.equal(kind, 'committed', 'nobody else has the transactional id of this rewind');
    }
  } finally {
    await producer.close();
  }
  return groups;
}
