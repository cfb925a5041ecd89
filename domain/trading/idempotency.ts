/**
 * What a partition remembers of account commands: a ring of the last N, numbered from 0 in the order in which they
 * came, with an index by id. Number n lies in slot n mod N, also as an entity, so the record that takes a slot
 * replaces the one it evicts. What is in it is a fold of the inputs alone, so every replica forgets the same id
 * at the same input.
 */
import { invariant } from './invariant.ts';
import { addLanes, emptyLanes, type Lanes, readLanes, subtractLanes, writeLanes } from './state-hash.ts';

export interface Memory<Entity> {
  readonly capacity: number;
  readonly slots: Entity[];
  /** Each slot's place in the index by id, and the id's hash there. */
  readonly places: Int32Array;
  readonly hashes: Int32Array;
  /** What each slot has put into the state's hash: four words a slot. */
  readonly lanes: Int32Array;
  /** How many there have ever been. */
  count: number;
  /** Entities numbered below this have been taken for a snapshot. */
  takenCount: number;
}

export function createMemory<Entity>(capacity: number): Memory<Entity> {
  return {
    capacity,
    slots: [],
    places: new Int32Array(capacity),
    hashes: new Int32Array(capacity),
    lanes: new Int32Array(capacity * 4),
    count: 0,
    takenCount: 0,
  };
}

const evicted = emptyLanes();

/**
 * Remembers `entity` under the number `memory.count`, and forgets the one whose slot it takes. It lies at `place` of
 * the index; `hash` is its own, which goes into the state's sum.
 */
export function remember<Entity>(
  memory: Memory<Entity>,
  index: { remove(place: number, hash: number): void },
  place: number,
  idHash: number,
  entity: Entity,
  hash: Lanes,
  sum: Lanes,
): void {
  const { hashes, lanes, places, slots } = memory;
  const slot = memory.count % memory.capacity;
  invariant(slot <= slots.length, 'the ring is filled in order');
  if (slot < slots.length) {
    index.remove(places[slot] as number, hashes[slot] as number);
    readLanes(lanes, slot * 4, evicted);
    subtractLanes(sum, evicted);
  }
  slots[slot] = entity;
  places[slot] = place;
  hashes[slot] = idHash;
  writeLanes(hash, lanes, slot * 4);
  addLanes(sum, hash);
  memory.count += 1;
}

/** Calls `visit` with each entity that is new since the last time and still remembered. */
export function takeRemembered<Entity>(memory: Memory<Entity>, visit: (entity: Entity) => void): void {
  const from = Math.max(memory.takenCount, memory.count - memory.capacity);
  for (let number = from; number < memory.count; number += 1) {
    const entity = memory.slots[number % memory.capacity];
    invariant(entity !== undefined, 'a remembered id has an entity');
    visit(entity);
  }
  memory.takenCount = memory.count;
}

/**
 * Fills an empty memory from its entities, whatever their order, oldest first; `count` is how many there have ever
 * been. `rememberAgain` calls `remember`.
 */
export function restoreMemory<Entity>(
  memory: Memory<Entity>,
  entities: readonly Entity[],
  numberOf: (entity: Entity) => number,
  count: number,
  rememberAgain: (entity: Entity) => void,
): void {
  const { capacity } = memory;
  invariant(entities.length === Math.min(count, capacity), 'a snapshot holds each remembered id once');
  const sorted = [...entities].sort(
    (left, right) => (numberOf(left) % capacity) - (numberOf(right) % capacity),
  );
  for (const [slot, entity] of sorted.entries()) {
    invariant(numberOf(entity) % capacity === slot, 'a snapshot holds every slot of a ring');
    invariant(numberOf(entity) >= count - capacity && numberOf(entity) < count, 'a slot holds its last id');
    rememberAgain(entity);
  }
  memory.count = count;
  memory.takenCount = count;
}
