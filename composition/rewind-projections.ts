/**
 * Puts the consumer groups of projections back to the beginning, so that their stores are built from the log again:
 * after a restore or an import, and at the start after a store was deleted. A group's noted position says what its store
 * holds, so the two may not be parted.
 */
import { statSync } from 'node:fs';
import type { Ids } from '#infrastructure/core/runtime.ts';
import { type RewindableLog, rewindGroup } from '#infrastructure/event-log/rewind-group.ts';
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
 * Processes that start at once on an empty store all do this, so that none joins a group before it is done. A member that
 * has begun already goes on from where it is, since the store has what it read.
 */
export async function rewindProjections(
  log: RewindableLog,
  stores: readonly ProjectionStore[],
  ids: Ids,
): Promise<readonly string[]> {
  const rewound: string[] = [];
  for (const group of stores.flatMap((store) => GROUPS[store]))
    if (await rewindGroup(log, group, ids)) rewound.push(group);
  return rewound;
}
