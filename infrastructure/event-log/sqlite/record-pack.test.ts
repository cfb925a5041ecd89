/** Packs give back what was put in, and say so when they cannot. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { contentCheck } from '../seal.ts';
import { nextPack, pack, unpack } from './record-pack.ts';

const record = fc
  .tuple(
    fc.option(fc.string({ maxLength: 8, unit: 'grapheme' })),
    fc.option(fc.uint8Array({ maxLength: 300 })),
  )
  .map(([key, value]) => ({ key, value }));

describe('packs', () => {
  test('what is packed comes back, with a check of each record', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 512, size: 'max' }), (records) => {
        const packed = pack(records);
        const back = unpack(packed.bytes, records.length);
        const plain = back.map(({ key, value }) => ({
          key,
          value: value === null ? null : new Uint8Array(value),
        }));
        assert.deepEqual(plain, records);
        assert.deepEqual(
          back.map((each) => each.contentCheck),
          records.map(({ key, value }) => contentCheck(key, value)),
        );
        assert.equal(packed.contentCheck, back[0]?.contentCheck);
      }),
      { numRuns: 60 },
    );
  });

  test('the same values under other keys, or fewer of them, are another pack', () => {
    const values = Array.from({ length: 3 }, (_, at) => Buffer.alloc(50, at));
    const under = (key: string | null) => values.map((value) => ({ key, value }));
    const shared = pack(under(null));
    assert.equal(pack(under(null)), shared, 'packed once');
    assert.deepEqual(unpack(pack(under('k')).bytes, 3)[2]?.key, 'k');
    assert.equal(unpack(pack(under(null).slice(0, 2)).bytes, 2).length, 2);
  });

  test('a byte that rots is an error to the reader, or changes nothing', () => {
    const records = Array.from({ length: 40 }, (_, at) => ({
      key: `k${at}`,
      value: Buffer.alloc(200, `${at}`),
    }));
    const { bytes } = pack(records);
    const whole = unpack(bytes, records.length);
    for (let at = 0; at < bytes.length; at += 1) {
      const rotten = new Uint8Array(bytes);
      rotten[at] = (rotten[at] ?? 0) ^ 0x10;
      try {
        assert.deepEqual(unpack(rotten, records.length), whole);
      } catch (error) {
        assert.equal(error instanceof OperatingError && error.code, 'LOG_DAMAGED');
      }
    }
    assert.throws(() => unpack(bytes, records.length + 1), { code: 'LOG_DAMAGED' });
    assert.throws(() => unpack(bytes, records.length - 1), { code: 'LOG_DAMAGED' });
    assert.throws(() => unpack(new Uint8Array(), 1), { code: 'LOG_DAMAGED' });
  });

  test('a few bytes that would fill the memory are an error', () => {
    const bomb = zstdCompressSync(Buffer.alloc(65 * 1024 * 1024));
    assert.ok(bomb.length < 65_536);
    assert.throws(
      () => unpack(bomb, 1),
      ({ code, cause }) => code === 'LOG_DAMAGED' && cause.code === 'ERR_BUFFER_TOO_LARGE',
    );
  });

  test('few or small records are not worth a pack, and none grows past its limits', () => {
    const sized = (count: number, bytes: number) =>
      Array.from({ length: count }, () => ({ key: null, value: new Uint8Array(bytes) }));
    assert.deepEqual(nextPack(sized(7, 1_000), 0), { end: 7, isWorthIt: false });
    assert.deepEqual(nextPack(sized(100, 50), 0), { end: 100, isWorthIt: false });
    assert.deepEqual(nextPack(sized(1, 3_000), 0), { end: 1, isWorthIt: true });
    assert.deepEqual(nextPack(sized(900, 100), 100), { end: 612, isWorthIt: true });
    assert.deepEqual(nextPack(sized(300, 1_000), 0), { end: 263, isWorthIt: true });
  });
});
