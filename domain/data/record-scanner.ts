/**
 * Reads a record's values where they lie in its bytes, as long as it is written exactly as record-writer.ts writes it:
 * a restore reads hundreds of thousands of records, and an object of texts for each costs more than all else about it.
 * Whatever is written in another way (other fields, spaces, escapes, longer numbers) is not refused here: `endScan` says
 * that it was not read, and the record's general reader says what it is.
 *
 * One record at a time: `beginScan`, what is in it, `endScan`. What a failed scan has given means nothing.
 */
import { DECIMAL_PLACES, MAX_SCALED, ONE } from './decimal.ts';
import { parseSymbol, type Symbol } from './identifiers.ts';
import type { Literal } from './record-writer.ts';

const QUOTE = 34;
const MINUS = 45;
const HYPHEN = 45;
const POINT = 46;
const ZERO = 48;
const NINE = 57;
const BACKSLASH = 92;
const FIRST_PRINTED = 32;
const LAST_PRINTED = 126;
/** Of a whole number: a double holds all of them exactly. */
const MOST_DIGITS = 15;
const WHOLE_DIGITS = 10;
/** With any decimals behind it, it is within the range of a decimal; and what a double holds exactly, in units. */
const MOST_WHOLE = Number(MAX_SCALED / ONE) - 1;
const MOST_SAFE_WHOLE = Math.floor(Number.MAX_SAFE_INTEGER / 1e9) - 1;
const PLACE_UNITS = [1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 1e2, 10, 1];
const DIGITS_PER_WORD = 8;
export const UUID_WORDS = 4;
/** Digits of a UUID's words: each word is two runs of four. */
const UUID_RUNS = [0, 4, 9, 14, 19, 24, 28, 32] as const;
const UUID_HYPHENS = [8, 13, 18, 23] as const;
const UUID_LENGTH = 36;

/** By byte: a hexadecimal digit in lower case; below zero what is none. */
const DIGIT = new Int8Array(256).fill(-128);
for (let digit = 0; digit < 16; digit += 1) DIGIT[digit.toString(16).charCodeAt(0)] = digit;

const decoder = new TextDecoder();
let bytes: Uint8Array = new Uint8Array();
let at = 0;
let asWritten = false;

export function beginScan(record: Uint8Array): void {
  bytes = record;
  at = 0;
  asWritten = true;
}

/** Whether all of the record was read, and nothing else was in it. */
export function endScan(): boolean {
  return asWritten && at === bytes.length;
}

/** Whether these come next; passes over them if so. */
export function tryLiteral({ bytes: expected }: Literal): boolean {
  const { length } = expected;
  const record = bytes;
  const from = at;
  for (let index = 0; index < length; index += 1) {
    if (record[from + index] !== expected[index]) return false;
  }
  at = from + length;
  return true;
}

/** Passes over bytes that have to be there. */
export function scanLiteral(expected: Literal): void {
  if (!tryLiteral(expected)) asWritten = false;
}

/** A whole number that is not negative. */
export function scanInteger(): number {
  const from = at;
  const value = scanDigits();
  requireNumber(from, MOST_DIGITS);
  return value;
}

/** A decimal in a JSON string, as a count of 10⁻⁹ units. */
export function scanDecimal(sign: 'signed' | 'unsigned'): bigint {
  scanMark(QUOTE);
  const isNegative = bytes[at] === MINUS;
  if (isNegative) at += 1;
  const from = at;
  const whole = scanDigits();
  requireNumber(from, WHOLE_DIGITS);
  if (whole > MOST_WHOLE) asWritten = false;
  let fraction = 0;
  if (bytes[at] === POINT) {
    at += 1;
    const fractionFrom = at;
    fraction = scanDigits();
    const places = at - fractionFrom;
    if (places === 0 || places > DECIMAL_PLACES) asWritten = false;
    fraction *= PLACE_UNITS[places] ?? 0;
  }
  scanMark(QUOTE);
  if (isNegative && (sign === 'unsigned' || (whole === 0 && fraction === 0))) asWritten = false;
  if (!asWritten) return 0n;
  const units =
    whole <= MOST_SAFE_WHOLE ? BigInt(whole * 1e9 + fraction) : BigInt(whole) * ONE + BigInt(fraction);
  return isNegative ? -units : units;
}

/** A UUID in lower case in a JSON string, as its words: of each the first digit is the highest. */
export function scanUuid(words: Int32Array): void {
  scanMark(QUOTE);
  const from = at;
  let wrong = 0;
  for (let word = 0; word < UUID_WORDS; word += 1) {
    const high = digitsAt(from + (UUID_RUNS[word * 2] as number));
    const low = digitsAt(from + (UUID_RUNS[word * 2 + 1] as number));
    wrong |= high | low;
    words[word] = (high << 16) | low;
  }
  for (const hyphen of UUID_HYPHENS) if (bytes[from + hyphen] !== HYPHEN) wrong = -1;
  if (wrong < 0) asWritten = false;
  at = from + UUID_LENGTH;
  scanMark(QUOTE);
}

/** So many words of eight hexadecimal digits each, in a JSON string. */
export function scanHexadecimal(words: Int32Array): void {
  scanMark(QUOTE);
  const { length } = words;
  let wrong = 0;
  for (let word = 0; word < length; word += 1) {
    const from = at + word * DIGITS_PER_WORD;
    const high = digitsAt(from);
    const low = digitsAt(from + 4);
    wrong |= high | low;
    words[word] = (high << 16) | low;
  }
  if (wrong < 0) asWritten = false;
  at += length * DIGITS_PER_WORD;
  scanMark(QUOTE);
}

/** Text of printed ASCII without escapes, of at most so many characters. */
export function scanText(maximum: number): string {
  const from = at + 1;
  const end = endOfText();
  if (end - from > maximum) asWritten = false;
  return from === end ? '' : decoder.decode(bytes.subarray(from, end));
}

/** Symbols are few, and each is asked for again and again: the last one of each place in this table is kept. */
const SYMBOLS_KEPT = 1_024;
const symbolBytes: (Uint8Array | undefined)[] = new Array(SYMBOLS_KEPT);
const symbols: Symbol[] = new Array(SYMBOLS_KEPT);

/** A symbol in a JSON string. */
export function scanSymbol(): Symbol {
  const from = at + 1;
  const end = endOfText();
  let hash = 0;
  for (let index = from; index < end; index += 1) hash = (hash * 31 + (bytes[index] as number)) | 0;
  const place = (hash >>> 0) % SYMBOLS_KEPT;
  const kept = symbolBytes[place];
  if (kept !== undefined && isAt(from, end, kept)) return symbols[place] as Symbol;
  const written = bytes.slice(from, end);
  const symbol = parseSymbol(decoder.decode(written));
  if (symbol === null) {
    asWritten = false;
    return '' as Symbol;
  }
  symbolBytes[place] = written;
  symbols[place] = symbol;
  return symbol;
}

function isAt(from: number, end: number, expected: Uint8Array): boolean {
  const { length } = expected;
  if (end - from !== length) return false;
  for (let index = 0; index < length; index += 1) {
    if (bytes[from + index] !== expected[index]) return false;
  }
  return true;
}

/** Passes over a JSON string; where its closing quote is. */
function endOfText(): number {
  scanMark(QUOTE);
  const record = bytes;
  let end = at;
  for (; end < record.length; end += 1) {
    const byte = record[end] as number;
    if (byte === QUOTE || byte === BACKSLASH || byte < FIRST_PRINTED || byte > LAST_PRINTED) break;
  }
  at = end;
  scanMark(QUOTE);
  return end;
}

function scanMark(mark: number): void {
  if (bytes[at] === mark) at += 1;
  else asWritten = false;
}

/** Four hexadecimal digits; below zero where one is none. */
function digitsAt(from: number): number {
  const record = bytes;
  if (from + 3 >= record.length) return -1;
  return (
    ((DIGIT[record[from] as number] as number) << 12) |
    ((DIGIT[record[from + 1] as number] as number) << 8) |
    ((DIGIT[record[from + 2] as number] as number) << 4) |
    (DIGIT[record[from + 3] as number] as number)
  );
}

/** That what was read since `from` is a number as JSON has it. */
function requireNumber(from: number, mostDigits: number): void {
  const digits = at - from;
  if (digits === 0 || digits > mostDigits || (digits > 1 && bytes[from] === ZERO)) asWritten = false;
}

/** What is longer than a double holds exactly is for the caller to find. */
function scanDigits(): number {
  const record = bytes;
  let value = 0;
  let index = at;
  for (; index < record.length; index += 1) {
    const byte = record[index] as number;
    if (byte < ZERO || byte > NINE) break;
    value = value * 10 + byte - ZERO;
  }
  at = index;
  return value;
}
