/** What may expire is found without reading all seals that were ever written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DueSeals } from './due-seals.ts';
import { RECORDS_PER_SEAL, SealsUnderTest } from './seals.testing.ts';

const PRICES = { topic: 'prices', partition: 0 };
const ORDERS = { topic: 'orders', partition: 0 };

function sealed(rounds: number): SealsUnderTest {
  const seals = new SealsUnderTest();
  for (let round = 0; round < rounds; round += 1) {
    seals.seal(PRICES);
    seals.seal(ORDERS);
  }
  return seals;
}

test('the first time after a start, seals are read from about the time of the first record that is left', async () => {
  const seals = sealed(10_000);
  const firstLeft = 9_000 * RECORDS_PER_SEAL;
  const due = await new DueSeals(seals, seals).find(PRICES, firstLeft, 9_500 * RECORDS_PER_SEAL + 1);
  assert.deepEqual(
    [due.length, due[0]?.first, due.at(-1)?.last],
    [500, firstLeft, 9_500 * RECORDS_PER_SEAL - 1],
  );
  // A seal a second, two a round, and clocks that may be a minute apart.
  assert.equal(seals.readFrom, 18_000 - 60);
});

test('records that nobody has sealed yet, and such as have gone meanwhile, have none, and none is read', async () => {
  const seals = sealed(10);
  const late = { ...seals, firstSince: async () => new Map([['log_seals:0', -1]]) };
  assert.deepEqual(await new DueSeals(seals, late).find(PRICES, 0, 1_000), []);
  assert.deepEqual(await new DueSeals(seals, seals).find(PRICES, 10 * RECORDS_PER_SEAL, 1_000), []);
  assert.equal(seals.reads, 0);
});
