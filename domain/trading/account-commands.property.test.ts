/** That the memory of account commands is a ring of the last N, however their texts are kept. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AccountCommandEntity, EntityChange } from '#domain/data/account-state.ts';
import { formatDecimal, type Money } from '#domain/data/decimal.ts';
import type { CommandId } from '#domain/data/identifiers.ts';
import { AccountCommands } from './account-commands.ts';
import { accountId, orderId } from './fixtures/inputs.ts';
import { emptyLanes } from './state-hash.ts';

const CAPACITY = 7;

const id = fc.oneof(fc.constant(accountId(1) as string), fc.constantFrom('someone', ''));
const amount = fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map((value) => formatDecimal(value as Money));
const command = fc.record({
  packable: fc.boolean(),
  fingerprint: fc.oneof(
    id.map((account) => `open ${account}`),
    fc.tuple(fc.constantFrom('deposit', 'withdraw', 'open'), id, amount).map((words) => words.join(' ')),
    fc.constantFrom(
      'open',
      'deposit',
      ' ',
      `deposit ${accountId(1)} 1.50`,
      `deposit ${accountId(1)} 1 1`,
      'ä',
    ),
  ),
  take: fc.nat(4),
});

test('the last seven are remembered as they were said, taken once, and the same after a restore', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 40 }), fc.boolean(), (given, uncompacted) => {
      const commands = new AccountCommands(CAPACITY);
      const sum = emptyLanes();
      const all: AccountCommandEntity[] = [];
      const saved: AccountCommandEntity[] = [];
      const slots = new Map<number, AccountCommandEntity>();
      const take = () => {
        const taken: EntityChange[] = [];
        commands.takeNew(taken);
        for (const one of taken) {
          assert.ok(one.kind === 'account_command');
          saved.push(one);
          slots.set(one.commandNumber % CAPACITY, one);
        }
      };
      for (const [commandNumber, { packable, fingerprint, take: die }] of given.entries()) {
        const commandId = (packable
          ? orderId(commandNumber)
          : `command ${commandNumber}`) as string as CommandId;
        assert.equal(commands.fingerprintOf(commandId), null, 'unknown before');
        commands.add(commandId, fingerprint, sum);
        all.push({ kind: 'account_command', commandNumber, commandId, fingerprint });
        if (die === 0) take();
      }
      take();
      const remembered = all.slice(-CAPACITY);
      for (const one of all) {
        const expected = remembered.includes(one) ? one.fingerprint : null;
        assert.equal(commands.fingerprintOf(one.commandId), expected);
      }
      const byNumber = (entities: Iterable<AccountCommandEntity>) =>
        [...entities].sort((left, right) => left.commandNumber - right.commandNumber);
      assert.deepEqual(byNumber(commands.all()), remembered);
      assert.deepEqual(byNumber(slots.values()), remembered);

      const restored = new AccountCommands(CAPACITY);
      const restoredSum = emptyLanes();
      // A log that has been compacted holds the last of each slot, in no order that matters; another one more.
      const kept = uncompacted ? saved : byNumber(slots.values()).reverse();
      for (const one of kept) restored.restore(one, restoredSum);
      restored.finishRestore(all.length);
      assert.deepEqual(restoredSum, sum);
      assert.deepEqual(byNumber(restored.all()), remembered);
      const again: EntityChange[] = [];
      restored.takeNew(again);
      assert.deepEqual(again, [], 'what was restored is not taken again');
    }),
  );
});

test('a ring with a slot that is missing is not restored', () => {
  const restored = new AccountCommands(CAPACITY);
  const one = (commandNumber: number): AccountCommandEntity => ({
    kind: 'account_command',
    commandNumber,
    commandId: orderId(commandNumber) as string as CommandId,
    fingerprint: `open ${accountId(1)}`,
  });
  for (const number of [0, 2]) restored.restore(one(number), emptyLanes());
  assert.throws(() => restored.finishRestore(3), { name: 'InvariantViolation' });
});
