/** That an `IdMap` is a map. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hashOfId, IdMap } from './id-map.ts';

const id = fc.oneof(
  fc.nat(60).map((number) => `b0000000-0000-4000-8000-${`${number}`.padStart(12, '0')}`),
  // Alike in all that is hashed.
  fc.nat(20).map((number) => `${number}-the same last sixteen`),
  fc.constantFrom('', 'a', 'ä', '💶'),
);
const step = fc.record({ id, kind: fc.constantFrom('set', 'set', 'delete'), value: fc.nat() });

test('whatever is put in and taken out, an id map holds what a map would', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400, size: 'max' }), (steps) => {
      const map = new IdMap<string, number>();
      const expected = new Map<string, number>();
      const places = new Map<string, number>();
      for (const { id: of, kind, value } of steps) {
        const place = places.get(of);
        if (kind === 'set') {
          if (place !== undefined) continue;
          places.set(of, map.add(of, value));
          expected.set(of, value);
        } else if (place !== undefined) {
          map.remove(place, hashOfId(of));
          places.delete(of);
          expected.delete(of);
        }
        assert.equal(map.size, expected.size);
        assert.equal(map.get(of), expected.get(of));
      }
      for (const [of, value] of expected) assert.equal(map.get(of), value);
      assert.deepEqual([...map.values()].sort(), [...expected.values()].sort());
    }),
    { numRuns: 200 },
  );
});
