/** The core against a naive ledger, and what must hold whatever comes: money, sequences, terminal states, restore. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AccountStateEntity } from '#domain/data/account-state.ts';
import { decodeAccountStateEntity } from '#domain/data/account-state-codec.ts';
import { entityKey } from '#domain/data/account-state-key.ts';
import { encodeAccountStateEntity } from '#domain/data/account-state-writer.ts';
import type { AccountId, OrderId } from '#domain/data/identifiers.ts';
import { eventIdOf, postingsOf, type TradingOutput } from '#domain/data/trading-events.ts';
import type { TradingInput } from '#domain/data/trading-inputs.ts';
import { arbitraryInputs, hostileWorld, smallWorld } from '#tests/support/arbitrary-trading-inputs.ts';
import { DEFAULT_LIMITS, NO_FEES } from './default-controls.ts';
import {
  applyInput,
  assertInvariants,
  createPartition,
  PartitionRestore,
  type PartitionState,
  restorePartition,
  stateHash,
  takeChangedEntities,
} from './engine.ts';
import { createNaiveLedger } from './naive-ledger.ts';
import { findOpen } from './order.ts';

/** What the core says about orders, in the oracle's words. */
function stepsOf(outputs: readonly TradingOutput[]): string[] {
  const steps: string[] = [];
  for (const output of outputs) {
    if (output.type === 'LedgerEntry' && output.kind.startsWith('BREAKER_'))
      steps.push(`${output.accountId} ${output.kind}`);
    if (output.type !== 'OrderUpdate') continue;
    if (output.update === 'denied') steps.push(`${output.orderId} DENIED ${output.reason?.split(':')[0]}`);
    else if (output.update === 'duplicate_conflict') steps.push(`${output.orderId} conflict`);
    else if (output.update === 'cancel_rejected' || output.update === 'venue_event_ignored') {
      steps.push(`${output.orderId} ${output.update}`);
    } else steps.push(`${output.orderId} ${output.status}`);
  }
  return steps;
}

function fillsOf(outputs: readonly TradingOutput[]) {
  return outputs.flatMap((output) => {
    if (output.type !== 'TradeExecuted' || output.outcome.status !== 'EXECUTED') return [];
    const { executionPrice: price, fee } = output.outcome;
    return [
      {
        orderId: output.orderId as string,
        quantity: output.quantity as bigint,
        price: price as bigint,
        fee: fee as bigint,
      },
    ];
  });
}

function holdingsOf(state: PartitionState) {
  return [...state.accounts.values()].map((account) => ({
    accountId: account.accountId as string,
    cash: account.cash as bigint,
    breaker: account.breaker.state as string,
    loss: account.resultDay === Math.floor(state.clockMs / 86_400_000) ? -account.dayResult : 0n,
    reserved: account.cashReserved as bigint,
    positions: state.positions
      .all()
      .filter((held) => held.account === account)
      .map((position) => ({
        symbol: position.symbol as string,
        quantity: position.quantity as bigint,
        reserved: position.reserved as bigint,
        basis: position.costBasis as bigint,
        realised: position.realisedProfit as bigint,
      })),
  }));
}

// The oracle does not know that a command id can be taken by another kind of command, so openings have their own.
test('step by step, the core does what the naive ledger does', () => {
  let executed = 0;
  fc.assert(
    fc.property(arbitraryInputs(smallWorld, 80), (inputs) => {
      const state = createPartition(0);
      const naive = createNaiveLedger(DEFAULT_LIMITS, NO_FEES);
      for (const [index, input] of inputs.entries()) {
        const unique =
          input.type === 'OpenAccount'
            ? { ...input, commandId: `o${index}` as typeof input.commandId }
            : input;
        const outputs = applyInput(state, unique);
        naive.steps.length = 0;
        naive.fills.length = 0;
        naive.apply(unique);
        assert.deepEqual(stepsOf(outputs), naive.steps);
        assert.deepEqual(fillsOf(outputs), naive.fills);
        executed += naive.fills.length;
        const expected = [...naive.accounts].map(([accountId, account]) => ({
          accountId,
          cash: account.cash,
          loss: naive.loss(account),
          breaker:
            account.reducesUntil === 0
              ? 'OPEN'
              : account.reducesUntil === Infinity
                ? 'TRIPPED'
                : 'QUIET_PERIOD',
          reserved: naive.reservedCash(accountId),
          positions: [...account.holdings].map(([symbol, holding]) => ({
            symbol,
            quantity: holding.quantity,
            reserved: naive.reservedShares(accountId, symbol),
            basis: holding.basis,
            realised: holding.realised,
          })),
        }));
        assert.deepEqual(holdingsOf(state), expected);
      }
    }),
    { numRuns: 400 },
  );
  assert.ok(executed > 500, `the generated worlds trade: ${executed} fills`);
});

test('whatever comes, money is conserved, nothing goes below zero, and nothing throws', () => {
  fc.assert(
    fc.property(arbitraryInputs(hostileWorld, 60), (inputs) => {
      const state = createPartition(0);
      for (const input of inputs) {
        for (const output of applyInput(state, input)) {
          if (output.type !== 'LedgerEntry') continue;
          const sums = new Map<string, bigint>();
          for (const { asset, amount } of postingsOf(output))
            sums.set(asset, (sums.get(asset) ?? 0n) + amount);
          for (const [asset, sum] of sums) assert.equal(sum, 0n, asset);
        }
      }
      assertInvariants(state);
    }),
    { numRuns: 300 },
  );
});

test('after each step every invariant holds', () => {
  fc.assert(
    fc.property(arbitraryInputs(smallWorld, 25), (inputs) => {
      const state = createPartition(0);
      for (const input of inputs) {
        applyInput(state, input);
        assertInvariants(state);
      }
    }),
    { numRuns: 30 },
  );
});

test("an account's sequence has no gaps, event ids do not repeat, and an order ends once", () => {
  fc.assert(
    fc.property(arbitraryInputs(smallWorld, 80), (inputs) => {
      const state = createPartition(0);
      const sequences = new Map<string, number>();
      const eventIds = new Set<string>();
      const ended = new Set<string>();
      const begun = new Set<string>();
      for (const [index, input] of inputs.entries()) {
        const once = { ...input, commandId: `${index}` as typeof input.commandId };
        for (const output of applyInput(state, once)) {
          const eventId = eventIdOf(output);
          assert.ok(!eventIds.has(eventId), eventId);
          eventIds.add(eventId);
          assert.equal(output.cause, once.commandId);
          const expected = state.accounts.has(output.accountId)
            ? (sequences.get(output.accountId) ?? 0) + 1
            : 0;
          assert.equal(output.sequence, expected);
          sequences.set(output.accountId, expected);
          if (output.type !== 'OrderUpdate') continue;
          if (['denied', 'fill', 'canceled', 'expired', 'rejected'].includes(output.update)) {
            assert.ok(!ended.has(output.orderId), 'an order ends once');
            ended.add(output.orderId);
          } else if (output.update === 'new') {
            assert.ok(!begun.has(output.orderId), 'an order begins once');
            begun.add(output.orderId);
          }
        }
      }
      for (const orderId of begun)
        assert.notEqual(ended.has(orderId), findOpen(state, orderId as OrderId) !== null);
    }),
    { numRuns: 100 },
  );
});

function readEntity(bytes: Uint8Array): AccountStateEntity {
  const decoded = decodeAccountStateEntity(bytes);
  return decoded.kind === 'decoded' ? decoded.value : assert.fail(decoded.reason);
}

/** As an owner does. */
function takeBytes(restoring: PartitionRestore, key: string, bytes: Uint8Array): void {
  if (!restoring.takeWritten(bytes)) restoring.take(key, readEntity(bytes));
}

/** Folds what is taken as compaction would, through the bytes of the wire. */
function createFold() {
  const entities = new Map<string, Uint8Array>();
  return {
    take(state: PartitionState) {
      for (const change of takeChangedEntities(state)) {
        if (change.kind === 'removed_order') entities.delete(entityKey(change));
        else entities.set(entityKey(change), encodeAccountStateEntity(change));
      }
    },
    read(): AccountStateEntity[] {
      return [...entities.values()].reverse().map(readEntity);
    },
    restored(): PartitionState {
      const restoring = new PartitionRestore(0);
      for (const [key, bytes] of [...entities].reverse()) takeBytes(restoring, key, bytes);
      return restoring.finish();
    },
  };
}

test('restored from entities at any point, a partition has the same hash and the same future', () => {
  const takes = fc.infiniteStream(fc.nat(7));
  fc.assert(
    fc.property(arbitraryInputs(smallWorld, 80), takes, (inputs, dice) => {
      const straight = createPartition(0);
      let restoring = createPartition(0);
      let fold = createFold();
      for (const input of inputs) {
        assert.deepEqual(applyInput(restoring, input), applyInput(straight, input));
        const die = dice.next().value ?? 0;
        if (die > 2) continue;
        fold.take(restoring);
        if (die > 0) continue;
        const isByBytes = (dice.next().value ?? 0) > 3;
        restoring = isByBytes ? fold.restored() : restorePartition(0, fold.read());
        assert.equal(stateHash(restoring), stateHash(straight));
        assert.deepEqual(takeChangedEntities(restoring), [], 'what was restored is not taken again');
      }
      assert.equal(stateHash(restoring), stateHash(straight));
      fold = createFold();
    }),
    { numRuns: 150 },
  );
});

function take(state: PartitionState, restorings: readonly [PartitionRestore, PartitionRestore]): void {
  const [byEntities, byBytes] = restorings;
  for (const change of takeChangedEntities(state)) {
    const key = entityKey(change);
    byEntities.take(key, change.kind === 'removed_order' ? null : change);
    if (change.kind === 'removed_order') byBytes.take(key, null);
    else takeBytes(byBytes, key, encodeAccountStateEntity(change));
  }
}

test('what a log keeps of a key before its last record, or after it was removed, changes nothing of a restore', () => {
  const takes = fc.infiniteStream(fc.nat(3));
  fc.assert(
    fc.property(arbitraryInputs(smallWorld, 80), takes, (inputs, dice) => {
      const state = createPartition(0);
      const restorings = [new PartitionRestore(0), new PartitionRestore(0)] as const;
      for (const input of inputs) {
        applyInput(state, input);
        if ((dice.next().value ?? 0) > 0) continue;
        take(state, restorings);
      }
      take(state, restorings);
      for (const restoring of restorings) {
        const restored = restoring.finish();
        assert.equal(stateHash(restored), stateHash(state));
        assertInvariants(restored);
      }
    }),
    { numRuns: 100 },
  );
});

test("the hash depends on the state, not on batches; any account's change changes it", () => {
  fc.assert(
    fc.property(arbitraryInputs(smallWorld, 40), (inputs) => {
      const [one, other] = [createPartition(0), createPartition(0)];
      let before = stateHash(one);
      for (const input of inputs) {
        const outputs = applyInput(one, input);
        applyInput(other, input);
        takeChangedEntities(one);
        const after = stateHash(one);
        if (outputs.some((output) => output.sequence > 0)) assert.notEqual(after, before);
        before = after;
      }
      assert.equal(stateHash(other), before);
    }),
    { numRuns: 50 },
  );
});

test("an account's hash is over its head, positions and orders alone", () => {
  const heads = (inputs: readonly TradingInput[], more: readonly TradingInput[]) => {
    const state = createPartition(0);
    const hashes = new Map<AccountId, string>();
    for (const input of [...inputs, ...more]) applyInput(state, input);
    for (const entity of takeChangedEntities(state)) {
      if (entity.kind === 'account') hashes.set(entity.accountId, entity.accountHash);
    }
    return hashes;
  };
  fc.assert(
    fc.property(arbitraryInputs(smallWorld, 30), (inputs) => {
      const last = inputs[0];
      assert.ok(last !== undefined && last.type === 'OpenAccount');
      const control: TradingInput = {
        type: 'Control',
        commandId: last.commandId,
        timeMs: 0,
        ingestTimeMs: 0,
        change: { kind: 'SetRulesVersion', rulesVersion: 77 },
      };
      assert.deepEqual(heads(inputs, [control]), heads(inputs, []));
    }),
    { numRuns: 30 },
  );
});
