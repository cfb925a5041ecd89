/**
 * Amounts in rows of 64-bit cells, one row an entity. As objects each amount would lie somewhere by itself and be
 * made anew at each change; in a row all of an entity's lie side by side, and are added to and hashed where they are.
 *
 * One buffer under three views: a cell is an amount, a number, or two words of a hash. Rows are never given back:
 * what has one (accounts, positions, books) stays.
 */
const LEAST_ROWS = 16;
const HASH_CELLS = 2;
/** The words of a line of memory. */
const LINE_WORDS = 16;

export class Rows {
  cells: BigInt64Array;
  numbers: Float64Array;
  words: Int32Array;
  readonly #width: number;
  #used = 0;

  /** `cells` to each row, and two for a hash; behind them `more` that are not hashed. */
  constructor(cells: number, more = 0) {
    const width = cells + HASH_CELLS + more;
    this.#width = width;
    const buffer = new ArrayBuffer(width * LEAST_ROWS * 8);
    this.cells = new BigInt64Array(buffer);
    this.numbers = new Float64Array(buffer);
    this.words = new Int32Array(buffer);
  }

  get count(): number {
    return this.#used / this.#width;
  }

  /** The place of the first cell of the row that was added as the `number`th, from 0. */
  placeOf(number: number): number {
    return number * this.#width;
  }

  /** The place of a new row's first cell. All its cells are zero. */
  add(): number {
    const place = this.#used;
    this.#used += this.#width;
    if (this.#used > this.cells.length) this.#grow(this.cells.length * 2);
    return place;
  }

  /**
   * Reads the lines of memory that a row lies on, at most three; what is given means nothing (`prefetch.ts`). Where a row
   * begins late in its line, its end is on the third.
   */
  prefetch(place: number): number {
    const { words } = this;
    const first = place * 2;
    const last = first + this.#width * 2 - 1;
    return (words[first] as number) ^ (words[first + LINE_WORDS] as number) ^ (words[last] as number);
  }

  #grow(length: number): void {
    const { cells } = this;
    const buffer = new ArrayBuffer(length * 8);
    this.cells = new BigInt64Array(buffer);
    this.numbers = new Float64Array(buffer);
    this.words = new Int32Array(buffer);
    this.cells.set(cells);
  }
}
