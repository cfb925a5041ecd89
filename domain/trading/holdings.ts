/**
 * Accounts and their positions as the core holds them: an account's amounts in a row and the rest beside them, a
 * position all in its row. The entity's kind and ids are there too, written once, so that its hash is over the row and
 * nothing else.
 */
import type { Breaker } from '#domain/data/account-state.ts';
import type { Money, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, Symbol } from '#domain/data/identifiers.ts';
import type { Rows } from './rows.ts';
import { emptyLanes, formatLanes, type Lanes, readLanes, textLanes, writeLanes } from './state-hash.ts';
import type { Changeable } from './tracking.ts';

/** The hashed cells of a row; behind them lie the hash, and the sum of all that is the account's. */
export const ACCOUNT_CELLS = 14;
export const MORE_ACCOUNT_CELLS = 2;
const CASH = 0;
const CASH_RESERVED = 1;
const SEQUENCE = 2;
const UPDATED_AT = 3;
const HALTED = 4;
const ACCOUNT_KIND = 5;
const ACCOUNT_ID = 6;
const NAME = 8;
const BREAKER = 10;
const DAY_RESULT = 11;
const RESULT_DAY = 12;
const SUM = 16;
/** In the breaker's cell; a quiet period has its end there, which is above zero. */
const OPEN = 0;
const TRIPPED = -1;

const OPEN_BREAKER: Breaker = { state: 'OPEN' };
const TRIPPED_BREAKER: Breaker = { state: 'TRIPPED' };

export class Account implements Changeable {
  stale = false;
  changed = false;
  openOrders = 0;
  readonly rows: Rows;
  /** Of the row's first cell. */
  readonly place: number;
  /** In order of opening, from 0. */
  readonly number: number;
  readonly accountId: AccountId;
  name = '';

  constructor(accountId: AccountId, name: string, number: number, rows: Rows) {
    this.rows = rows;
    this.place = rows.add();
    this.number = number;
    this.accountId = accountId;
    rows.numbers[this.place + ACCOUNT_KIND] = 1;
    writeLanes(textLanes(accountId), rows.words, (this.place + ACCOUNT_ID) * 2);
    this.setName(name);
  }

  setName(name: string): void {
    this.name = name;
    writeLanes(textLanes(name), this.rows.words, (this.place + NAME) * 2);
  }

  /** The id's own hash. */
  readIdentity(lanes: Lanes): void {
    readLanes(this.rows.words, (this.place + ACCOUNT_ID) * 2, lanes);
  }

  /** Where the hash over the head, the positions and the open orders lies in the rows. */
  get sumAt(): number {
    return (this.place + SUM) * 2;
  }

  /** That hash. */
  readSum(lanes: Lanes): void {
    readLanes(this.rows.words, this.sumAt, lanes);
  }

  /** To be called by whoever changes it: it is hashed anew and goes into the next snapshot. */
  touch(changed: Account[]): void {
    this.stale = true;
    if (this.changed) return;
    this.changed = true;
    changed.push(this);
  }

  get cash(): Money {
    return this.rows.cells[this.place + CASH] as Money;
  }

  set cash(amount: Money) {
    this.rows.cells[this.place + CASH] = amount;
  }

  get cashReserved(): Money {
    return this.rows.cells[this.place + CASH_RESERVED] as Money;
  }

  set cashReserved(amount: Money) {
    this.rows.cells[this.place + CASH_RESERVED] = amount;
  }

  get sequence(): number {
    return this.rows.numbers[this.place + SEQUENCE] as number;
  }

  set sequence(number: number) {
    this.rows.numbers[this.place + SEQUENCE] = number;
  }

  get updatedAtMs(): number {
    return this.rows.numbers[this.place + UPDATED_AT] as number;
  }

  set updatedAtMs(timeMs: number) {
    this.rows.numbers[this.place + UPDATED_AT] = timeMs;
  }

  get killSwitchEngaged(): boolean {
    return this.rows.numbers[this.place + HALTED] !== 0;
  }

  set killSwitchEngaged(engaged: boolean) {
    this.rows.numbers[this.place + HALTED] = engaged ? 1 : 0;
  }

  get breaker(): Breaker {
    const cell = this.rows.numbers[this.place + BREAKER] as number;
    if (cell === OPEN) return OPEN_BREAKER;
    return cell === TRIPPED ? TRIPPED_BREAKER : { state: 'QUIET_PERIOD', untilMs: cell };
  }

  set breaker(breaker: Breaker) {
    this.rows.numbers[this.place + BREAKER] =
      breaker.state === 'QUIET_PERIOD' ? breaker.untilMs : breaker.state === 'TRIPPED' ? TRIPPED : OPEN;
  }

  /** Realised on `resultDay`, fees included, or since the breaker was reset. */
  get dayResult(): Money {
    return this.rows.cells[this.place + DAY_RESULT] as Money;
  }

  set dayResult(amount: Money) {
    this.rows.cells[this.place + DAY_RESULT] = amount;
  }

  /** Days since 1970 in market time. */
  get resultDay(): number {
    return this.rows.numbers[this.place + RESULT_DAY] as number;
  }

  set resultDay(day: number) {
    this.rows.numbers[this.place + RESULT_DAY] = day;
  }
}

/** As above; behind the hash lie the numbers of account and instrument, and what is noted of changes. */
export const POSITION_CELLS = 10;
export const MORE_POSITION_CELLS = 2;
const QUANTITY = 0;
const RESERVED = 1;
const COST_BASIS = 2;
const REALISED_PROFIT = 3;
const LIQUIDITY_SEQUENCE = 4;
const LIQUIDITY_BOUGHT = 5;
const LIQUIDITY_SOLD = 6;
const POSITION_KIND = 7;
const POSITION_IDENTITY = 8;
const NUMBERS = 12;
const CHANGES = 13;
const STALE = 1;
const CHANGED = 2;

const identity = emptyLanes();

/**
 * A position is its row and nothing else: this is a way to look at it, made when it is asked for. There are many, most
 * are hardly ever looked at, and an object of each would have to be brought near before its row.
 */
export class Position {
  readonly rows: Rows;
  /** Of the row's first cell. */
  readonly place: number;
  readonly account: Account;
  readonly symbol: Symbol;

  constructor(rows: Rows, place: number, account: Account, symbol: Symbol) {
    this.rows = rows;
    this.place = place;
    this.account = account;
    this.symbol = symbol;
  }

  /** Writes into a new row what it is of. */
  identify(instrumentNumber: number): void {
    const { rows, place, account, symbol } = this;
    const { words } = rows;
    rows.numbers[place + POSITION_KIND] = 2;
    account.readIdentity(identity);
    writeLanes(textLanes(`${formatLanes(identity)} ${symbol}`), words, (place + POSITION_IDENTITY) * 2);
    words[(place + NUMBERS) * 2] = account.number;
    words[(place + NUMBERS) * 2 + 1] = instrumentNumber;
  }

  /** To be called by whoever changes it: it is hashed anew and goes into the next snapshot. `changed` is of places. */
  touch(changed: number[]): void {
    const { words } = this.rows;
    const at = (this.place + CHANGES) * 2;
    const noted = words[at] as number;
    words[at] = STALE | CHANGED;
    if ((noted & CHANGED) === 0) changed.push(this.place);
  }

  /** Whether the hash is that of an earlier value; from now on it is not. */
  takeStale(): boolean {
    const { words } = this.rows;
    const at = (this.place + CHANGES) * 2;
    const noted = words[at] as number;
    words[at] = noted & ~STALE;
    return (noted & STALE) !== 0;
  }

  /** A snapshot has it as it is. */
  clearChanged(): void {
    const { words } = this.rows;
    const at = (this.place + CHANGES) * 2;
    words[at] = (words[at] as number) & ~CHANGED;
  }

  get quantity(): Quantity {
    return this.rows.cells[this.place + QUANTITY] as Quantity;
  }

  set quantity(shares: Quantity) {
    this.rows.cells[this.place + QUANTITY] = shares;
  }

  get reserved(): Quantity {
    return this.rows.cells[this.place + RESERVED] as Quantity;
  }

  set reserved(shares: Quantity) {
    this.rows.cells[this.place + RESERVED] = shares;
  }

  get costBasis(): Money {
    return this.rows.cells[this.place + COST_BASIS] as Money;
  }

  set costBasis(amount: Money) {
    this.rows.cells[this.place + COST_BASIS] = amount;
  }

  get realisedProfit(): Money {
    return this.rows.cells[this.place + REALISED_PROFIT] as Money;
  }

  set realisedProfit(amount: Money) {
    this.rows.cells[this.place + REALISED_PROFIT] = amount;
  }

  /** The batch that the two below belong to. */
  get liquiditySequence(): number {
    return this.rows.numbers[this.place + LIQUIDITY_SEQUENCE] as number;
  }

  set liquiditySequence(sequence: number) {
    this.rows.numbers[this.place + LIQUIDITY_SEQUENCE] = sequence;
  }

  get liquidityBought(): Quantity {
    return this.rows.cells[this.place + LIQUIDITY_BOUGHT] as Quantity;
  }

  set liquidityBought(shares: Quantity) {
    this.rows.cells[this.place + LIQUIDITY_BOUGHT] = shares;
  }

  get liquiditySold(): Quantity {
    return this.rows.cells[this.place + LIQUIDITY_SOLD] as Quantity;
  }

  set liquiditySold(shares: Quantity) {
    this.rows.cells[this.place + LIQUIDITY_SOLD] = shares;
  }
}

/** Of the position in the row at this place. */
export function accountNumberAt(rows: Rows, place: number): number {
  return rows.words[(place + NUMBERS) * 2] as number;
}

export function instrumentNumberAt(rows: Rows, place: number): number {
  return rows.words[(place + NUMBERS) * 2 + 1] as number;
}
