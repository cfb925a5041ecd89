/** The same bytes are decoded once, other bytes by themselves, whatever they look like. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeOnce } from './decode-once.ts';

function counting() {
  let calls = 0;
  const read = decodeOnce<string>((bytes) => {
    calls += 1;
    return { kind: 'decoded', value: Buffer.from(bytes).toString('hex') };
  }, 7);
  return { read, calls: () => calls };
}

test('bytes that come again are not decoded again', () => {
  const { read, calls } = counting();
  const bytes = Uint8Array.of(1, 2, 3);
  assert.equal(read(bytes), read(bytes));
  assert.equal(calls(), 1);
});

test('any sequence of bytes is answered as by the decoder itself', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 30 }),
      fc.array(fc.nat(29)),
      (all, order) => {
        const { read } = counting();
        for (const at of order) {
          const bytes = all[at];
          if (bytes === undefined) continue;
          assert.deepEqual(read(bytes), { kind: 'decoded', value: Buffer.from(bytes).toString('hex') });
        }
      },
    ),
  );
});
