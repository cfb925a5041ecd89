/** That prefetching is never seen in what comes out, whatever of it there is to be found. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TradingOutput } from '#domain/data/trading-events.ts';
import type { TradingInput } from '#domain/data/trading-inputs.ts';
import { applyInput, assertInvariants, createPartition, prefetchInputs, stateHash } from './engine.ts';
import { createInputs, limit, market } from './fixtures/inputs.ts';
import { createTraffic } from './fixtures/traffic.testing.ts';

test('inputs lead to the same whether they were prefetched or not', () => {
  const traffic = createTraffic(100);
  const plain = createPartition(0);
  const fetched = createPartition(0);
  const expected: TradingOutput[] = [];
  const outputs: TradingOutput[] = [];
  const group = (count: number, announce = (inputs: readonly TradingInput[]) => inputs) => {
    const inputs = traffic.next(count);
    return { announced: announce(inputs), inputs };
  };
  const opening = traffic.opening();
  for (const { announced, inputs } of [
    { announced: opening, inputs: opening },
    group(64),
    group(500),
    group(1),
    // In another order than they are applied in; not all of them; none.
    group(64, (inputs) => inputs.toReversed()),
    group(64, (inputs) => inputs.slice(7, 31)),
    group(64, () => []),
  ]) {
    prefetchInputs(fetched, announced);
    for (const input of inputs) applyInput(fetched, input, outputs);
    for (const input of inputs) applyInput(plain, input, expected);
  }
  assert.deepEqual(outputs, expected);
  assert.equal(stateHash(fetched), stateHash(plain));
});

test('what is prefetched of orders that are never applied leaves nothing behind', () => {
  const inputs = createInputs();
  const state = createPartition(0);
  for (const input of [inputs.open(1), inputs.deposit(1, '1000'), inputs.batch(inputs.price('10'))]) {
    applyInput(state, input);
  }
  const before = stateHash(state);
  prefetchInputs(state, [
    inputs.submit(1, 1, 'BUY', market('1')),
    inputs.submit(2, 2, 'BUY', limit('1', '9')),
    inputs.submit(1, 3, 'SELL', market('1'), { symbol: 'NONE' }),
    inputs.cancel(1, 1),
  ]);
  assert.equal(stateHash(state), before);
  assertInvariants(state);
});
