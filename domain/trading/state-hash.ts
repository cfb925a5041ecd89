/**
 * The incremental hash of a partition's state: 128 bits in four lanes of 32.
 *
 * Each entity is hashed by itself, straight from its numbers (MurmurHash3 x86 128, Austin Appleby 2011, public
 * domain), and the lanes of all entities are added up modulo 2³². A changed entity takes its old lanes out and puts
 * its new ones in, so that the sum depends on what the state is and never on how or in which batches it came to be.
 *
 * It finds bugs, torn restores and diverging replays. It is no cryptographic hash: the log's seals resist an
 * adversary, this does not.
 */
import { invariant } from './invariant.ts';

/** Signed 32-bit words. */
export interface Lanes {
  lane0: number;
  lane1: number;
  lane2: number;
  lane3: number;
}

export function emptyLanes(): Lanes {
  return { lane0: 0, lane1: 0, lane2: 0, lane3: 0 };
}

export function addLanes(sum: Lanes, part: Lanes): void {
  sum.lane0 = (sum.lane0 + part.lane0) | 0;
  sum.lane1 = (sum.lane1 + part.lane1) | 0;
  sum.lane2 = (sum.lane2 + part.lane2) | 0;
  sum.lane3 = (sum.lane3 + part.lane3) | 0;
}

export function subtractLanes(sum: Lanes, part: Lanes): void {
  sum.lane0 = (sum.lane0 - part.lane0) | 0;
  sum.lane1 = (sum.lane1 - part.lane1) | 0;
  sum.lane2 = (sum.lane2 - part.lane2) | 0;
  sum.lane3 = (sum.lane3 - part.lane3) | 0;
}

/** Adds what each lane has changed by. */
export function shiftLanes(sum: Lanes, by0: number, by1: number, by2: number, by3: number): void {
  sum.lane0 = (sum.lane0 + by0) | 0;
  sum.lane1 = (sum.lane1 + by1) | 0;
  sum.lane2 = (sum.lane2 + by2) | 0;
  sum.lane3 = (sum.lane3 + by3) | 0;
}

/** The same where the sum lies in words. */
export function shiftWords(
  words: Int32Array,
  at: number,
  by0: number,
  by1: number,
  by2: number,
  by3: number,
): void {
  words[at] = (words[at] as number) + by0;
  words[at + 1] = (words[at + 1] as number) + by1;
  words[at + 2] = (words[at + 2] as number) + by2;
  words[at + 3] = (words[at + 3] as number) + by3;
}

export function writeLanes(lanes: Lanes, words: Int32Array, at: number): void {
  words[at] = lanes.lane0;
  words[at + 1] = lanes.lane1;
  words[at + 2] = lanes.lane2;
  words[at + 3] = lanes.lane3;
}

export function readLanes(words: Int32Array, at: number, lanes: Lanes): void {
  lanes.lane0 = words[at] as number;
  lanes.lane1 = words[at + 1] as number;
  lanes.lane2 = words[at + 2] as number;
  lanes.lane3 = words[at + 3] as number;
}

/** 32 hexadecimal digits, each lane's highest first. */
export function formatLanes(lanes: Lanes): string {
  formatted.setInt32(0, lanes.lane0);
  formatted.setInt32(4, lanes.lane1);
  formatted.setInt32(8, lanes.lane2);
  formatted.setInt32(12, lanes.lane3);
  return formattedBytes.toHex();
}

const formattedBytes = new Uint8Array(16);
const formatted = new DataView(formattedBytes.buffer);

/** Room for any entity with texts as long as the wires let them be; a longer text is folded on the way. */
const CELLS = 1_024;
const FOLD_AT = CELLS - 8;

// One buffer of 64-bit cells under three views: a decimal or a number is one store, without taking it apart.
const buffer = new ArrayBuffer(CELLS * 8);
const scaledCells = new BigInt64Array(buffer);
const numberCells = new Float64Array(buffer);
const words = new Int32Array(buffer);
let cell = 0;
let h0 = 0;
let h1 = 0;
let h2 = 0;
let h3 = 0;

numberCells[0] = 1;
invariant(words[0] === 0, 'the state hash is defined for machines that store the low word first');

/** Starts an entity. `tag` tells kinds of entities apart. */
export function beginHash(tag: number): void {
  h0 = tag;
  h1 = tag;
  h2 = tag;
  h3 = tag;
  cell = 0;
}

export function hashScaled(value: bigint): void {
  scaledCells[cell++] = value;
}

export function hashOptionalScaled(value: bigint | null): void {
  numberCells[cell++] = value === null ? 0 : 1;
  scaledCells[cell++] = value ?? 0n;
}

export function hashNumber(value: number): void {
  numberCells[cell++] = value;
}

export function hashText(text: string): void {
  const length = text.length;
  numberCells[cell++] = length;
  let word = cell * 2;
  let at = 0;
  for (; at + 1 < length; at += 2) {
    words[word++] = text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16);
    if (word === FOLD_AT * 2) {
      fold(words, 0, word);
      word = 0;
    }
  }
  if (at < length) words[word++] = text.charCodeAt(at);
  if ((word & 1) === 1) words[word++] = 0;
  cell = word >> 1;
  if (cell > FOLD_AT - 64) flush();
}

/** Another hash, such as a text's own that has been made once. */
export function hashLanes(lanes: Lanes): void {
  const word = cell * 2;
  words[word] = lanes.lane0;
  words[word + 1] = lanes.lane1;
  words[word + 2] = lanes.lane2;
  words[word + 3] = lanes.lane3;
  cell += 2;
}

export function hashOptionalText(text: string | null): void {
  hashNumber(text === null ? 0 : 1);
  hashText(text ?? '');
}

/** Ends an entity: writes its lanes to `target`. */
export function finishHash(target: Lanes): void {
  flush();
  finish(target);
}

/** The hash of `count` words (a multiple of four) from `at` on, read where they are. */
export function hashWords(words: Int32Array, at: number, count: number, seed: number, target: Lanes): void {
  h0 = h1 = h2 = h3 = seed;
  fold(words, at, at + count);
  finish(target);
}

function finish(target: Lanes): void {
  h0 = (h0 + h1 + h2 + h3) | 0;
  h1 = (h1 + h0) | 0;
  h2 = (h2 + h0) | 0;
  h3 = (h3 + h0) | 0;
  h0 = avalanche(h0);
  h1 = avalanche(h1);
  h2 = avalanche(h2);
  h3 = avalanche(h3);
  h0 = (h0 + h1 + h2 + h3) | 0;
  target.lane0 = h0;
  target.lane1 = (h1 + h0) | 0;
  target.lane2 = (h2 + h0) | 0;
  target.lane3 = (h3 + h0) | 0;
}

/** Folds what the buffer holds, padded to whole blocks of four words. */
function flush(): void {
  if ((cell & 1) === 1) scaledCells[cell++] = 0n;
  fold(words, 0, cell * 2);
  cell = 0;
}

function fold(words: Int32Array, from: number, to: number): void {
  let a = h0;
  let b = h1;
  let c = h2;
  let d = h3;
  for (let at = from; at < to; at += 4) {
    a ^= Math.imul(rotate(Math.imul(words[at] as number, 0x239b961b), 15), 0xab0e9789);
    a = (Math.imul((rotate(a, 19) + b) | 0, 5) + 0x561ccd1b) | 0;
    b ^= Math.imul(rotate(Math.imul(words[at + 1] as number, 0xab0e9789), 16), 0x38b34ae5);
    b = (Math.imul((rotate(b, 17) + c) | 0, 5) + 0x0bcaa747) | 0;
    c ^= Math.imul(rotate(Math.imul(words[at + 2] as number, 0x38b34ae5), 17), 0xa1e38b93);
    c = (Math.imul((rotate(c, 15) + d) | 0, 5) + 0x96cd1c35) | 0;
    d ^= Math.imul(rotate(Math.imul(words[at + 3] as number, 0xa1e38b93), 18), 0x239b961b);
    d = (Math.imul((rotate(d, 13) + a) | 0, 5) + 0x32ac3b17) | 0;
  }
  h0 = a;
  h1 = b;
  h2 = c;
  h3 = d;
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function avalanche(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/** A text's own hash. */
export function textLanes(text: string): Lanes {
  const lanes = emptyLanes();
  beginHash(0);
  hashText(text);
  finishHash(lanes);
  return lanes;
}
