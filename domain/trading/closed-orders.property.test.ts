/** That the memory of closed orders is a ring of the last N, however their texts are kept. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ClosedOrderEntity, EntityChange } from '#domain/data/account-state.ts';
import type { Quantity } from '#domain/data/decimal.ts';
import { ClosedOrders } from './closed-orders.ts';
import { accountId, orderId } from './fixtures/inputs.ts';
import { ACCOUNT_CELLS, Account, MORE_ACCOUNT_CELLS } from './holdings.ts';
import { IdMap } from './id-map.ts';
import { closedSlot, OrderIds, UNKNOWN } from './order-ids.ts';
import { Rows } from './rows.ts';
import { emptyLanes } from './state-hash.ts';

const CAPACITY = 7;

const closing = fc.record({
  /** Not every order is of an account that was opened. */
  account: fc.nat(3),
  digest: fc.constantFrom('e'.repeat(64), '0123456789abcdef'.repeat(4), 'E'.repeat(64), 'short', ''),
  status: fc.constantFrom('FILLED', 'CANCELED', 'EXPIRED', 'REJECTED', 'DENIED'),
  filled: fc.bigInt(0n, 2n ** 63n - 1n),
  take: fc.nat(4),
});

const NONE_OPEN = { isId: () => assert.fail('no order is open') };

function createWorld() {
  const accounts = new IdMap<Account['accountId'], Account>();
  const rows = new Rows(ACCOUNT_CELLS, MORE_ACCOUNT_CELLS);
  for (let number = 0; number < 3; number += 1) {
    accounts.add(accountId(number), new Account(accountId(number), 'n', number, rows));
  }
  const ids = new OrderIds();
  const closedOrders = new ClosedOrders(CAPACITY, accounts, ids);
  const find = (id: ClosedOrderEntity['orderId']) => closedSlot(ids.find(id, NONE_OPEN, closedOrders));
  return { accounts, ids, closedOrders, find, sum: emptyLanes() };
}

test('the last seven are remembered, taken once, and the same after a restore', () => {
  fc.assert(
    fc.property(fc.array(closing, { maxLength: 40 }), fc.boolean(), (closings, uncompacted) => {
      const { accounts, ids, closedOrders, find, sum } = createWorld();
      const all: ClosedOrderEntity[] = [];
      const saved: ClosedOrderEntity[] = [];
      const slots = new Map<number, ClosedOrderEntity>();
      const take = () => {
        const taken: EntityChange[] = [];
        closedOrders.takeNew(taken);
        for (const closed of taken) {
          assert.ok(closed.kind === 'closed_order');
          saved.push(closed);
          slots.set(closed.closingNumber % CAPACITY, closed);
        }
      };
      for (const [number, { account, digest, status, filled, take: die }] of closings.entries()) {
        const closed = {
          kind: 'closed_order',
          closingNumber: number,
          accountId: accountId(account),
          orderId: orderId(number),
          bodyDigest: digest,
          status: status as ClosedOrderEntity['status'],
          filledQuantity: filled as Quantity,
        } as const;
        assert.equal(find(closed.orderId), -1, 'unknown before');
        const owner = accounts.get(closed.accountId) ?? null;
        closedOrders.add(closed, owner, ids.words, 0, ids.hash, UNKNOWN, sum);
        all.push(closed);
        if (die === 0) take();
      }
      take();
      const remembered = all.slice(-CAPACITY);
      for (const closed of all) {
        const slot = find(closed.orderId);
        assert.equal(slot >= 0, remembered.includes(closed));
        if (slot < 0) continue;
        assert.equal(closedOrders.statusOf(slot), closed.status);
        assert.equal(closedOrders.filledOf(slot), closed.filledQuantity);
        assert.ok(closedOrders.hasDigest(slot, closed.bodyDigest));
        assert.ok(!closedOrders.hasDigest(slot, 'another'));
        assert.ok(closedOrders.isOf(slot, closed.accountId));
        assert.ok(!closedOrders.isOf(slot, accountId(9)));
      }
      const byNumber = (entities: Iterable<ClosedOrderEntity>) =>
        [...entities].sort((left, right) => left.closingNumber - right.closingNumber);
      assert.deepEqual(byNumber(closedOrders.all()), remembered);
      assert.deepEqual(byNumber(slots.values()), remembered);

      // A log that has been compacted holds the last of each slot, in no order that matters; another one more.
      const kept = uncompacted ? saved : byNumber(slots.values()).reverse();
      const restored = createWorld();
      for (const closed of kept) {
        const owner = restored.accounts.get(closed.accountId) ?? null;
        restored.closedOrders.restore(closed, owner, restored.sum);
      }
      restored.closedOrders.finishRestore(all.length);
      assert.deepEqual(restored.sum, sum);
      assert.deepEqual(byNumber(restored.closedOrders.all()), remembered);
      const again: EntityChange[] = [];
      restored.closedOrders.takeNew(again);
      assert.deepEqual(again, [], 'what was restored is not taken again');
    }),
  );
});

test('a ring with a slot that is missing, or holds a number too old, is not restored', () => {
  const closed = (closingNumber: number): ClosedOrderEntity => ({
    kind: 'closed_order',
    closingNumber,
    accountId: accountId(1),
    orderId: orderId(closingNumber),
    bodyDigest: 'e'.repeat(64),
    status: 'FILLED',
    filledQuantity: 1n as Quantity,
  });
  for (const [numbers, count] of [
    [[0, 2], 3],
    [[0, 1], 3],
    [[0, 1, 2], 2],
    [[0, 1, 2, 3, 4, 5, 6], 8],
  ] as const) {
    const { closedOrders, sum } = createWorld();
    for (const number of numbers) closedOrders.restore(closed(number), null, sum);
    assert.throws(() => closedOrders.finishRestore(count), { name: 'InvariantViolation' }, `${count}`);
  }
});
