/** That what lies under a hash is found there, however hashes collide and whatever was taken out before. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HashCells } from './hash-cells.ts';

// Hashes that want the same cells, at both ends of the table too.
const hash = fc.constantFrom(0, 1, 15, 16, 31, -1, -16, 0x7fffffff, 17);
const step = fc.record({ hash, kind: fc.constantFrom('add', 'add', 'remove', 'replace'), die: fc.nat() });

function placesUnder(cells: HashCells, of: number): number[] {
  const places: number[] = [];
  for (let place = cells.first(of); place >= 0; place = cells.next(of)) places.push(place);
  return places.sort((left, right) => left - right);
}

test('each hash has the places that were put there and not taken out', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const cells = new HashCells();
      const expected = new Map<number, number[]>();
      let next = 0;
      for (const { hash: of, kind, die } of steps) {
        const places = expected.get(of) ?? [];
        expected.set(of, places);
        const chosen = places.length === 0 ? -1 : die % places.length;
        if (kind === 'add') {
          cells.add(of, next);
          places.push(next);
          next += 1;
        } else if (chosen >= 0 && kind === 'remove') {
          cells.remove(of, places[chosen] as number);
          places.splice(chosen, 1);
        } else if (chosen >= 0) {
          cells.replace(of, places[chosen] as number, next);
          places[chosen] = next;
          next += 1;
        }
        for (const [each, all] of expected) {
          assert.deepEqual(
            placesUnder(cells, each),
            all.toSorted((left, right) => left - right),
          );
        }
      }
    }),
  );
});
