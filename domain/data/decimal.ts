/**
 * Exact decimals with nine places: prices, quantities and money.
 *
 * A value is a signed 64-bit integer count of 10⁻⁹ units, held in a branded `bigint`. Products pass through
 * 128 bits and are rounded half to even once; a result outside 64 bits is refused, never wrapped. Functions named
 * `try…` answer `'overflow'`; the others throw `DecimalOverflow`.
 */
declare const unit: unique symbol;
type Scaled<Name extends string> = bigint & { readonly [unit]: Name };

/** Currency per share. */
export type Price = Scaled<'Price'>;
/** Shares; whole or fractional. */
export type Quantity = Scaled<'Quantity'>;
/** Currency. */
export type Money = Scaled<'Money'>;
/** A plain factor, such as a fee of 0.0005 of the notional. */
export type Rate = Scaled<'Rate'>;
export type Decimal = Price | Quantity | Money | Rate;

export const DECIMAL_PLACES = 9;
export const ONE = 1_000_000_000n;
export const MAX_SCALED = 2n ** 63n - 1n;
export const MIN_SCALED = -(2n ** 63n);

export const ZERO_MONEY = 0n as Money;
export const ZERO_QUANTITY = 0n as Quantity;

/** A result that does not fit 64 bits. A bug where a caller had to check first. */
export class DecimalOverflow extends RangeError {
  override readonly name = 'DecimalOverflow';
}

export type DecimalRule =
  /** Digits, at most one point with digits on both sides; no exponent, `+`, leading zeros, `-0` or spaces. */
  | 'decimal_format'
  /** At most nine decimals. */
  | 'decimal_places'
  /** Within ± 9,223,372,036.854775807. */
  | 'decimal_range'
  /** Prices, quantities and rates have no sign. */
  | 'decimal_sign';

export type ParsedDecimal<D extends Decimal> =
  | { readonly kind: 'decimal'; readonly value: D }
  | { readonly kind: 'refused'; readonly rule: DecimalRule; readonly message: string };

/** The longest text worth looking at: sign, 10 digits, point, 9 digits, and room to say "too many decimals". */
const MAX_TEXT_LENGTH = 64;
const DECIMAL = /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?$/;

/** Not negative; zero is a price here (a door that needs more asks for more). */
export function parsePrice(text: string): ParsedDecimal<Price> {
  return parseDecimal<Price>(text, 'unsigned');
}

/** Not negative. */
export function parseQuantity(text: string): ParsedDecimal<Quantity> {
  return parseDecimal<Quantity>(text, 'unsigned');
}

/** May be negative (a loss, a posting). */
export function parseMoney(text: string): ParsedDecimal<Money> {
  return parseDecimal<Money>(text, 'signed');
}

/** Not negative. */
export function parseRate(text: string): ParsedDecimal<Rate> {
  return parseDecimal<Rate>(text, 'unsigned');
}

/** Whole parts of at most six digits: with nine decimals they are integers that a double holds exactly. */
const SHORT_LENGTH = 16;
const SHORT_WHOLE_DIGITS = 6;
const PLACE_UNITS = [1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 1e2, 10, 1];

/**
 * The value of a plain short decimal such as `171.14`, -1 for everything else. Nearly all decimals are short, and
 * this takes a tenth of the time that a pattern and `BigInt(text)` take.
 */
function shortDecimal(text: string): number {
  const length = text.length;
  if (length === 0 || length > SHORT_LENGTH) return -1;
  let units = 0;
  let at = 0;
  for (; at < length; at += 1) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) break;
    units = units * 10 + digit;
  }
  if (at === 0 || at > SHORT_WHOLE_DIGITS || (at > 1 && text.charCodeAt(0) === 48)) return -1;
  if (at === length) return units * 1e9;
  const decimals = length - at - 1;
  if (text.charCodeAt(at) !== 46 || decimals === 0 || decimals > DECIMAL_PLACES) return -1;
  for (at += 1; at < length; at += 1) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    units = units * 10 + digit;
  }
  return units * (PLACE_UNITS[decimals] ?? 0);
}

function parseDecimal<D extends Decimal>(text: string, sign: 'signed' | 'unsigned'): ParsedDecimal<D> {
  const short = shortDecimal(text);
  if (short >= 0) return { kind: 'decimal', value: BigInt(short) as D };
  const match = text.length <= MAX_TEXT_LENGTH ? DECIMAL.exec(text) : null;
  if (match === null) {
    return refused('decimal_format', 'must be a decimal such as "12.5": digits, and a point between digits');
  }
  const [, minus = '', whole = '', fraction = ''] = match;
  if (fraction.length > DECIMAL_PLACES) {
    return refused('decimal_places', `must have at most ${DECIMAL_PLACES} decimals`);
  }
  const magnitude = BigInt(whole + fraction.padEnd(DECIMAL_PLACES, '0'));
  if (minus !== '' && magnitude === 0n) return refused('decimal_format', 'zero is written without a sign');
  if (minus !== '' && sign === 'unsigned') return refused('decimal_sign', 'must not be negative');
  const value = minus === '' ? magnitude : -magnitude;
  if (!fits(value)) return refused('decimal_range', `must be within ±${formatScaled(MAX_SCALED)}`);
  return { kind: 'decimal', value: value as D };
}

function refused(rule: DecimalRule, message: string) {
  return { kind: 'refused', rule, message } as const;
}

/** Canonical: no exponent, no trailing zeros, no point without decimals. */
export function formatDecimal(value: Decimal): string {
  return formatScaled(value);
}

/** The same for a count of 10⁻⁹ units of any size, such as a system account's balance. */
export function formatScaled(value: bigint): string {
  const units = Number(value);
  if (units >= 0 && units <= Number.MAX_SAFE_INTEGER) return formatExact(units);
  const digits = (value < 0n ? -value : value).toString();
  const sign = value < 0n ? '-' : '';
  if (digits.length <= DECIMAL_PLACES) {
    const fraction = trimZeros(digits.padStart(DECIMAL_PLACES, '0'));
    return fraction === '' ? '0' : `${sign}0.${fraction}`;
  }
  const point = digits.length - DECIMAL_PLACES;
  const fraction = trimZeros(digits.slice(point));
  return fraction === '' ? sign + digits.slice(0, point) : `${sign}${digits.slice(0, point)}.${fraction}`;
}

/** The same for what a double holds exactly, which is nearly every amount, in half the time. */
function formatExact(units: number): string {
  const whole = Math.floor(units / 1e9);
  let fraction = units - whole * 1e9;
  if (fraction === 0) return String(whole);
  let width = DECIMAL_PLACES;
  for (; fraction % 1_000 === 0; width -= 3) fraction /= 1_000;
  for (; fraction % 10 === 0; width -= 1) fraction /= 10;
  return `${whole}.${String(fraction).padStart(width, '0')}`;
}

function trimZeros(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits.charCodeAt(end - 1) === 48) end -= 1;
  return digits.slice(0, end);
}

/** Whether a count of units fits a decimal. */
export function fits(value: bigint): boolean {
  return value <= MAX_SCALED && value >= MIN_SCALED;
}

/** -1, 0 or 1, as sort wants it. */
export function compare<D extends Decimal>(left: D, right: D): -1 | 0 | 1 {
  if (left < right) return -1;
  return left > right ? 1 : 0;
}

/** The lesser of two of one kind. */
export function minimum<D extends Decimal>(left: D, right: D): D {
  return left < right ? left : right;
}

/** The greater of two of one kind. */
export function maximum<D extends Decimal>(left: D, right: D): D {
  return left > right ? left : right;
}

export function tryAdd<D extends Decimal>(left: D, right: D): D | 'overflow' {
  const sum = (left as bigint) + right;
  return fits(sum) ? (sum as D) : 'overflow';
}

export function add<D extends Decimal>(left: D, right: D): D {
  return orThrow(tryAdd(left, right), 'sum');
}

export function subtract<D extends Decimal>(left: D, right: D): D {
  const difference = (left as bigint) - right;
  return orThrow(fits(difference) ? (difference as D) : 'overflow', 'difference');
}

/** Whether a sum of two decimals is one. */
export function sumFits(left: bigint, right: bigint): boolean {
  const sum = BigInt.asIntN(64, left + right);
  return left < 0n !== right < 0n || sum < 0n === left < 0n;
}

// What follows has two ways: one in machine words for nearly every amount, and one for any. V8 turns arithmetic
// inside `BigInt.asIntN(64, …)` into machine words; elsewhere each operation makes an object.

/** Up to 8,796 a share, and half a million shares: the products below stay under 2⁶³. */
const SMALL_FACTOR = 2n ** 43n;
const SMALL_WHOLE = 2n ** 19n;
const HALF = ONE / 2n;

type Rounding = 'half_even' | 'up';

/** `left × right ÷ 10⁹` in machine words; -1 where it needs more. */
function smallProduct(left: bigint, right: bigint, rounding: Rounding): bigint {
  if (left < 0n || right < 0n || left > SMALL_FACTOR) return -1n;
  const whole = BigInt.asIntN(64, BigInt.asIntN(64, right) / ONE);
  if (whole > SMALL_WHOLE) return -1n;
  const base = BigInt.asIntN(64, left * whole);
  const fraction = BigInt.asIntN(64, right - BigInt.asIntN(64, whole * ONE));
  if (fraction === 0n) return base;
  const leftWhole = BigInt.asIntN(64, BigInt.asIntN(64, left) / ONE);
  const leftFraction = BigInt.asIntN(64, left - BigInt.asIntN(64, leftWhole * ONE));
  const least = BigInt.asIntN(64, leftFraction * fraction);
  const carried = BigInt.asIntN(64, least / ONE);
  const rest = BigInt.asIntN(64, least - BigInt.asIntN(64, carried * ONE));
  const product = BigInt.asIntN(64, BigInt.asIntN(64, base + leftWhole * fraction) + carried);
  if (rest === 0n) return product;
  const up = rounding === 'up' || rest > HALF || (rest === HALF && BigInt.asIntN(64, product & 1n) === 1n);
  return up ? BigInt.asIntN(64, product + 1n) : product;
}

/** Price × quantity, rounded half to even once. */
export function tryMultiply(price: Price, quantity: Quantity): Money | 'overflow' {
  const small = smallProduct(price, quantity, 'half_even');
  return small < 0n ? fitted<Money>(roundHalfEven(price * quantity, ONE)) : (small as Money);
}

/** Price × quantity, rounded half to even once. */
export function multiply(price: Price, quantity: Quantity): Money {
  return orThrow(tryMultiply(price, quantity), 'product');
}

/** Price × quantity, rounded away from zero: what must be set aside to be sure. */
export function tryMultiplyUp(price: Price, quantity: Quantity): Money | 'overflow' {
  const small = smallProduct(price, quantity, 'up');
  if (small >= 0n) return small as Money;
  const product = price * quantity;
  const quotient = product / ONE;
  return fitted<Money>(product > quotient * ONE ? quotient + 1n : quotient);
}

/** A rate of an amount, rounded half to even once. */
export function tryApplyRate<D extends Price | Money>(amount: D, rate: Rate): D | 'overflow' {
  const small = smallProduct(amount, rate, 'half_even');
  return small < 0n ? fitted<D>(roundHalfEven(amount * rate, ONE)) : (small as D);
}

/** A rate of an amount, rounded half to even once. */
export function applyRate<D extends Price | Money>(amount: D, rate: Rate): D {
  return orThrow(tryApplyRate(amount, rate), 'product');
}

/** Money per share, rounded half to even: an average price. The quantity must not be zero. */
export function divide(money: Money, quantity: Quantity): Price {
  return orThrow(fitted<Price>(ratio(money, ONE, quantity)), 'quotient');
}

/** The same for a report that must not fail: a quotient that does not fit is the largest decimal. */
export function divideOrLargest(money: Money, quantity: Quantity): Price {
  const quotient = ratio(money, ONE, quantity);
  return (quotient > MAX_SCALED ? MAX_SCALED : quotient) as Price;
}

/** How many shares an amount buys at a price, rounded down. The price must not be zero. */
export function tryDivideDown(money: Money, price: Price): Quantity | 'overflow' {
  return fitted<Quantity>((money * ONE) / price);
}

/** `amount × part ÷ whole`, rounded half to even; with 0 ≤ part ≤ whole it always fits. */
export function proportion(amount: Money, part: Quantity, whole: Quantity): Money {
  return part === whole ? amount : (ratio(amount, part, whole) as Money);
}

/** A thousandth of a share: nearly every quantity is a number of these. */
const MILLI = ONE / 1_000n;

/** `amount × part ÷ whole`, rounded half to even. */
function ratio(amount: bigint, part: bigint, whole: bigint): bigint {
  if (amount >= 0n && part >= 0n && whole > 0n) {
    const parts = BigInt.asIntN(64, BigInt.asIntN(64, part) / MILLI);
    const wholes = BigInt.asIntN(64, BigInt.asIntN(64, whole) / MILLI);
    const inMillis = BigInt.asIntN(64, parts * MILLI) === part && BigInt.asIntN(64, wholes * MILLI) === whole;
    if (inMillis && productIsSmall(amount, parts)) {
      const product = BigInt.asIntN(64, amount * parts);
      const quotient = BigInt.asIntN(64, product / wholes);
      const doubled = BigInt.asIntN(
        64,
        2n * BigInt.asIntN(64, product - BigInt.asIntN(64, quotient * wholes)),
      );
      const up = doubled > wholes || (doubled === wholes && BigInt.asIntN(64, quotient & 1n) === 1n);
      return up ? BigInt.asIntN(64, quotient + 1n) : quotient;
    }
  }
  return roundHalfEven(amount * part, whole);
}

const TWO_TO_10 = 2n ** 10n;
const TWO_TO_16 = 2n ** 16n;
const TWO_TO_24 = 2n ** 24n;
const TWO_TO_38 = 2n ** 38n;
const TWO_TO_46 = 2n ** 46n;
const TWO_TO_52 = 2n ** 52n;

/** Whether a product of two that are not negative stays under 2⁶³. */
function productIsSmall(amount: bigint, parts: bigint): boolean {
  return (
    (amount < TWO_TO_52 && parts <= TWO_TO_10) ||
    (amount < TWO_TO_46 && parts < TWO_TO_16) ||
    (amount < TWO_TO_38 && parts < TWO_TO_24)
  );
}

/** An exact quotient rounded once, halves to the even neighbour. The divisor must not be zero. */
export function roundHalfEven(numerator: bigint, divisor: bigint): bigint {
  const quotient = numerator / divisor;
  const remainder = numerator - quotient * divisor;
  if (remainder === 0n) return quotient;
  const doubled = 2n * (remainder < 0n ? -remainder : remainder);
  const magnitude = divisor < 0n ? -divisor : divisor;
  if (doubled < magnitude || (doubled === magnitude && quotient % 2n === 0n)) return quotient;
  return numerator < 0n === divisor < 0n ? quotient + 1n : quotient - 1n;
}

function fitted<D extends Decimal>(value: bigint): D | 'overflow' {
  return fits(value) ? (value as D) : 'overflow';
}

function orThrow<D extends Decimal>(result: D | 'overflow', what: string): D {
  if (result === 'overflow') throw new DecimalOverflow(`the ${what} does not fit 64 bits at nine decimals`);
  return result;
}
