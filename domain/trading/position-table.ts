/** All positions of a partition, found by account and symbol. */
import type { Position } from './holdings.ts';

interface Numbered {
  readonly number: number;
}

/** Open addressing with linear probing, by the numbers of account and instrument. Positions are never taken out. */
export class PositionTable {
  /** Fours: account, instrument, place plus one (0 where nothing lies), nothing. */
  #cells = new Int32Array(64 * 4);
  #mask = 63;
  readonly #positions: Position[] = [];

  get(account: Numbered, instrument: Numbered): Position | undefined {
    const cells = this.#cells;
    for (let cell = this.#home(account.number, instrument.number); ; cell = (cell + 1) & this.#mask) {
      const at = cell * 4;
      const place = cells[at + 2] as number;
      if (place === 0) return undefined;
      if (cells[at] === account.number && cells[at + 1] === instrument.number) {
        return this.#positions[place - 1];
      }
    }
  }

  all(): readonly Position[] {
    return this.#positions;
  }

  /** One that is not there yet. */
  add(account: Numbered, instrument: Numbered, position: Position): void {
    this.#positions.push(position);
    if (this.#positions.length * 2 > this.#mask) this.#grow();
    this.#lay(account.number, instrument.number, this.#positions.length);
  }

  #home(account: number, instrument: number): number {
    const mixed = Math.imul(account ^ Math.imul(instrument, 0x9e3779b1), 0x85ebca6b);
    return (mixed ^ (mixed >>> 15)) & this.#mask;
  }

  #lay(account: number, instrument: number, place: number): void {
    const cells = this.#cells;
    let cell = this.#home(account, instrument);
    while (cells[cell * 4 + 2] !== 0) cell = (cell + 1) & this.#mask;
    cells[cell * 4] = account;
    cells[cell * 4 + 1] = instrument;
    cells[cell * 4 + 2] = place;
  }

  #grow(): void {
    const former = this.#cells;
    this.#cells = new Int32Array(former.length * 2);
    this.#mask = this.#mask * 2 + 1;
    for (let at = 0; at < former.length; at += 4) {
      const place = former[at + 2] as number;
      if (place !== 0) this.#lay(former[at] as number, former[at + 1] as number, place);
    }
  }
}
