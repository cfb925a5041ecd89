/** That a batch reaches the resting orders it may fill and no others, whatever came and went before. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HeapPlaces, RestingOrders } from './resting-orders.ts';

const MOST = 2n ** 63n - 1n;
const limit = fc.oneof(fc.bigInt(1n, 9n), fc.constantFrom(MOST, MOST - 1n));
const resting = fc.record({
  side: fc.constantFrom('BUY', 'SELL'),
  type: fc.constantFrom('MARKET', 'LIMIT', 'LIMIT', 'LIMIT'),
  worstPrice: limit,
});
const step = fc.oneof(
  { weight: 3, arbitrary: resting.map((order) => ({ add: order })) },
  { weight: 2, arbitrary: fc.nat().map((die) => ({ remove: die })) },
  { weight: 2, arbitrary: fc.record({ lowest: limit, highest: limit }).map((reach) => ({ reach })) },
);

test('what is reached is what a look at every order finds', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const orders = new RestingOrders(new HeapPlaces());
      const plain: { number: number; side: 'BUY' | 'SELL'; type: 'MARKET' | 'LIMIT'; worstPrice: bigint }[] =
        [];
      let number = 0;
      for (const each of steps) {
        if ('add' in each) {
          const { side, type, worstPrice } = each.add;
          const order = { number, side, type, worstPrice } as (typeof plain)[number];
          number += 1;
          orders.add(order);
          plain.push(order);
        } else if ('remove' in each) {
          const [gone] = plain.length === 0 ? [] : plain.splice(each.remove % plain.length, 1);
          if (gone !== undefined) orders.remove(gone);
        } else {
          const { lowest, highest } = each.reach;
          const expected = plain.filter(
            ({ side, type, worstPrice }) =>
              type === 'MARKET' || (side === 'BUY' ? worstPrice >= lowest : worstPrice <= highest),
          );
          const reached = orders.reachable(lowest, highest).sort((left, right) => left - right);
          assert.deepEqual(
            reached,
            expected.map((order) => order.number),
          );
        }
        assert.equal(orders.count, plain.length);
      }
    }),
  );
});
