/**
 * Seals: what makes a changed, removed or reordered record show. Pure; shared by writers and verifiers.
 *
 *   record      = offset ‖ appendedAtMs ‖ length of key ‖ length of value ‖ key ‖ value
 *   leaf        = SHA-256(0x00 ‖ records that follow one another: 128 of them, or those that first make 64 KiB)
 *   root        = the Merkle tree of RFC 6962 over the leaves of one committed batch of one partition
 *   chain hash  = SHA-256(0x02 ‖ the bytes of the entry as written in log_seals)
 *
 * Offsets and times are unsigned 64-bit, lengths signed 32-bit (-1: null), all big-endian. A leaf's bytes are those of
 * keys and values. Each entry of a partition's chain names the chain hash of the entry before it, the first one 32
 * zero bytes.
 *
 * Hashes travel inside the program as "binary" strings of 32 characters, one a byte: of all forms that is by far
 * the cheapest to get out of `crypto.hash`. On wires they are base64url.
 */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { LogRecord } from './event-log.ts';

/** 32 bytes as 32 characters below 256. */
export type Hash = string;

/** What a seal covers of a record: its topic and partition are the entry's. */
export type SealedRecord = Omit<LogRecord, 'topic' | 'partition'>;

export const NO_HASH: Hash = '\0'.repeat(32);

const LEAF_RECORDS = 128;
const LEAF_BYTES = 65_536;
const HEADER_BYTES = 24;
const BYTES_PER_UNIT = 3;
const TWO_TO_32 = 0x1_0000_0000;
const LAST_ASCII = 127;

/** A leaf as it is put together. */
let scratch = Buffer.alloc(4 * LEAF_BYTES);
let scratchView = viewOf(scratch);

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}

/** `end` bytes are in use; returns how many are with the record behind them. */
function writeRecord(end: number, { offset, appendedAtMs, key, value }: SealedRecord): number {
  const valueLength = value === null ? 0 : value.length;
  const needed = end + HEADER_BYTES + (key === null ? 0 : key.length * BYTES_PER_UNIT) + valueLength;
  if (scratch.length < needed) {
    const wider = Buffer.alloc(needed * 2);
    wider.set(scratch.subarray(0, end));
    scratch = wider;
    scratchView = viewOf(wider);
  }
  const bytes = scratch;
  const view = scratchView;
  // Of a whole number, `setUint32` takes the lower 32 bits.
  view.setUint32(end, offset / TWO_TO_32);
  view.setUint32(end + 4, offset);
  view.setUint32(end + 8, appendedAtMs / TWO_TO_32);
  view.setUint32(end + 12, appendedAtMs);
  const keyAt = end + HEADER_BYTES;
  const keyLength = key === null ? -1 : writeKey(bytes, key, keyAt);
  view.setInt32(end + 16, keyLength);
  view.setInt32(end + 20, value === null ? -1 : valueLength);
  const valueAt = keyAt + Math.max(keyLength, 0);
  if (value !== null) bytes.set(value, valueAt);
  return valueAt + valueLength;
}

/** In UTF-8; there is room. Returns its bytes. Nearly all keys are short and ASCII: a call out of what V8 compiles would cost more. */
export function writeKey(bytes: Buffer, key: string, at: number): number {
  const { length } = key;
  for (let index = 0; index < length; index += 1) {
    const code = key.charCodeAt(index);
    if (code > LAST_ASCII) return bytes.write(key, at, 'utf8');
    bytes[at + index] = code;
  }
  return length;
}

/** The root over records of one partition, in their order; 32 zero bytes over none. */
export function sealRoot(records: Iterable<SealedRecord>): Hash {
  const leaves: Hash[] = [];
  let count = 0;
  let end = 1;
  scratch[0] = 0;
  for (const record of records) {
    end = writeRecord(end, record);
    count += 1;
    if (count < LEAF_RECORDS && end - 1 - count * HEADER_BYTES < LEAF_BYTES) continue;
    leaves.push(hash('sha256', scratch.subarray(0, end), 'latin1'));
    count = 0;
    end = 1;
  }
  if (count > 0) leaves.push(hash('sha256', scratch.subarray(0, end), 'latin1'));
  return leaves.length === 0 ? NO_HASH : merkleRoot(leaves);
}

/** 32 bits over a record's key and value, part of its check. */
export function contentCheck(key: string | null, value: Uint8Array | null): number {
  let seed = key === null ? 1 : 2;
  if (key !== null) {
    for (let at = 0; at < key.length; at += 1) seed = Math.imul(seed ^ key.charCodeAt(at), 0x0100_0193);
  }
  return value === null ? ~seed >>> 0 : crc32(value, seed >>> 0);
}

/**
 * 32 bits over a record, stored beside it: they secure nothing, they let `verify` name the record in a leaf that is not
 * the one sealed.
 */
export function recordCheck(offset: number, appendedAtMs: number, content: number): number {
  let check = content;
  for (const word of [offset % TWO_TO_32, Math.floor(appendedAtMs / TWO_TO_32), appendedAtMs % TWO_TO_32]) {
    check = Math.imul(check ^ word, 0x0100_0193);
    check ^= check >>> 15;
  }
  return check >>> 0;
}

const pair = Buffer.alloc(65);
pair[0] = 1;

function parent(left: Hash, right: Hash): Hash {
  for (let at = 0; at < 32; at += 1) {
    pair[1 + at] = left.charCodeAt(at);
    pair[33 + at] = right.charCodeAt(at);
  }
  return hash('sha256', pair, 'latin1');
}

/**
 * The root over at least one leaf. Joining neighbours level by level and carrying an odd last one up gives
 * the tree of RFC 6962, whose left side is the largest power of two.
 */
export function merkleRoot(leaves: readonly Hash[]): Hash {
  assert(leaves.length > 0, 'a seal covers at least one record');
  let level = leaves;
  while (level.length > 1) {
    const next: Hash[] = [];
    for (let at = 0; at < level.length; at += 2) {
      const left = level[at];
      const right = level[at + 1];
      assert(left !== undefined);
      next.push(right === undefined ? left : parent(left, right));
    }
    level = next;
  }
  const root = level[0];
  assert(root !== undefined);
  return root;
}

/** An entry of a partition's chain. */
export type ChainEntry =
  /** The records `first` to `last`, both inclusive, as one batch. */
  | {
      readonly kind: 'seal';
      readonly topic: string;
      readonly partition: number;
      readonly first: number;
      readonly last: number;
      readonly count: number;
      readonly root: Hash;
      readonly previous: Hash;
    }
  /** Retention removed every record below `before`: their absence is no gap. */
  | {
      readonly kind: 'expiry';
      readonly topic: string;
      readonly partition: number;
      readonly before: number;
      readonly previous: Hash;
    };

export function hashToText(value: Hash): string {
  return Buffer.from(value, 'latin1').toString('base64url');
}

export function hashFromText(text: string): Hash | null {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length === 32 && bytes.toString('base64url') === text ? bytes.toString('latin1') : null;
}

export function chainKey(topic: string, partition: number): string {
  return `${topic}:${partition}`;
}

/** The bytes of an entry as they stand in `log_seals`. */
export function encodeChainEntry(entry: ChainEntry): Uint8Array {
  const { topic, partition } = entry;
  const previous = hashToText(entry.previous);
  const body =
    entry.kind === 'seal'
      ? {
          topic,
          partition,
          range: [entry.first, entry.last],
          count: entry.count,
          root: hashToText(entry.root),
          previous,
        }
      : { topic, partition, expiredBefore: entry.before, previous };
  return Buffer.from(JSON.stringify(body), 'utf8');
}

function isOffset(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** The entry in `bytes`, or `null` when they are not one. */
export function decodeChainEntry(bytes: Uint8Array): ChainEntry | null {
  let body: unknown;
  try {
    body = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return null;
  }
  if (typeof body !== 'object' || body === null) return null;
  const fields: Record<string, unknown> = { ...body };
  const { topic, partition, range, count, root: rootText, previous: previousText, expiredBefore } = fields;
  if (typeof topic !== 'string' || !isOffset(partition) || typeof previousText !== 'string') return null;
  const previous = hashFromText(previousText);
  if (previous === null) return null;
  if (isOffset(expiredBefore)) return { kind: 'expiry', topic, partition, before: expiredBefore, previous };
  if (!Array.isArray(range) || typeof rootText !== 'string' || !isOffset(count)) return null;
  const [first, last]: unknown[] = range;
  const root = hashFromText(rootText);
  if (!isOffset(first) || !isOffset(last) || root === null || last < first) return null;
  return { kind: 'seal', topic, partition, first, last, count, root, previous };
}

/** What the next entry of the chain names as `previous`. */
export function chainHash(entryBytes: Uint8Array): Hash {
  const bytes = Buffer.allocUnsafe(entryBytes.length + 1);
  bytes[0] = 2;
  bytes.set(entryBytes, 1);
  return hash('sha256', bytes, 'latin1');
}
