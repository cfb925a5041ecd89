/** That an `IdMap` is a map. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { IdMap } from './id-map.ts';

const id = fc.oneof(
  fc.nat(60).map((number) => `b0000000-0000-4000-8000-${`${number}`.padStart(12, '0')}`),
  // Alike in all that is hashed.
  fc.nat(20).map((number) => `${number}-the same last eight`),
  fc.constantFrom('', 'a', 'ä', '💶'),
);

test('whatever is put in, an id map holds what a map would', () => {
  fc.assert(
    fc.property(fc.array(id, { maxLength: 400, size: 'max' }), (ids) => {
      const map = new IdMap<string, number>();
      const expected = new Map<string, number>();
      for (const [value, of] of ids.entries()) {
        assert.equal(map.get(of), expected.get(of));
        if (expected.has(of)) continue;
        map.add(of, value);
        expected.set(of, value);
        assert.equal(map.size, expected.size);
      }
      for (const [of, value] of expected) assert.equal(map.get(of), value);
      assert.deepEqual(map.values(), [...expected.values()]);
      assert.equal(map.at(expected.size), undefined);
    }),
    { numRuns: 200 },
  );
});
