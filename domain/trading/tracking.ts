/**
 * What is hashed and saved entity by entity, and how the core notes that one has changed. Accounts, positions and books
 * keep their hash in their row and note for themselves, each in code of its own: V8 makes one piece of code slow that
 * is given objects of many kinds.
 */
import { emptyLanes, type Lanes } from './state-hash.ts';

export interface Changeable {
  /** The hash is that of an earlier value. */
  stale: boolean;
  /** It is in the list of what the next snapshot has to take. */
  changed: boolean;
}

/** An entity that is hashed and saved by itself. */
export interface Tracked extends Changeable {
  /** What it has put into the sums. */
  readonly hash: Lanes;
}

export function untracked(): Tracked {
  return { hash: emptyLanes(), stale: false, changed: false };
}

/** To be called by whoever changes one: it is hashed anew and goes into the next snapshot. */
export function touch<Entity extends Tracked>(entity: Entity, changed: Entity[]): void {
  entity.stale = true;
  if (entity.changed) return;
  entity.changed = true;
  changed.push(entity);
}
