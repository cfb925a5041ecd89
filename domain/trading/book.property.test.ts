/** That balances are exact, also past 64 bits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AssetBook, BOOK_CELLS } from './book.ts';
import { Rows } from './rows.ts';

const MOST = 2n ** 63n - 1n;
const amount = fc.oneof(
  fc.constantFrom(MOST, -MOST, -MOST - 1n, 1n, -1n, 0n, 2n ** 62n, -(2n ** 62n)),
  fc.bigInt(-MOST, MOST),
);

test('whatever is booked, the balances are those of plain integers', () => {
  fc.assert(
    fc.property(fc.array(amount, { maxLength: 60 }), (amounts) => {
      const rows = new Rows(BOOK_CELLS);
      const book = new AssetBook('USD', rows);
      let sum = 0n;
      for (const booked of amounts) {
        sum += booked;
        book.addVenue(booked);
        assert.equal(book.venue, sum);
        assert.equal(book.isBalanced(), BigInt.asIntN(64, sum) === 0n);
        const other = new AssetBook('USD', rows);
        other.set(book);
        assert.equal(other.venue, sum);
        const cells = (of: AssetBook) => rows.cells.slice(of.place, of.place + BOOK_CELLS);
        assert.deepEqual(cells(other), cells(book), 'the same balance lies in the same cells');
      }
    }),
  );
});
