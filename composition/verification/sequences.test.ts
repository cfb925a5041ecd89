/** Gaps and repeats in an account's sequence are found, in whatever order the numbers come. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseAccountId } from '#domain/data/identifiers.ts';
import { SequenceCheck } from './sequences.ts';

const account = parseAccountId('00000000-0000-4000-8000-000000000001');
assert.ok(account !== null);

test('all numbers once, in any order, are no finding', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 400 }).chain((count) =>
        fc.shuffledSubarray(
          Array.from({ length: count }, (_, at) => at + 1),
          { minLength: count },
        ),
      ),
      (numbers) => {
        const check = new SequenceCheck();
        for (const number of numbers) assert.equal(check.note(account, number, 'x'), null);
        assert.deepEqual(check.gaps(10), []);
      },
    ),
  );
});

test('a missing number is named, and so is a repeated one', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 400 }), fc.nat(), (count, chosen) => {
      const missing = 1 + (chosen % (count - 1));
      const check = new SequenceCheck();
      for (let number = 1; number <= count; number += 1)
        if (number !== missing) check.note(account, number, 'x');
      assert.match(check.gaps(10)[0]?.message ?? '', new RegExp(`no sequence ${missing},`));
      assert.match(
        check.note(account, count, 'trade_executed/0@7')?.message ?? '',
        new RegExp(`sequence ${count} twice`),
      );
    }),
  );
});
