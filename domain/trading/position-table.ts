/** All positions of a partition, found by account and symbol. Positions are never taken out. */
import type { Symbol } from '#domain/data/identifiers.ts';
import { HashCells } from './hash-cells.ts';
import type { Account, Position } from './holdings.ts';

/** An instrument, as far as it matters here. */
interface Numbered {
  readonly number: number;
  readonly symbol: Symbol;
}

export class PositionTable {
  readonly #cells = new HashCells();
  readonly #positions: Position[] = [];

  get(account: Account, instrument: Numbered): Position | undefined {
    const cells = this.#cells;
    const hash = hashOf(account, instrument);
    for (let place = cells.first(hash); place >= 0; place = cells.next(hash)) {
      const position = this.#positions[place];
      if (position?.account === account && position.symbol === instrument.symbol) return position;
    }
    return undefined;
  }

  all(): readonly Position[] {
    return this.#positions;
  }

  /** One that is not there yet. */
  add(instrument: Numbered, position: Position): void {
    this.#cells.add(hashOf(position.account, instrument), this.#positions.length);
    this.#positions.push(position);
  }
}

function hashOf(account: Account, instrument: Numbered): number {
  const mixed = Math.imul(account.number ^ Math.imul(instrument.number, 0x9e3779b1), 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
