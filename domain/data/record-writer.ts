/**
 * Writes a record's JSON straight into bytes, value by value: an execution writes some seven records an order, and as
 * one text each would first be put together and then be taken apart again.
 *
 * One record at a time: `beginRecord`, what is in it, `endRecord`. Records share slabs, since an allocation for each
 * costs more than writing it; so bytes that are kept for long should be copied.
 */
import { DECIMAL_PLACES, formatScaled } from './decimal.ts';
import { formatTimestamp } from './timestamp.ts';

const SLAB_BYTES = 65_536;
/** A UTF-16 unit takes so many bytes of UTF-8 at most. */
const BYTES_PER_UNIT = 3;
const LAST_ASCII = 127;
const QUOTE = 34;
const BACKSLASH = 92;
const FIRST_PRINTED = 32;
const DELETE = 127;
const ZERO = 48;
const MINUS = 45;
const POINT = 46;
const LONGEST_NUMBER = 24;
/** Longer texts are faster through the encoder, whose call costs as much as so many characters. */
const LONGEST_BY_HAND = 100;
const ONE_UNITS = 1e9;
const LARGEST_SMALL = 0x7fffffff;

let slab = new Uint8Array(SLAB_BYTES);
let start = 0;
let end = 0;
const encoder = new TextEncoder();

export function beginRecord(): void {
  start = end;
}

/** The record's bytes. */
export function endRecord(): Uint8Array {
  return slab.subarray(start, end);
}

/** Room for so many more bytes. What the record has so far moves to a new slab when there is none. */
function reserve(bytes: number): void {
  if (end + bytes <= slab.length) return;
  const written = end - start;
  const wider = new Uint8Array(Math.max(SLAB_BYTES, 2 * (written + bytes)));
  wider.set(slab.subarray(start, end));
  slab = wider;
  start = 0;
  end = written;
}

/** JSON as it is: names and marks, a word of ours, an id whose form was checked at the door. */
export function writeJson(json: string): void {
  const { length } = json;
  reserve(length * BYTES_PER_UNIT);
  const bytes = slab;
  if (length > LONGEST_BY_HAND) {
    end += encoder.encodeInto(json, bytes.subarray(end)).written;
    return;
  }
  let at = end;
  for (let index = 0; index < length; index += 1) {
    const code = json.charCodeAt(index);
    if (code > LAST_ASCII) {
      end += encoder.encodeInto(json, bytes.subarray(end)).written;
      return;
    }
    bytes[at++] = code;
  }
  end = at;
}

/** Any text, as a JSON string. */
export function writeText(text: string): void {
  const { length } = text;
  reserve(length * BYTES_PER_UNIT + 2);
  const bytes = slab;
  let at = end;
  bytes[at++] = QUOTE;
  for (let index = 0; index < length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < FIRST_PRINTED || code === QUOTE || code === BACKSLASH || code >= DELETE) {
      writeJson(JSON.stringify(text));
      return;
    }
    bytes[at++] = code;
  }
  bytes[at++] = QUOTE;
  end = at;
}

/** A count of 10⁻⁹ units of any size, as a decimal in a JSON string. */
export function writeDecimal(value: bigint): void {
  const units = Number(value);
  const magnitude = Math.abs(units);
  if (magnitude > Number.MAX_SAFE_INTEGER) {
    writeJson(`"${formatScaled(value)}"`);
    return;
  }
  reserve(LONGEST_NUMBER);
  const bytes = slab;
  bytes[end++] = QUOTE;
  if (units < 0) bytes[end++] = MINUS;
  const whole = Math.floor(magnitude / ONE_UNITS);
  writeSmall(whole);
  let fraction = (magnitude - whole * ONE_UNITS) | 0;
  if (fraction !== 0) {
    bytes[end++] = POINT;
    let places = DECIMAL_PLACES;
    for (; fraction % 1_000 === 0; places -= 3) fraction = (fraction / 1_000) | 0;
    for (; fraction % 10 === 0; places -= 1) fraction = (fraction / 10) | 0;
    writeDigits(fraction, places);
  }
  bytes[end++] = QUOTE;
}

/** A whole number. */
export function writeInteger(value: number): void {
  if (!(value >= 0 && value <= LARGEST_SMALL)) {
    writeJson(String(value));
    return;
  }
  reserve(LONGEST_NUMBER);
  writeSmall(value);
}

/** A market or wall clock time, as a JSON string. Throws a `RangeError` outside the years 1 to 9999. */
export function writeTimestamp(timeMs: number): void {
  writeJson(`"${formatTimestamp(timeMs)}"`);
}

/** Not negative and below 2³¹; there is room. */
function writeSmall(value: number): void {
  let width = 1;
  for (let bound = 10; bound <= value; bound *= 10) width += 1;
  writeDigits(value, width);
}

function writeDigits(value: number, width: number): void {
  const bytes = slab;
  let left = value | 0;
  for (let at = end + width - 1; at >= end; at -= 1) {
    const rest = (left / 10) | 0;
    bytes[at] = ZERO + left - rest * 10;
    left = rest;
  }
  end += width;
}
