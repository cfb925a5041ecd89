import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SequenceRing } from './sequence-ring.ts';

test('what a ring gives is the complete run after a sequence, or nothing; and all rings together keep to the budget', () => {
  const step = fc.record({ ring: fc.nat({ max: 2 }), jump: fc.constantFrom(1, 1, 1, 1, 1, 1, 1, 5) });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 80 }),
      fc.integer({ min: 1, max: 6 }),
      fc.nat({ max: 12 }),
      (steps, max, total) => {
        const budget = { remaining: total };
        const rings = [0, 1, 2].map(() => new SequenceRing<{ readonly sequence: number }>(max, budget));
        const pushed: number[][] = [[], [], []];
        for (const { ring, jump } of steps) {
          const all = pushed[ring] ?? [];
          const sequence = (all.at(-1) ?? 0) + jump;
          all.push(sequence);
          rings[ring]?.push({ sequence });
        }
        let kept = 0;
        for (const [index, ring] of rings.entries()) {
          const all = pushed[index] ?? [];
          const last = all.at(-1);
          let longest = 0;
          for (let after = -1; after <= (last ?? 0) + 2; after += 1) {
            const given = ring.since(after);
            if (given === null) continue;
            const wanted = Array.from({ length: (last ?? 0) - after }, (_, offset) => after + 1 + offset);
            assert.deepEqual(
              given.map(({ sequence }) => sequence),
              wanted,
            );
            assert.ok(wanted.every((sequence) => all.includes(sequence)));
            longest = Math.max(longest, given.length);
          }
          if (last !== undefined) assert.ok(longest >= 1, 'the latest is always kept');
          assert.ok(longest <= max);
          kept += longest;
        }
        assert.ok(kept <= total + rings.length);
      },
    ),
    { numRuns: 500 },
  );
});
