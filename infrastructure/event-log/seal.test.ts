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
  recordHash,
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

  test('a record hash covers offset, time, key and value as documented', () => {
    const header = Buffer.alloc(25);
    header.writeBigUInt64BE(5_000_000_000n, 1);
    header.writeBigUInt64BE(1_700_000_000_123n, 9);
    header.writeInt32BE(3, 17);
    header.writeInt32BE(2, 21);
    const expected = digest(header, Buffer.from('k€'.slice(1)), Buffer.of(1, 2)).toString('latin1');
    assert.equal(recordHash(5_000_000_000, 1_700_000_000_123, '€', Uint8Array.of(1, 2)), expected);
  });

  test('a record hash is the same whatever was hashed before it, of whatever length', () => {
    const lengths = fc.array(fc.constantFrom(0, 1, 300, 65_500, 200_000), { maxLength: 8 });
    fc.assert(
      fc.property(lengths, (all) => {
        all.forEach((length, offset) => {
          const header = Buffer.alloc(25);
          header.writeBigUInt64BE(BigInt(offset), 1);
          header.writeInt32BE(4, 17);
          header.writeInt32BE(length, 21);
          const value = Buffer.alloc(length, offset);
          const expected = digest(header, Buffer.from('AAPL'), value).toString('latin1');
          assert.equal(recordHash(offset, 0, 'AAPL', value), expected);
        });
      }),
      { numRuns: 30 },
    );
  });

  test('nothing that is not the same record has the same hash', () => {
    const seen = new Set<Hash>();
    const variants: readonly (readonly [number, number, string | null, Uint8Array | null])[] = [
      [1, 1, null, null],
      [2, 1, null, null],
      [1, 2, null, null],
      [1, 1, '', null],
      [1, 1, null, new Uint8Array(0)],
      [1, 1, 'a', Uint8Array.of(98)],
      [1, 1, 'ab', new Uint8Array(0)],
      [1, 1, null, Buffer.from('ab')],
    ];
    for (const variant of variants) seen.add(recordHash(...variant));
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
