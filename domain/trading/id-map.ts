/**
 * A map by id, for ids that come in a fresh text each time, as accounts' do. V8's own `Map` first puts every text
 * it is asked for into the engine's table of unique texts, which for ids that never come again costs more than all
 * else about an order. Ids that collide on purpose make this one slow, never wrong; the ids in it are derived or drawn
 * by the door.
 */
import { HashCells } from './hash-cells.ts';

/** A UUID's last digits tell it apart. */
const HASHED_LENGTH = 8;

/** 32 bits of an id. */
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
  readonly #ids: Id[] = [];
  readonly #entities: Entity[] = [];

  get size(): number {
    return this.#ids.length;
  }

  has(id: Id): boolean {
    return this.get(id) !== undefined;
  }

  get(id: Id): Entity | undefined {
    const cells = this.#cells;
    const hash = hashOfId(id);
    let place = cells.first(hash);
    while (place >= 0 && this.#ids[place] !== id) place = cells.next(hash);
    return place < 0 ? undefined : this.#entities[place];
  }

  /** What was added as the `place`th, from 0. */
  at(place: number): Entity | undefined {
    return this.#entities[place];
  }

  /** One whose id is not there yet. */
  add(id: Id, entity: Entity): void {
    this.#cells.add(hashOfId(id), this.#ids.length);
    this.#ids.push(id);
    this.#entities.push(entity);
  }

  /** In the order of `add`. */
  values(): readonly Entity[] {
    return this.#entities;
  }
}
