/**
 * All positions of a partition, found by account and symbol. Positions are never taken out.
 *
 * Open addressing with linear probing; a cell holds both numbers, so that nothing else is looked at on the way.
 */
import type { Account, Position } from './holdings.ts';

/** An instrument, as far as it matters here. */
interface Numbered {
  readonly number: number;
}

const LEAST_CELLS = 16;
/** Words of a cell: the account's number, the instrument's, and the place plus one; 0 where nothing lies. */
const WIDTH = 4;
const INSTRUMENT = 1;
const PLACE = 2;

export class PositionTable {
  #cells = new Int32Array(LEAST_CELLS * WIDTH);
  #mask = LEAST_CELLS - 1;
  readonly #positions: Position[] = [];

  get(account: Account, instrument: Numbered): Position | undefined {
    const at = this.#find(account.number, instrument.number);
    const place = this.#cells[at + PLACE] as number;
    return place === 0 ? undefined : this.#positions[place - 1];
  }

  /** Those of the pairs that there are. Every first cell is read before any is looked at (`prefetch.ts`). */
  prefetch(accounts: readonly Account[], instruments: readonly Numbered[]): readonly Position[] {
    const cells = this.#cells;
    const found: Position[] = [];
    let seen = 0;
    for (let pair = 0; pair < accounts.length; pair += 1) {
      const cell = hashOf((accounts[pair] as Account).number, (instruments[pair] as Numbered).number);
      seen |= cells[(cell & this.#mask) * WIDTH + PLACE] as number;
    }
    if (seen === 0) return found;
    for (let pair = 0; pair < accounts.length; pair += 1) {
      const position = this.get(accounts[pair] as Account, instruments[pair] as Numbered);
      if (position !== undefined) found.push(position);
    }
    return found;
  }

  all(): readonly Position[] {
    return this.#positions;
  }

  /** One that is not there yet. */
  add(instrument: Numbered, position: Position): void {
    if (this.#positions.length * 2 > this.#mask) this.#grow();
    this.#positions.push(position);
    this.#lay(position.account.number, instrument.number, this.#positions.length);
  }

  /** Where the cell of the two begins, or the empty one where it would lie. */
  #find(account: number, instrument: number): number {
    const cells = this.#cells;
    const mask = this.#mask;
    for (let cell = hashOf(account, instrument) & mask; ; cell = (cell + 1) & mask) {
      const at = cell * WIDTH;
      if (cells[at + PLACE] === 0) return at;
      if (cells[at] === account && cells[at + INSTRUMENT] === instrument) return at;
    }
  }

  #lay(account: number, instrument: number, placePlusOne: number): void {
    const at = this.#find(account, instrument);
    this.#cells[at] = account;
    this.#cells[at + INSTRUMENT] = instrument;
    this.#cells[at + PLACE] = placePlusOne;
  }

  #grow(): void {
    const former = this.#cells;
    this.#cells = new Int32Array(former.length * 2);
    this.#mask = this.#mask * 2 + 1;
    for (let at = 0; at < former.length; at += WIDTH) {
      const place = former[at + PLACE] as number;
      if (place !== 0) this.#lay(former[at] as number, former[at + INSTRUMENT] as number, place);
    }
  }
}

function hashOf(account: number, instrument: number): number {
  const mixed = Math.imul(account ^ Math.imul(instrument, 0x9e3779b1), 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
