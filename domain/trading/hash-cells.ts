/**
 * Where things lie, by 32 bits of hash: the common half of the maps by id. Whoever asks compares what lies there with
 * what is looked for; since the bits are kept beside the place, that is hardly ever in vain.
 *
 * Open addressing with linear probing in one stretch of memory.
 */
const LEAST_CELLS = 16;
const NOWHERE = -1;

export class HashCells {
  /** Pairs: hash, and place plus one; 0 where nothing lies. */
  #cells = new Int32Array(LEAST_CELLS * 2);
  #mask = LEAST_CELLS - 1;
  #size = 0;
  #cursor = 0;

  /** The first place under `hash`, or -1. */
  first(hash: number): number {
    return this.#scan(hash, hash & this.#mask);
  }

  /** The one after the last answer. */
  next(hash: number): number {
    return this.#scan(hash, (this.#cursor + 1) & this.#mask);
  }

  #scan(hash: number, from: number): number {
    const cells = this.#cells;
    for (let cell = from; ; cell = (cell + 1) & this.#mask) {
      const place = cells[cell * 2 + 1] as number;
      if (place === 0) return NOWHERE;
      if (cells[cell * 2] === hash) {
        this.#cursor = cell;
        return place - 1;
      }
    }
  }

  /** Reads where the first `count` of these hashes begin; what is given means nothing (`prefetch.ts`). */
  prefetch(hashes: Int32Array, count: number): number {
    const cells = this.#cells;
    const mask = this.#mask;
    let seen = 0;
    for (let at = 0; at < count; at += 1) seen ^= cells[((hashes[at] as number) & mask) * 2 + 1] as number;
    return seen;
  }

  add(hash: number, place: number): void {
    if (this.#size * 2 > this.#mask) this.#grow();
    this.#lay(hash, place + 1);
    this.#size += 1;
  }

  /** One that is there. */
  remove(hash: number, place: number): void {
    const cells = this.#cells;
    const mask = this.#mask;
    let hole = hash & mask;
    while (cells[hole * 2 + 1] !== place + 1) hole = (hole + 1) & mask;
    // Those behind that would no longer be found move up.
    for (let cell = (hole + 1) & mask; cells[cell * 2 + 1] !== 0; cell = (cell + 1) & mask) {
      const home = (cells[cell * 2] as number) & mask;
      if (((cell - home) & mask) < ((cell - hole) & mask)) continue;
      cells[hole * 2] = cells[cell * 2] as number;
      cells[hole * 2 + 1] = cells[cell * 2 + 1] as number;
      hole = cell;
    }
    cells[hole * 2] = 0;
    cells[hole * 2 + 1] = 0;
    this.#size -= 1;
  }

  /** Puts another place where one lies. */
  replace(hash: number, place: number, by: number): void {
    const cells = this.#cells;
    const mask = this.#mask;
    let cell = hash & mask;
    while (cells[cell * 2 + 1] !== place + 1) cell = (cell + 1) & mask;
    cells[cell * 2 + 1] = by + 1;
  }

  #lay(hash: number, placePlusOne: number): void {
    const cells = this.#cells;
    let cell = hash & this.#mask;
    while (cells[cell * 2 + 1] !== 0) cell = (cell + 1) & this.#mask;
    cells[cell * 2] = hash;
    cells[cell * 2 + 1] = placePlusOne;
  }

  #grow(): void {
    const former = this.#cells;
    this.#cells = new Int32Array(former.length * 2);
    this.#mask = this.#mask * 2 + 1;
    for (let at = 0; at < former.length; at += 2) {
      const place = former[at + 1] as number;
      if (place !== 0) this.#lay(former[at] as number, place);
    }
  }
}
