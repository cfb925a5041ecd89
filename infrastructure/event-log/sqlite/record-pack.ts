/**
 * Records that were appended together, as one row of the file. A feed flat out writes thousands of records at a time that
 * are nearly alike: a row for each costs more than all else about it, and together they take a tenth of the bytes or less.
 *
 *   pack = zstd(for each record: length of key ‖ length of value ‖ content check; then all keys, then all values)
 *
 * Numbers have 32 bits, big-endian; a length is signed, -1 for null. zstd adds a checksum, so that a byte that rots on
 * the disk is an error to every reader.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { LogRecord } from '../event-log.ts';
import { contentCheck, writeKey } from '../seal.ts';

/**
 * Of one pack, as far as its last record may go past the bytes: whoever wants one of its records unpacks all. A compressor
 * of its own costs a pack as much as compressing 100 KiB of such records does.
 */
const PACK_RECORDS = 512;
const PACK_BYTES = 262_144;
/** Far above what the limits of records allow: a row that claims to hold more is damaged, or somebody's trap. */
const MOST_UNPACKED_BYTES = 64 * 1024 * 1024;
/** Fewer small ones are not worth it: a compressor of its own costs a pack what a few rows do. */
const LEAST_RECORDS = 8;
const LEAST_BYTES = 8_192;
/** On average: of such values each takes most of a page, and the one that is in every partition, a price batch, is packed once. */
const LARGE_VALUE_BYTES = 1_024;
const HEADER_BYTES = 12;
const BYTES_PER_UNIT = 3;
/**
 * Each pack has a compressor of its own. With window and table of the level's own sizes that takes memory new from the
 * system, which costs several times what packing does; records alike lie near enough for 16 KiB.
 */
const ZSTD = {
  params: {
    [constants.ZSTD_c_compressionLevel]: 1,
    [constants.ZSTD_c_windowLog]: 14,
    [constants.ZSTD_c_hashLog]: 12,
    [constants.ZSTD_c_checksumFlag]: 1,
  },
} as const;

type Contents = Pick<LogRecord, 'key' | 'value'>;

export interface Pack {
  readonly records: readonly Contents[];
  readonly bytes: Uint8Array;
  /** Of the first record. */
  readonly contentCheck: number;
}

export interface UnpackedRecord extends Contents {
  readonly contentCheck: number;
}

/** The records from `from` on that would make the next pack, and whether they are worth one. */
export function nextPack(
  records: readonly Contents[],
  from: number,
): { readonly end: number; readonly isWorthIt: boolean } {
  let bytes = 0;
  let end = from;
  while (end < records.length && end - from < PACK_RECORDS && bytes < PACK_BYTES) {
    bytes += records[end]?.value?.length ?? 0;
    end += 1;
  }
  const count = end - from;
  const many = count >= LEAST_RECORDS && bytes >= LEAST_BYTES;
  return { end, isWorthIt: many || bytes >= Math.max(1, count) * LARGE_VALUE_BYTES };
}

let scratch = Buffer.alloc(2 * PACK_BYTES);
/** By the first value: what goes to several partitions as the same bytes is packed once. */
const packs = new WeakMap<Uint8Array, Pack>();

export function pack(records: readonly Contents[]): Pack {
  const first = records[0]?.value ?? null;
  const known = first === null ? undefined : packs.get(first);
  if (known !== undefined && areSame(known.records, records)) return known;
  let needed = 0;
  for (const { key, value } of records)
    needed += HEADER_BYTES + (key?.length ?? 0) * BYTES_PER_UNIT + (value?.length ?? 0);
  if (scratch.length < needed) scratch = Buffer.alloc(needed * 2);
  let header = 0;
  let end = records.length * HEADER_BYTES;
  for (const { key, value } of records) {
    const keyLength = key === null ? -1 : writeKey(scratch, key, end);
    end += Math.max(keyLength, 0);
    header = scratch.writeInt32BE(keyLength, header);
    header = scratch.writeInt32BE(value === null ? -1 : value.length, header);
    header = scratch.writeUInt32BE(contentCheck(key, value), header);
  }
  for (const { value } of records) {
    if (value === null) continue;
    scratch.set(value, end);
    end += value.length;
  }
  const bytes = zstdCompressSync(scratch.subarray(0, end), ZSTD);
  const packed = { records, bytes, contentCheck: scratch.readUInt32BE(8) };
  if (first !== null) packs.set(first, packed);
  return packed;
}

function areSame(left: readonly Contents[], right: readonly Contents[]): boolean {
  return (
    left.length === right.length &&
    left.every(({ key, value }, at) => value === right[at]?.value && key === right[at]?.key)
  );
}

/** The values are pieces of one stretch of bytes: whoever keeps one piece keeps them all. Throws `LOG_DAMAGED`. */
export function unpack(bytes: Uint8Array, count: number): readonly UnpackedRecord[] {
  let body: Buffer;
  try {
    body = zstdDecompressSync(bytes, { maxOutputLength: MOST_UNPACKED_BYTES });
  } catch (cause) {
    throw damaged(count, cause);
  }
  const records: UnpackedRecord[] = [];
  let keyAt = count * HEADER_BYTES;
  if (body.length < keyAt) throw damaged(count);
  let valueAt = keyAt;
  for (let at = 0; at < count; at += 1) valueAt += Math.max(body.readInt32BE(at * HEADER_BYTES), 0);
  for (let at = 0; at < count; at += 1) {
    const header = at * HEADER_BYTES;
    const keyLength = body.readInt32BE(header);
    const valueLength = body.readInt32BE(header + 4);
    const keyEnd = keyAt + Math.max(keyLength, 0);
    const valueEnd = valueAt + Math.max(valueLength, 0);
    records.push({
      key: keyLength < 0 ? null : body.toString('utf8', keyAt, keyEnd),
      value: valueLength < 0 ? null : body.subarray(valueAt, valueEnd),
      contentCheck: body.readUInt32BE(header + 8),
    });
    keyAt = keyEnd;
    valueAt = valueEnd;
  }
  if (valueAt !== body.length) throw damaged(count);
  return records;
}

function damaged(count: number, cause?: unknown): OperatingError {
  const message = `A row of the event log that holds ${count} records cannot be unpacked. Restore a backup.`;
  return new OperatingError('LOG_DAMAGED', message, { retry: 'never', cause });
}
