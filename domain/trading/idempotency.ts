/**
 * What a partition remembers of ids that are taken: a ring of the last N, numbered from 0 in the order in which they
 * came, with an index by id. Number n lies in slot n mod N, also as an entity, so the record that takes a slot
 * replaces the one it evicts. What is in it is a fold of the inputs alone, so every replica forgets the same id
 * at the same input.
 */
import { IdMap } from './id-map.ts';
import { invariant } from './invariant.ts';
import { addLanes, emptyLanes, type Lanes, subtractLanes } from './state-hash.ts';

export interface Memory<Entity> {
  readonly capacity: number;
  readonly slots: Entity[];
  readonly byId: IdMap<string, Entity>;
  /** What each slot has put into the state's hash: four words a slot. */
  readonly lanes: Int32Array;
  /** How many there have ever been. */
  count: number;
  /** Entities numbered below this are in the state's hash. */
  hashedCount: number;
  /** Entities numbered below this have been taken for a snapshot. */
  takenCount: number;
  readonly idOf: (entity: Entity) => string;
  readonly hashOf: (entity: Entity, target: Lanes) => void;
}

export function createMemory<Entity>(
  capacity: number,
  idOf: (entity: Entity) => string,
  hashOf: (entity: Entity, target: Lanes) => void,
): Memory<Entity> {
  const lanes = new Int32Array(capacity * 4);
  return {
    capacity,
    slots: [],
    byId: new IdMap(),
    lanes,
    count: 0,
    hashedCount: 0,
    takenCount: 0,
    idOf,
    hashOf,
  };
}

const scratch = emptyLanes();

function loadLanes(lanes: Int32Array, slot: number, target: Lanes): void {
  target.lane0 = lanes[slot * 4] ?? 0;
  target.lane1 = lanes[slot * 4 + 1] ?? 0;
  target.lane2 = lanes[slot * 4 + 2] ?? 0;
  target.lane3 = lanes[slot * 4 + 3] ?? 0;
}

function storeLanes(lanes: Int32Array, slot: number, source: Lanes): void {
  lanes[slot * 4] = source.lane0;
  lanes[slot * 4 + 1] = source.lane1;
  lanes[slot * 4 + 2] = source.lane2;
  lanes[slot * 4 + 3] = source.lane3;
}

/** Remembers `entity` under the number `memory.count`, and forgets the one whose slot it takes. */
export function remember<Entity>(memory: Memory<Entity>, entity: Entity, stateLanes: Lanes): void {
  const slot = memory.count % memory.capacity;
  const evicted = memory.slots[slot];
  if (evicted !== undefined) {
    memory.byId.delete(memory.idOf(evicted));
    if (memory.count - memory.capacity < memory.hashedCount) {
      loadLanes(memory.lanes, slot, scratch);
      subtractLanes(stateLanes, scratch);
    }
  }
  invariant(slot <= memory.slots.length, 'the ring is filled in order');
  memory.slots[slot] = entity;
  memory.byId.set(memory.idOf(entity), entity);
  memory.count += 1;
}

/** Puts what is new into the state's hash. */
export function hashMemory<Entity>(memory: Memory<Entity>, stateLanes: Lanes): void {
  const from = Math.max(memory.hashedCount, memory.count - memory.capacity);
  for (let number = from; number < memory.count; number += 1) {
    const slot = number % memory.capacity;
    const entity = memory.slots[slot];
    invariant(entity !== undefined, 'a remembered id has an entity');
    memory.hashOf(entity, scratch);
    storeLanes(memory.lanes, slot, scratch);
    addLanes(stateLanes, scratch);
  }
  memory.hashedCount = memory.count;
}

/** Calls `visit` with each entity that is new since the last time and still remembered. */
export function takeRemembered<Entity>(
  memory: Memory<Entity>,
  visit: (slot: number, entity: Entity) => void,
): void {
  const from = Math.max(memory.takenCount, memory.count - memory.capacity);
  for (let number = from; number < memory.count; number += 1) {
    const slot = number % memory.capacity;
    const entity = memory.slots[slot];
    invariant(entity !== undefined, 'a remembered id has an entity');
    visit(slot, entity);
  }
  memory.takenCount = memory.count;
}

/** Fills an empty memory from its entities, whatever their order; `count` is how many there have ever been. */
export function restoreMemory<Entity>(
  memory: Memory<Entity>,
  entities: readonly Entity[],
  numberOf: (entity: Entity) => number,
  count: number,
): void {
  const expected = Math.min(count, memory.capacity);
  invariant(entities.length === expected, 'a snapshot holds each remembered id once');
  const sorted = [...entities].sort(
    (left, right) => (numberOf(left) % memory.capacity) - (numberOf(right) % memory.capacity),
  );
  for (const [slot, entity] of sorted.entries()) {
    invariant(numberOf(entity) % memory.capacity === slot, 'a snapshot holds every slot of a ring');
    invariant(
      numberOf(entity) >= count - memory.capacity && numberOf(entity) < count,
      'a slot holds its last id',
    );
    memory.slots.push(entity);
    memory.byId.set(memory.idOf(entity), entity);
  }
  memory.count = count;
  memory.takenCount = count;
}
