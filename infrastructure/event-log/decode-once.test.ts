/** The same bytes are decoded once, other bytes by themselves, whatever they look like. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { rememberLast } from './decode-once.ts';

function counting() {
  let calls = 0;
  const { read, remember } = rememberLast(7)<string>((bytes) => {
    calls += 1;
    return { kind: 'decoded', value: Buffer.from(bytes).toString('hex') };
  });
  return { read, remember, calls: () => calls };
}

test('bytes that come again are not decoded again', () => {
  const { read, calls } = counting();
  const bytes = Uint8Array.of(1, 2, 3);
  assert.equal(read(bytes), read(bytes));
  assert.equal(calls(), 1);
});

test('bytes that were encoded here are not decoded; equal ones of another origin are', () => {
  const { read, remember, calls } = counting();
  const bytes = Uint8Array.of(1, 2, 3);
  remember(bytes, '010203');
  assert.deepEqual(read(bytes), { kind: 'decoded', value: '010203' });
  assert.equal(calls(), 0);
  assert.deepEqual(read(Uint8Array.of(1, 2, 3)), { kind: 'decoded', value: '010203' });
  assert.equal(calls(), 1);
});

test('any sequence of bytes is answered as by the decoder itself', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 30 }),
      fc.array(fc.nat(29)),
      (all, order) => {
        const { read, remember } = counting();
        const shared = Buffer.concat(all);
        let end = 0;
        // Half of them as records are encoded: behind one another in one buffer.
        const placed = all.map((bytes, at) => {
          end += bytes.length;
          return at % 2 === 0 ? bytes : shared.subarray(end - bytes.length, end);
        });
        for (const bytes of placed.slice(0, 3)) remember(bytes, Buffer.from(bytes).toString('hex'));
        for (const at of order) {
          const bytes = placed[at];
          if (bytes === undefined) continue;
          assert.deepEqual(read(bytes), { kind: 'decoded', value: Buffer.from(bytes).toString('hex') });
        }
      },
    ),
  );
});

test('what one decoder remembers makes another forget what is older', () => {
  const decodeOnce = rememberLast(2);
  let calls = 0;
  const counted = () =>
    decodeOnce<number>(() => {
      calls += 1;
      return { kind: 'decoded', value: calls };
    });
  const [quiet, busy] = [counted(), counted()];
  const [old, ...others] = [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)];
  quiet.read(old);
  quiet.read(old);
  assert.equal(calls, 1);
  for (const bytes of others) busy.read(bytes);
  quiet.read(old);
  assert.equal(calls, 4, 'it was forgotten');
});
