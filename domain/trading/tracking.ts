/** What is hashed and saved entity by entity, and how the core notes that one has changed. */
import type { Lanes } from './state-hash.ts';

/** An entity that is hashed and saved by itself. Its lanes are what it has put into the sums. */
export interface Tracked extends Lanes {
  /** The lanes are those of an earlier value. */
  stale: boolean;
  /** It is in the list of what the next snapshot has to take. */
  changed: boolean;
}

export function untracked(): Tracked {
  return { lane0: 0, lane1: 0, lane2: 0, lane3: 0, stale: false, changed: false };
}

/** To be called by whoever changes one: it is hashed anew and goes into the next snapshot. */
export function touch<Entity extends Tracked>(entity: Entity, changed: Entity[]): void {
  entity.stale = true;
  if (entity.changed) return;
  entity.changed = true;
  changed.push(entity);
}
