/**
 * The partition's balances in one asset: outside, venue, fees, clearing and all its accounts together. They add up to
 * zero. A balance may pass 64 bits, so it takes two cells: a signed low one, and how often 2⁶⁴ comes on top.
 */
import type { Rows } from './rows.ts';
import { textLanes, writeLanes } from './state-hash.ts';
import type { Changeable } from './tracking.ts';

/** The hashed cells of a row; behind them lies the hash. */
export const BOOK_CELLS = 14;

const OUTSIDE = 0;
const VENUE = 2;
const FEES = 4;
const CLEARING = 6;
const ACCOUNTS = 8;
const KIND = 10;
const ASSET = 12;

export class AssetBook implements Changeable {
  stale = false;
  changed = false;
  readonly asset: string;
  readonly rows: Rows;
  /** Of the row's first cell. */
  readonly place: number;

  constructor(asset: string, rows: Rows) {
    this.asset = asset;
    this.rows = rows;
    this.place = rows.add();
    rows.numbers[this.place + KIND] = 7;
    writeLanes(textLanes(asset), rows.words, (this.place + ASSET) * 2);
  }

  /** To be called by whoever changes it: it is hashed anew and goes into the next snapshot. */
  touch(changed: AssetBook[]): void {
    this.stale = true;
    if (this.changed) return;
    this.changed = true;
    changed.push(this);
  }

  get outside(): bigint {
    return this.#balance(OUTSIDE);
  }

  get venue(): bigint {
    return this.#balance(VENUE);
  }

  get fees(): bigint {
    return this.#balance(FEES);
  }

  get clearing(): bigint {
    return this.#balance(CLEARING);
  }

  get accounts(): bigint {
    return this.#balance(ACCOUNTS);
  }

  addOutside(amount: bigint): void {
    this.#add(OUTSIDE, amount);
  }

  addVenue(amount: bigint): void {
    this.#add(VENUE, amount);
  }

  addFees(amount: bigint): void {
    this.#add(FEES, amount);
  }

  addClearing(amount: bigint): void {
    this.#add(CLEARING, amount);
  }

  addAccounts(amount: bigint): void {
    this.#add(ACCOUNTS, amount);
  }

  set(balances: Pick<AssetBook, 'outside' | 'venue' | 'fees' | 'clearing' | 'accounts'>): void {
    this.#put(OUTSIDE, balances.outside);
    this.#put(VENUE, balances.venue);
    this.#put(FEES, balances.fees);
    this.#put(CLEARING, balances.clearing);
    this.#put(ACCOUNTS, balances.accounts);
  }

  /** Whether the five add up to zero, modulo 2⁶⁴: in machine words, since it is asked after every entry. */
  isBalanced(): boolean {
    const { place } = this;
    const { cells } = this.rows;
    const left = BigInt.asIntN(64, (cells[place + OUTSIDE] as bigint) + (cells[place + VENUE] as bigint));
    const right = BigInt.asIntN(64, (cells[place + FEES] as bigint) + (cells[place + CLEARING] as bigint));
    const own = BigInt.asIntN(64, left + right);
    return BigInt.asIntN(64, own + (cells[place + ACCOUNTS] as bigint)) === 0n;
  }

  #balance(which: number): bigint {
    const at = this.place + which;
    const low = this.rows.cells[at] as bigint;
    const high = this.rows.cells[at + 1] as bigint;
    return high === 0n ? low : (high << 64n) + low;
  }

  #put(which: number, balance: bigint): void {
    const at = this.place + which;
    const low = BigInt.asIntN(64, balance);
    this.rows.cells[at] = low;
    this.rows.cells[at + 1] = (balance - low) >> 64n;
  }

  /** `amount` fits 64 bits. */
  #add(which: number, amount: bigint): void {
    const { cells } = this.rows;
    const at = this.place + which;
    const before = cells[at] as bigint;
    const after = BigInt.asIntN(64, before + amount);
    cells[at] = after;
    // Two of one sign have made one of the other: the low cell has gone round.
    if (before < 0n === amount < 0n && after < 0n !== amount < 0n) {
      cells[at + 1] = (cells[at + 1] as bigint) + (amount < 0n ? -1n : 1n);
    }
  }
}
