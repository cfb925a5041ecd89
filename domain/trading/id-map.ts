/**
 * A map by id, for ids that come once in a fresh text: orders, commands, accounts. V8's own `Map` first puts every text
 * it is asked for into the engine's table of unique texts, which for ids that never come again costs more than all
 * else about an order. Ids that collide on purpose make this one slow, never wrong; the ids in it are derived or drawn
 * by the door.
 */
import { HashCells } from './hash-cells.ts';
import { invariant } from './invariant.ts';

/** A UUID's last digits tell it apart. */
const HASHED_LENGTH = 16;

/** 32 bits, made once per input and handed to whatever looks for the id. */
export function hashOfId(id: string): number {
  const { length } = id;
  let hash = length;
  for (let at = length > HASHED_LENGTH ? length - HASHED_LENGTH : 0; at < length; at += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(at), 0x5bd1e995);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash, 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

export class IdMap<Id extends string, Entity> {
  readonly #cells = new HashCells();
  readonly #ids: (Id | undefined)[] = [];
  readonly #entities: (Entity | undefined)[] = [];
  readonly #freePlaces: number[] = [];

  get size(): number {
    return this.#ids.length - this.#freePlaces.length;
  }

  has(id: Id): boolean {
    return this.get(id) !== undefined;
  }

  get(id: Id, hash = hashOfId(id)): Entity | undefined {
    const cells = this.#cells;
    let place = cells.first(hash);
    while (place >= 0 && this.#ids[place] !== id) place = cells.next(hash);
    return place < 0 ? undefined : this.#entities[place];
  }

  /** What `add` has answered this place for. */
  at(place: number): Entity | undefined {
    return this.#entities[place];
  }

  /** One whose id is not there yet. Answers its place. Until something is removed, places count up from 0. */
  add(id: Id, entity: Entity, hash = hashOfId(id)): number {
    const place = this.#freePlaces.pop() ?? this.#ids.length;
    this.#ids[place] = id;
    this.#entities[place] = entity;
    this.#cells.add(hash, place);
    return place;
  }

  /** What lies at `place`, under the hash of its id. */
  remove(place: number, hash: number): void {
    invariant(this.#entities[place] !== undefined, 'what is removed is there');
    this.#cells.remove(hash, place);
    this.#ids[place] = undefined;
    this.#entities[place] = undefined;
    this.#freePlaces.push(place);
  }

  /** In the order of `add`, as long as nothing has been removed. */
  values(): readonly Entity[] {
    return this.#entities.filter((entity) => entity !== undefined);
  }
}
