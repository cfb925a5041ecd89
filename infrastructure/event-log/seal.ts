/**
 * Seals: what makes a changed, removed or reordered record show. Pure; shared by writers and verifiers.
 *
 *   record hash = SHA-256(0x00 ‖ offset ‖ appendedAtMs ‖ length of key ‖ length of value ‖ key ‖ value)
 *   root        = the Merkle tree of RFC 6962 over the record hashes of one committed batch of one partition
 *   chain hash  = SHA-256(0x02 ‖ the bytes of the entry as written in log_seals)
 *
 * Offsets and times are unsigned 64-bit, lengths signed 32-bit (-1: null), all big-endian. Each entry of a
 * partition's chain names the chain hash of the entry before it, the first one 32 zero bytes.
 *
 * Hashes travel inside the program as "binary" strings of 32 characters, one a byte: of all forms that is by far
 * the cheapest to get out of `crypto.hash`. On wires they are base64url.
 */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';

/** 32 bytes as 32 characters below 256. */
export type Hash = string;

export const NO_HASH: Hash = '\0'.repeat(32);

const HEADER_BYTES = 25;
const TWO_TO_32 = 0x1_0000_0000;
let scratch = Buffer.alloc(64 * 1024);
/** The part of it hashed last: records that follow one another are often of one length. */
let hashed = scratch.subarray(0, 0);

export function recordHash(
  offset: number,
  appendedAtMs: number,
  key: string | null,
  value: Uint8Array | null,
): Hash {
  const valueLength = value === null ? 0 : value.length;
  const needed = HEADER_BYTES + (key === null ? 0 : key.length * 3) + valueLength;
  if (scratch.length < needed) {
    scratch = Buffer.alloc(needed * 2);
    hashed = scratch.subarray(0, 0);
  }
  scratch[0] = 0;
  scratch.writeUInt32BE(Math.floor(offset / TWO_TO_32), 1);
  scratch.writeUInt32BE(offset % TWO_TO_32, 5);
  scratch.writeUInt32BE(Math.floor(appendedAtMs / TWO_TO_32), 9);
  scratch.writeUInt32BE(appendedAtMs % TWO_TO_32, 13);
  const keyLength = key === null ? -1 : scratch.write(key, HEADER_BYTES, 'utf8');
  scratch.writeInt32BE(keyLength, 17);
  scratch.writeInt32BE(value === null ? -1 : valueLength, 21);
  let end = HEADER_BYTES + Math.max(keyLength, 0);
  if (value !== null) {
    scratch.set(value, end);
    end += valueLength;
  }
  if (hashed.length !== end) hashed = scratch.subarray(0, end);
  return hash('sha256', hashed, 'latin1');
}

/** 48 bits of a record's hash, stored beside the record: they secure nothing, they let `verify` name the record. */
export function recordCheck(recordHashed: Hash): number {
  let check = 0;
  for (let at = 0; at < 6; at += 1) check = check * 256 + recordHashed.charCodeAt(at);
  return check;
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
 * The root over at least one record hash. Joining neighbours level by level and carrying an odd last one up gives
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
