/**
 * Writes a record's JSON straight into bytes, value by value: an execution writes some seven records an order, and as
 * one text each would first be put together and then be taken apart again.
 *
 * One record at a time: `beginRecord`, what is in it, `endRecord`. Records share slabs, since an allocation for each
 * costs more than writing it; so bytes that are kept for long should be copied.
 */
import { DECIMAL_PLACES, formatScaled } from './decimal.ts';
import { formatTimestamp, isTimestampMs } from './timestamp.ts';

/** As long as what the C library gives back to the system at once (decision 15): shorter ones leave holes. */
const SLAB_BYTES = 131_072;
/** A UTF-16 unit takes so many bytes of UTF-8 at most. */
const BYTES_PER_UNIT = 3;
/** Longer words cost less by way of the encoder, which is called from outside of what V8 compiles. */
const LONGEST_BY_HAND = 10;
const BYTES_PER_WORD = 4;
const WORDS_KEPT = 100;
const QUOTE = 34;
const BACKSLASH = 92;
const FIRST_PRINTED = 32;
const ZERO = 48;
const MINUS = 45;
const POINT = 46;
const COLON = 58;
const ZONE = 90;
const DAY_MS = 86_400_000;
/** `YYYY-MM-DDT` */
const DAY_LENGTH = 11;
/** Marks of JSON. */
export const MARK = { openList: 91, closeList: 93, closeObject: 125, comma: 44 } as const;
const LONGEST_NUMBER = 24;
const TIMESTAMP_LENGTH = 26;
const ONE_UNITS = 1e9;
const TWO_TO_32 = 0x1_0000_0000;
/** What lies within these many bits, sign included, a double holds exactly. */
const SAFE_BITS = 54;
const LARGEST_SMALL = 0x7fffffff;

/** A stretch of JSON that is made once: its bytes, and the same as words, zeros behind the last byte. */
export interface Literal {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
}

let slab = new Uint8Array(SLAB_BYTES);
/** The slab's, to write four bytes at a time wherever they begin. */
let view = new DataView(slab.buffer);
let start = 0;
let end = 0;
const encoder = new TextEncoder();

export function beginRecord(): void {
  // What a long record has grown is left to it.
  if (slab.length > SLAB_BYTES) takeSlab(SLAB_BYTES);
  start = end;
}

function takeSlab(bytes: number): void {
  slab = new Uint8Array(bytes);
  view = new DataView(slab.buffer);
  end = 0;
}

/** The record's bytes. */
export function endRecord(): Uint8Array {
  return slab.subarray(start, end);
}

/** Room for so many more bytes. What the record has so far moves to a new slab when there is none. */
function reserve(bytes: number): void {
  if (end + bytes <= slab.length) return;
  const written = slab.subarray(start, end);
  takeSlab(Math.max(SLAB_BYTES, 2 * (written.length + bytes)));
  slab.set(written);
  start = 0;
  end = written.length;
}

/** What comes before a value, made once for each name: `,"name":`, or `{"name":` for an object's first. */
export function fieldName(name: string, mark: ',' | '{' = ','): Literal {
  return literal(`${mark}${JSON.stringify(name)}:`);
}

/** Any stretch of JSON that is made once. */
export function literal(json: string): Literal {
  const bytes = encoder.encode(json);
  const words = new Int32Array(Math.ceil(bytes.length / BYTES_PER_WORD));
  const padded = new Uint8Array(words.length * BYTES_PER_WORD);
  padded.set(bytes);
  const source = new DataView(padded.buffer);
  for (let at = 0; at < words.length; at += 1) words[at] = source.getInt32(at * BYTES_PER_WORD, true);
  return { bytes, words };
}

/** Of our own few words, such as the names of event types: what is made of each is kept. */
export function madeOnce(make: (word: string) => Literal): (word: string) => Literal {
  const made = new Map<string, Literal>();
  return (word) => {
    let bytes = made.get(word);
    if (bytes === undefined) {
      bytes = make(word);
      if (made.size < WORDS_KEPT) made.set(word, bytes);
    }
    return bytes;
  };
}

/** What was made once. */
export function writeLiteral({ bytes, words }: Literal): void {
  reserve(words.length * BYTES_PER_WORD);
  copyWords(words);
  end += bytes.length;
}

/** There is room for all of them; whatever is written next begins where their text ends. */
function copyWords(words: Int32Array): void {
  const target = view;
  const { length } = words;
  for (let at = end, index = 0; index < length; index += 1, at += BYTES_PER_WORD) {
    target.setInt32(at, words[index] as number, true);
  }
}

/** A word of ours, or an id whose form was checked at the door, as a JSON string: ASCII with nothing to escape. */
export function writeWord(word: string): void {
  const { length } = word;
  reserve(length * BYTES_PER_UNIT + 2);
  const bytes = slab;
  let at = end;
  bytes[at++] = QUOTE;
  if (length > LONGEST_BY_HAND) {
    at += encoder.encodeInto(word, bytes.subarray(at)).written;
  } else {
    for (let index = 0; index < length; index += 1) bytes[at++] = word.charCodeAt(index);
  }
  bytes[at++] = QUOTE;
  end = at;
}

/** What is JSON already. */
export function writeJson(json: string): void {
  reserve(json.length * BYTES_PER_UNIT);
  end += encoder.encodeInto(json, slab.subarray(end)).written;
}

/** One mark of JSON. */
export function writeMark(mark: number): void {
  reserve(1);
  slab[end++] = mark;
}

/** Any text, as a JSON string. */
export function writeText(text: string): void {
  const { length } = text;
  reserve(length * BYTES_PER_UNIT + 2);
  const bytes = slab;
  const first = end + 1;
  const last = first + length;
  let plain = true;
  for (let at = 0; plain && at < length; at += 1) {
    const code = text.charCodeAt(at);
    plain = code >= FIRST_PRINTED && code !== QUOTE && code !== BACKSLASH && code < 127;
    bytes[first + at] = code;
  }
  if (!plain) {
    writeJson(JSON.stringify(text));
    return;
  }
  bytes[end] = QUOTE;
  bytes[last] = QUOTE;
  end = last + 1;
}

/** A count of 10⁻⁹ units of any size, as a decimal in a JSON string. */
export function writeDecimal(value: bigint): void {
  // `Number(value)` would take three times as long, and make an object of it.
  if (BigInt.asIntN(SAFE_BITS, value) !== value) {
    writeJson(`"${formatScaled(value)}"`);
    return;
  }
  scaled.setBigInt64(0, value, true);
  const units = scaled.getInt32(BYTES_PER_WORD, true) * TWO_TO_32 + scaled.getUint32(0, true);
  reserve(LONGEST_NUMBER);
  const bytes = slab;
  bytes[end++] = QUOTE;
  if (units < 0) bytes[end++] = MINUS;
  const magnitude = Math.abs(units);
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

const scaled = new DataView(new ArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT));

/** The same after its name. */
export function writeDecimalField(name: Literal, value: bigint): void {
  writeLiteral(name);
  writeDecimal(value);
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
  reserve(writtenTime.length * BYTES_PER_WORD);
  if (timeMs === writtenTimeMs) {
    copyWords(writtenTime);
    end += TIMESTAMP_LENGTH;
    return;
  }
  if (!isTimestampMs(timeMs)) throw new RangeError(`not a timestamp in milliseconds: ${timeMs}`);
  const dayMs = Math.floor(timeMs / DAY_MS) * DAY_MS;
  if (dayMs !== writtenDayMs) {
    writtenDay = literal(`"${formatTimestamp(dayMs).slice(0, DAY_LENGTH)}`);
    writtenDayMs = dayMs;
  }
  const from = end;
  writeLiteral(writtenDay);
  const seconds = Math.floor((timeMs - dayMs) / 1_000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  writeDigits(hours, 2);
  slab[end++] = COLON;
  writeDigits(minutes - hours * 60, 2);
  slab[end++] = COLON;
  writeDigits(seconds - minutes * 60, 2);
  slab[end++] = POINT;
  writeDigits(timeMs - dayMs - seconds * 1_000, 3);
  slab[end++] = ZONE;
  slab[end++] = QUOTE;
  for (let at = 0; at < writtenTime.length; at += 1) {
    writtenTime[at] = view.getInt32(from + at * BYTES_PER_WORD, true);
  }
  writtenTimeMs = timeMs;
}

// Records come in time order and say their time twice, so nearly every one finds its day here, and many their time.
let writtenDay = literal('');
let writtenDayMs = Number.NaN;
const writtenTime = new Int32Array(Math.ceil(TIMESTAMP_LENGTH / BYTES_PER_WORD));
let writtenTimeMs = Number.NaN;

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
