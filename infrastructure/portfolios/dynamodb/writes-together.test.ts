import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Money, Quantity } from '#domain/data/decimal.ts';
import type { Symbol } from '#domain/data/identifiers.ts';
import { portfolio } from '../portfolios.contract.ts';
import { transactionsOf, type Write } from './writes-together.ts';

const NOTHING = { quantity: 0n as Quantity, costBasis: 0n as Money, realisedProfit: 0n as Money };

function writeOf(symbols: number, account: number): Write {
  const holdings = new Map(Array.from({ length: symbols }, (_, at) => [`S${at}` as Symbol, NOTHING]));
  return { portfolio: portfolio(account, 1, { holdings }), put: { TableName: 't', Item: {} } };
}

test('transactions hold 10 to 100 accounts and 2,000 symbols at most, in order; few or large accounts are in none', () => {
  const sizes = fc.oneof({ weight: 9, arbitrary: fc.nat(40) }, { weight: 1, arbitrary: fc.nat(2_000) });
  fc.assert(
    fc.property(fc.array(sizes, { maxLength: 400 }), (symbols) => {
      const writes = symbols.map(writeOf);
      const transactions = transactionsOf(writes);
      for (const some of transactions) {
        assert.ok(some.length >= 10 && some.length <= 100);
        const total = some.reduce((sum, { portfolio: { holdings } }) => sum + holdings.size, 0);
        assert.ok(total <= 2_000);
      }
      const places = transactions.flat().map((write) => writes.indexOf(write));
      assert.deepEqual(
        places,
        [...new Set(places)].sort((a, b) => a - b),
      );
    }),
    { numRuns: 100 },
  );
  const small = Array.from({ length: 250 }, (_, account) => writeOf(3, account));
  assert.deepEqual(
    transactionsOf(small).map(({ length }) => length),
    [100, 100, 50],
  );
  assert.deepEqual(transactionsOf(small.slice(0, 9)), []);
});
