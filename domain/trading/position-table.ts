/** All positions of a partition, found by account and symbol. Positions are never taken out. */
import type { Symbol } from '#domain/data/identifiers.ts';
import { HashCells } from './hash-cells.ts';
import {
  type Account,
  accountNumberAt,
  instrumentNumberAt,
  MORE_POSITION_CELLS,
  POSITION_CELLS,
  Position,
} from './holdings.ts';
import { invariant } from './invariant.ts';
import { Rows } from './rows.ts';

/** An instrument, as far as it matters here. */
interface Numbered {
  readonly number: number;
  readonly symbol: Symbol;
}

export class PositionTable {
  readonly #rows = new Rows(POSITION_CELLS, MORE_POSITION_CELLS);
  readonly #cells = new HashCells();
  readonly #accounts: { at(number: number): Account | undefined };
  /** By the instrument's number. */
  readonly #symbols: Symbol[] = [];
  #hashes = new Int32Array(0);

  constructor(accounts: { at(number: number): Account | undefined }) {
    this.#accounts = accounts;
  }

  get(account: Account, instrument: Numbered): Position | undefined {
    const rows = this.#rows;
    const cells = this.#cells;
    const hash = hashOf(account.number, instrument.number);
    for (let place = cells.first(hash); place >= 0; place = cells.next(hash)) {
      if (
        accountNumberAt(rows, place) === account.number &&
        instrumentNumberAt(rows, place) === instrument.number
      ) {
        return new Position(rows, place, account, instrument.symbol);
      }
    }
    return undefined;
  }

  /** The position whose row begins there. */
  at(place: number): Position {
    const rows = this.#rows;
    const account = this.#accounts.at(accountNumberAt(rows, place));
    const symbol = this.#symbols[instrumentNumberAt(rows, place)];
    invariant(account !== undefined && symbol !== undefined, 'a position is of an account and a symbol');
    return new Position(rows, place, account, symbol);
  }

  /**
   * Reads the rows of those of the pairs that there are; what is given means nothing (`prefetch.ts`). Every first cell is
   * read before any row is.
   */
  prefetch(accounts: readonly Account[], instruments: readonly Numbered[]): number {
    const { length } = accounts;
    if (this.#hashes.length < length) this.#hashes = new Int32Array(length);
    const hashes = this.#hashes;
    for (let pair = 0; pair < length; pair += 1) {
      hashes[pair] = hashOf((accounts[pair] as Account).number, (instruments[pair] as Numbered).number);
    }
    const cells = this.#cells;
    const rows = this.#rows;
    let seen = cells.prefetch(hashes, length);
    for (let pair = 0; pair < length; pair += 1) {
      const place = cells.first(hashes[pair] as number);
      if (place >= 0) seen ^= rows.prefetch(place);
    }
    return seen;
  }

  /** The same of the rows that begin at these places. */
  prefetchAt(places: readonly number[]): number {
    const rows = this.#rows;
    let seen = 0;
    for (const place of places) seen ^= rows.prefetch(place);
    return seen;
  }

  all(): readonly Position[] {
    const rows = this.#rows;
    return Array.from({ length: rows.count }, (_, number) => this.at(rows.placeOf(number)));
  }

  /** An empty one, which is not there yet. */
  add(account: Account, instrument: Numbered): Position {
    const rows = this.#rows;
    const position = new Position(rows, rows.add(), account, instrument.symbol);
    position.identify(instrument.number);
    this.#symbols[instrument.number] = instrument.symbol;
    this.#cells.add(hashOf(account.number, instrument.number), position.place);
    return position;
  }
}

function hashOf(account: number, instrument: number): number {
  const mixed = Math.imul(account ^ Math.imul(instrument, 0x9e3779b1), 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
