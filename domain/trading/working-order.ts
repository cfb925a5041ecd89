/**
 * An order that has passed risk and is not closed, as the core holds it: amounts in a row, the rest beside them. To the
 * outside it is an `OpenOrderEntity`, whose type can say nothing impossible; here it is written by `order.ts`
 * (taking up) and `settlement.ts` (filling) alone.
 */
import type { OpenOrderEntity } from '#domain/data/account-state.ts';
import { type Money, type Price, type Quantity, ZERO_MONEY, ZERO_QUANTITY } from '#domain/data/decimal.ts';
import type { FeeSchedule, Side, SubmitOrder, TimeInForce } from '#domain/data/trading-inputs.ts';
import type { Account, Position } from './holdings.ts';
import type { Instrument } from './instrument.ts';
import { UUID_WORDS } from './packed-text.ts';
import type { Rows } from './rows.ts';
import type { Changeable } from './tracking.ts';

/** The hashed cells of a row; behind them lie the hash and the id's words. */
export const ORDER_CELLS = 14;
export const MORE_ORDER_CELLS = 2;
const SHAPE = 0;
const ACCEPTANCE_NUMBER = 1;
const QUANTITY = 2;
const WORST_PRICE = 3;
const RESERVED_CASH = 4;
const EXPIRES_AT = 5;
const FILLED_QUANTITY = 6;
const FILLED_NOTIONAL = 7;
const FEES_CHARGED = 8;
const FILLS = 9;
const ACCEPTED_AT = 10;
const ORDER_KIND = 11;
const IDENTITY = 12;
const ID = 16;

/** Of an order that is good till canceled. */
export const NEVER = -1;
/** The worst price of a market sale. */
export const NO_LIMIT = 0n as Price;

/** What an order is called and fingerprinted by: an input's or an entity's. */
export type OrderTexts = Pick<SubmitOrder, 'orderId' | 'bodyDigest' | 'clientOrderId'>;

export class WorkingOrder implements Changeable {
  stale = false;
  changed = false;
  readonly rows: Rows;
  /** Of the row's first cell. */
  readonly place: number;
  /** Of its row, from 0; no part of the state. */
  readonly number: number;
  /** Of the id. */
  idHash = 0;
  account: Account;
  instrument: Instrument;
  /** The account's in the symbol, once it has one. */
  position: Position | null;
  texts: OrderTexts;
  /** As they were at acceptance: the reservation covers these and no others. */
  fees: FeeSchedule;
  side: Side = 'BUY';
  type: 'MARKET' | 'LIMIT' = 'MARKET';
  open = true;
  /** It rests: it is known by its id, lies with its instrument, and goes into snapshots. */
  listed = false;
  /** A snapshot holds it, so closing it needs a tombstone. */
  saved = false;
  /** What never changes of it is in its row as a hash. */
  identified = false;

  constructor(
    rows: Rows,
    number: number,
    texts: OrderTexts,
    account: Account,
    instrument: Instrument,
    position: Position | null,
    fees: FeeSchedule,
  ) {
    this.rows = rows;
    this.place = rows.placeOf(number);
    this.number = number;
    this.texts = texts;
    this.account = account;
    this.instrument = instrument;
    this.position = position;
    this.fees = fees;
    rows.numbers[this.place + ORDER_KIND] = 3;
  }

  /** Says what it wants, of which nothing is filled yet. `worstPrice` is a limit, a buy's collar, or zero. */
  want(
    side: Side,
    type: 'MARKET' | 'LIMIT',
    quantity: Quantity,
    worstPrice: Price,
    reservedCash: Money,
  ): void {
    this.side = side;
    this.type = type;
    const { cells, numbers } = this.rows;
    const { place } = this;
    numbers[place + SHAPE] = (side === 'BUY' ? 1 : 0) + (type === 'LIMIT' ? 2 : 0);
    cells[place + QUANTITY] = quantity;
    cells[place + WORST_PRICE] = worstPrice;
    cells[place + RESERVED_CASH] = reservedCash;
    cells[place + FILLED_QUANTITY] = ZERO_QUANTITY;
    cells[place + FILLED_NOTIONAL] = ZERO_MONEY;
    cells[place + FEES_CHARGED] = ZERO_MONEY;
    numbers[place + FILLS] = 0;
  }

  accept(acceptanceNumber: number, acceptedAtMs: number, expiresAtMs: number): void {
    const { numbers } = this.rows;
    const { place } = this;
    numbers[place + ACCEPTANCE_NUMBER] = acceptanceNumber;
    numbers[place + ACCEPTED_AT] = acceptedAtMs;
    numbers[place + EXPIRES_AT] = expiresAtMs;
  }

  /** What has been filled of it in all. */
  fill(quantity: Quantity, notional: Money, fees: Money, fills: number): void {
    const { cells, numbers } = this.rows;
    const { place } = this;
    cells[place + FILLED_QUANTITY] = quantity;
    cells[place + FILLED_NOTIONAL] = notional;
    cells[place + FEES_CHARGED] = fees;
    numbers[place + FILLS] = fills;
  }

  /** To be called by whoever changes it once it rests: it is hashed anew and goes into the next snapshot. */
  touch(changed: WorkingOrder[]): void {
    this.stale = true;
    if (this.changed) return;
    this.changed = true;
    changed.push(this);
  }

  /** Where the id's words lie in the rows. */
  get idAt(): number {
    return (this.place + ID) * 2;
  }

  /** Where the hash of what never changes lies in the rows. */
  get identityAt(): number {
    return (this.place + IDENTITY) * 2;
  }

  isId(words: Int32Array): boolean {
    const own = this.rows.words;
    const at = this.idAt;
    return (
      own[at] === words[0] && own[at + 1] === words[1] && own[at + 2] === words[2] && own[at + 3] === words[3]
    );
  }

  setId(words: Int32Array, hash: number): void {
    this.idHash = hash;
    const own = this.rows.words;
    const at = this.idAt;
    for (let word = 0; word < UUID_WORDS; word += 1) own[at + word] = words[word] as number;
  }

  get acceptanceNumber(): number {
    return this.rows.numbers[this.place + ACCEPTANCE_NUMBER] as number;
  }

  get acceptedAtMs(): number {
    return this.rows.numbers[this.place + ACCEPTED_AT] as number;
  }

  /** `NEVER`, or the market time from which on it expires. */
  get expiresAtMs(): number {
    return this.rows.numbers[this.place + EXPIRES_AT] as number;
  }

  get timeInForce(): TimeInForce {
    return this.expiresAtMs === NEVER ? 'GTC' : 'DAY';
  }

  get quantity(): Quantity {
    return this.rows.cells[this.place + QUANTITY] as Quantity;
  }

  /** The limit, a market buy's collar, or a market sale's zero. */
  get worstPrice(): Price {
    return this.rows.cells[this.place + WORST_PRICE] as Price;
  }

  /** What a buy has set aside. A sale sets aside the shares it has not sold yet. */
  get reservedCash(): Money {
    return this.rows.cells[this.place + RESERVED_CASH] as Money;
  }

  set reservedCash(amount: Money) {
    this.rows.cells[this.place + RESERVED_CASH] = amount;
  }

  get filledQuantity(): Quantity {
    return this.rows.cells[this.place + FILLED_QUANTITY] as Quantity;
  }

  get filledNotional(): Money {
    return this.rows.cells[this.place + FILLED_NOTIONAL] as Money;
  }

  get feesCharged(): Money {
    return this.rows.cells[this.place + FEES_CHARGED] as Money;
  }

  get fills(): number {
    return this.rows.numbers[this.place + FILLS] as number;
  }

  /** As the outside sees it. */
  get entity(): OpenOrderEntity {
    const { account, instrument, texts, expiresAtMs } = this;
    return {
      kind: 'order',
      accountId: account.accountId,
      orderId: texts.orderId,
      acceptanceNumber: this.acceptanceNumber,
      symbol: instrument.symbol,
      quantity: this.quantity,
      intent: this.#intent(),
      lifetime: expiresAtMs === NEVER ? { timeInForce: 'GTC' } : { timeInForce: 'DAY', expiresAtMs },
      progress:
        this.fills === 0
          ? { kind: 'unfilled' }
          : {
              kind: 'partially_filled',
              filledQuantity: this.filledQuantity,
              filledNotional: this.filledNotional,
              feesCharged: this.feesCharged,
              fills: this.fills,
            },
      fees: this.fees,
      clientOrderId: texts.clientOrderId,
      bodyDigest: texts.bodyDigest,
      acceptedAtMs: this.acceptedAtMs,
    };
  }

  #intent(): OpenOrderEntity['intent'] {
    const { side, type, worstPrice, reservedCash } = this;
    if (side === 'SELL') return type === 'LIMIT' ? { side, type, limitPrice: worstPrice } : { side, type };
    return type === 'LIMIT'
      ? { side, type, limitPrice: worstPrice, reservedCash }
      : { side, type, collar: worstPrice, reservedCash };
  }
}
