import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  type ChainEntry,
  decodeChainEntry,
  encodeChainEntry,
  type Hash,
  merkleRoot,
  type SealedRecord,
  sealRoot,
} from './seal.ts';

const hashes = fc.array(
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  { minLength: 1, maxLength: 40 },
);

function digest(...parts: readonly Uint8Array[]): Buffer {
  const sha = createHash('sha256');
  for (const part of parts) sha.update(part);
  return sha.digest();
}

/** RFC 6962, section 2.1, word for word: the left side is the largest power of two below the count. */
function rfc6962(leaves: readonly Buffer[]): Buffer {
  const [first] = leaves;
  if (leaves.length === 1 && first !== undefined) return first;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return digest(Buffer.of(1), rfc6962(leaves.slice(0, split)), rfc6962(leaves.slice(split)));
}

describe('seals', () => {
  test('the root is that of RFC 6962 over the record hashes', () => {
    fc.assert(
      fc.property(hashes, (leaves) => {
        const expected = rfc6962(leaves.map((leaf) => Buffer.from(leaf, 'latin1'))).toString('latin1');
        assert.equal(merkleRoot(leaves), expected);
      }),
    );
  });

  /** Offset, time, lengths, key and value, as documented. */
  function written({ offset, appendedAtMs, key, value }: SealedRecord): Buffer {
    const header = Buffer.alloc(24);
    header.writeBigUInt64BE(BigInt(offset), 0);
    header.writeBigUInt64BE(BigInt(appendedAtMs), 8);
    header.writeInt32BE(key === null ? -1 : Buffer.byteLength(key), 16);
    header.writeInt32BE(value === null ? -1 : value.length, 20);
    return Buffer.concat([header, Buffer.from(key ?? ''), value ?? new Uint8Array()]);
  }

  /** The leaves by the rule's own words: 128 records, or those that first make 64 KiB of keys and values. */
  function leavesOf(records: readonly SealedRecord[]): readonly Buffer[] {
    const leaves: Buffer[] = [];
    for (let from = 0; from < records.length; ) {
      let to = from;
      let bytes = 0;
      while (to < records.length && to - from < 128 && bytes < 65_536) {
        const { key, value } = records[to] as SealedRecord;
        bytes += Buffer.byteLength(key ?? '') + (value?.length ?? 0);
        to += 1;
      }
      leaves.push(digest(Buffer.of(0), ...records.slice(from, to).map(written)));
      from = to;
    }
    return leaves;
  }

  test('the root of one record is the hash of its offset, time, key and value as documented', () => {
    const record = {
      offset: 5_000_000_000,
      appendedAtMs: 1_700_000_000_123,
      key: '€',
      value: Buffer.of(1, 2),
    };
    const header = Buffer.alloc(25);
    header.writeBigUInt64BE(5_000_000_000n, 1);
    header.writeBigUInt64BE(1_700_000_000_123n, 9);
    header.writeInt32BE(3, 17);
    header.writeInt32BE(2, 21);
    assert.equal(sealRoot([record]), digest(header, Buffer.from('€'), Buffer.of(1, 2)).toString('latin1'));
  });

  test('the leaves are those of the rule, whatever was hashed before and of whatever length', () => {
    const lengths = fc.array(fc.constantFrom(null, 0, 1, 300, 400, 65_500, 65_536, 300_000), {
      maxLength: 12,
    });
    const many = fc.integer({ min: 0, max: 300 }).map((count) => new Array<number>(count).fill(300));
    fc.assert(
      fc.property(lengths, many, lengths, fc.option(fc.string({ maxLength: 5 })), (some, more, rest, key) => {
        const records = [...some, ...more, ...rest].map((length, at) => ({
          offset: at * 2,
          appendedAtMs: 1_700_000_000_000 + at,
          key,
          value: length === null ? null : Buffer.alloc(length, at),
        }));
        if (records.length === 0) return;
        assert.equal(sealRoot(records), rfc6962(leavesOf(records)).toString('latin1'));
      }),
      { numRuns: 60 },
    );
  });

  test('nothing that is not the same records has the same root', () => {
    const seen = new Set<Hash>();
    const of = (offset: number, appendedAtMs: number, key: string | null, value: Uint8Array | null) => ({
      offset,
      appendedAtMs,
      key,
      value,
    });
    const variants: readonly (readonly SealedRecord[])[] = [
      [of(1, 1, null, null)],
      [of(2, 1, null, null)],
      [of(1, 2, null, null)],
      [of(1, 1, '', null)],
      [of(1, 1, null, new Uint8Array(0))],
      [of(1, 1, 'a', Uint8Array.of(98))],
      [of(1, 1, 'ab', new Uint8Array(0))],
      [of(1, 1, null, Buffer.from('ab'))],
      [of(1, 1, 'a', null), of(2, 1, 'b', null)],
      [of(2, 1, 'b', null), of(1, 1, 'a', null)],
      [of(1, 1, 'ab', null), of(2, 1, '', null)],
    ];
    for (const variant of variants) seen.add(sealRoot(variant));
    assert.equal(seen.size, variants.length);
  });

  test('entries of the chain survive their encoding, and garbage is never one', () => {
    const hash: Hash = Buffer.alloc(32, 7).toString('latin1');
    const entries: readonly ChainEntry[] = [
      { kind: 'seal', topic: 't', partition: 1, first: 3, last: 9, count: 7, root: hash, previous: hash },
      { kind: 'expiry', topic: 't', partition: 1, before: 3, previous: hash },
    ];
    for (const entry of entries) assert.deepEqual(decodeChainEntry(encodeChainEntry(entry)), entry);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          assert.equal(decodeChainEntry(bytes), null);
        },
      ),
    );
  });
});
