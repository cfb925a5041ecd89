/** That a packed text comes out as it went in, and that nothing else is packed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { packDigest, packUuid, unpackDigest, unpackUuid } from './packed-text.ts';

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
const words = new Int32Array(10);

test('a UUID and a digest come out as they went in', () => {
  fc.assert(
    fc.property(fc.uuid(), hex(64), (uuid, digest) => {
      assert.equal(packUuid(uuid, words, 2), true);
      assert.equal(unpackUuid(words, 2), uuid);
      assert.equal(packDigest(digest, words, 1), true);
      assert.equal(unpackDigest(words, 1), digest);
    }),
  );
});

test('one other character, or one more or less, and it is not packed', () => {
  const other = fc.constantFrom('A', 'F', 'g', '`', '/', ':', '-', ' ', 'ı', '٣', 'ÿ', 'İ', '０');
  fc.assert(
    fc.property(fc.uuid(), hex(64), fc.nat(), other, (uuid, digest, nat, wrong) => {
      const inUuid = nat % uuid.length;
      const inDigest = nat % digest.length;
      const spoilt = uuid.slice(0, inUuid) + wrong + uuid.slice(inUuid + 1);
      if (spoilt !== uuid) assert.equal(packUuid(spoilt, words, 0), false, spoilt);
      assert.equal(packDigest(digest, words, 0), true, 'what was wrong in a UUID before is forgotten');
      assert.equal(
        packDigest(digest.slice(0, inDigest) + wrong + digest.slice(inDigest + 1), words, 0),
        false,
      );
      for (const text of [uuid.slice(1), `${uuid}0`, digest, ''])
        assert.equal(packUuid(text, words, 0), false);
      for (const text of [digest.slice(1), `${digest}0`, uuid, ''])
        assert.equal(packDigest(text, words, 0), false);
      assert.equal(packUuid(uuid, words, 0), true, 'what was wrong before is forgotten');
    }),
  );
});

test('of all characters the sixteen digits alone are packed, wherever they stand', () => {
  const digits = new Set('0123456789abcdef');
  for (let code = 0; code <= 0xffff; code += 1) {
    const character = String.fromCharCode(code);
    const at = code % 64;
    const text = 'f'.repeat(at) + character + '0'.repeat(63 - at);
    assert.equal(packDigest(text, words, 0), digits.has(character), `${code} at ${at}`);
  }
  for (let at = 0; at < 64; at += 1) {
    for (let code = 0; code < 256; code += 1) {
      const character = String.fromCharCode(code);
      const text = '9'.repeat(at) + character + 'a'.repeat(63 - at);
      assert.equal(packDigest(text, words, 0), digits.has(character), `${code} at ${at}`);
    }
  }
});
