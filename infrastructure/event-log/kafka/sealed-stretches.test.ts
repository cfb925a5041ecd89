import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type SealedRecord, sealRoot } from '../seal.ts';
import { sealedStretches } from './sealed-stretches.ts';

const PLACE = { topic: 'orders', partition: 2 };

function recordAt(appendedAtMs: number, offset: number): SealedRecord {
  return { offset, appendedAtMs, key: null, value: Buffer.of(offset & 255) };
}

describe('what is sealed as one', () => {
  test('holds each record once, in order, and none appended more than a second from its first', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -400, max: 900 }), { maxLength: 60 }), (pauses) => {
        let nowMs = 1_700_000_000_000;
        const records = pauses.map((pause, at) => {
          nowMs += pause;
          // Offsets have holes.
          return recordAt(nowMs, at * 3 + (at % 2));
        });
        let from = 0;
        for (const stretch of sealedStretches(PLACE, records)) {
          const own = records.slice(from, from + stretch.count);
          const [first] = own;
          assert(first !== undefined);
          assert.deepEqual(stretch, {
            ...PLACE,
            last: own.at(-1)?.offset,
            count: own.length,
            root: sealRoot(own),
          });
          const isNear = ({ appendedAtMs }: SealedRecord) =>
            Math.abs(appendedAtMs - first.appendedAtMs) <= 1_000;
          assert(own.every(isNear));
          from += stretch.count;
          const next = records[from];
          assert(next === undefined || !isNear(next), 'it ends where it has to');
        }
        assert.equal(from, records.length);
      }),
    );
  });

  test('was appended within a second, to the millisecond', () => {
    const counts = (lastMs: number) =>
      sealedStretches(PLACE, [recordAt(0, 0), recordAt(lastMs, 1)]).map(({ count }) => count);
    assert.deepEqual([counts(1_000), counts(1_001)], [[2], [1, 1]]);
  });

  test('is at most ten thousand records', () => {
    const records = Array.from({ length: 20_001 }, (_, offset) => recordAt(0, offset));
    const counts = sealedStretches(PLACE, records).map(({ count }) => count);
    assert.deepEqual(counts, [10_000, 10_000, 1]);
  });
});
