/**
 * A map by id, for ids that come once in a fresh text: orders, commands, accounts. V8's own `Map` first puts every text
 * it is asked for into the engine's table of unique texts, which for ids that never come again costs more than all
 * else about an order.
 *
 * Open addressing with linear probing. A cell holds 32 bits of the id's hash beside its place, so that a search reads
 * one stretch of memory and compares texts only where the bits agree. Ids that collide on purpose make it slow, never
 * wrong; the ids in it are derived or drawn by the door.
 */
import { invariant } from './invariant.ts';

const LEAST_CELLS = 16;
/** A UUID's last twelve digits tell it apart. */
const HASHED_LENGTH = 16;

export class IdMap<Id extends string, Entity> {
  /** Pairs: the id's hash, and its place plus one; 0 where nothing lies. */
  #cells = new Int32Array(LEAST_CELLS * 2);
  #mask = LEAST_CELLS - 1;
  #size = 0;
  #hashes = new Int32Array(LEAST_CELLS);
  readonly #ids: (Id | undefined)[] = [];
  readonly #entities: (Entity | undefined)[] = [];
  readonly #freePlaces: number[] = [];
  /** What is looked for in vain is often put in next. */
  #missedId = '' as Id;
  #missedHash = hashOf('');

  get size(): number {
    return this.#size;
  }

  has(id: Id): boolean {
    return this.get(id) !== undefined;
  }

  get(id: Id): Entity | undefined {
    const hash = hashOf(id);
    const cells = this.#cells;
    for (let cell = hash & this.#mask; ; cell = (cell + 1) & this.#mask) {
      const place = cells[cell * 2 + 1] as number;
      if (place === 0) break;
      if (cells[cell * 2] === hash && this.#ids[place - 1] === id) return this.#entities[place - 1];
    }
    this.#missedId = id;
    this.#missedHash = hash;
    return undefined;
  }

  /** One whose id is not there yet. Answers its place, by which it is replaced and removed without a search. */
  add(id: Id, entity: Entity): number {
    if (this.#size * 2 > this.#mask) this.#grow();
    const hash = id === this.#missedId ? this.#missedHash : hashOf(id);
    const place = this.#freePlaces.pop() ?? this.#ids.length;
    this.#ids[place] = id;
    this.#entities[place] = entity;
    this.#hashes[place] = hash;
    this.#lay(hash, place + 1);
    this.#size += 1;
    return place;
  }

  /** Another entity under the id that lies at `place`. */
  replace(place: number, entity: Entity): void {
    invariant(this.#entities[place] !== undefined, 'what is replaced is there');
    this.#entities[place] = entity;
  }

  remove(place: number): void {
    invariant(this.#entities[place] !== undefined, 'what is removed is there');
    let cell = (this.#hashes[place] as number) & this.#mask;
    while (this.#cells[cell * 2 + 1] !== place + 1) cell = (cell + 1) & this.#mask;
    this.#close(cell);
    this.#ids[place] = undefined;
    this.#entities[place] = undefined;
    this.#freePlaces.push(place);
    this.#size -= 1;
  }

  /** In the order of `add`, as long as nothing has been removed. */
  values(): readonly Entity[] {
    return this.#entities.filter((entity) => entity !== undefined);
  }

  #lay(hash: number, place: number): void {
    const cells = this.#cells;
    let cell = hash & this.#mask;
    while (cells[cell * 2 + 1] !== 0) cell = (cell + 1) & this.#mask;
    cells[cell * 2] = hash;
    cells[cell * 2 + 1] = place;
  }

  /** Empties a cell and moves up those behind it that would no longer be found. */
  #close(emptied: number): void {
    const cells = this.#cells;
    const mask = this.#mask;
    let hole = emptied;
    for (let cell = (hole + 1) & mask; cells[cell * 2 + 1] !== 0; cell = (cell + 1) & mask) {
      const home = (cells[cell * 2] as number) & mask;
      if (((cell - home) & mask) < ((cell - hole) & mask)) continue;
      cells[hole * 2] = cells[cell * 2] as number;
      cells[hole * 2 + 1] = cells[cell * 2 + 1] as number;
      hole = cell;
    }
    cells[hole * 2] = 0;
    cells[hole * 2 + 1] = 0;
  }

  #grow(): void {
    const former = this.#cells;
    this.#cells = new Int32Array(former.length * 2);
    this.#mask = this.#mask * 2 + 1;
    for (let at = 0; at < former.length; at += 2) {
      const place = former[at + 1] as number;
      if (place !== 0) this.#lay(former[at] as number, place);
    }
    const hashes = new Int32Array(this.#hashes.length * 2);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
  }
}

function hashOf(id: string): number {
  const { length } = id;
  let hash = length;
  for (let at = length > HASHED_LENGTH ? length - HASHED_LENGTH : 0; at < length; at += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(at), 0x5bd1e995);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash, 0x85ebca6b);
  return hash ^ (hash >>> 13);
}
