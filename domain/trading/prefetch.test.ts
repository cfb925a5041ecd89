/** That prefetching is never seen in what comes out, whatever of it there is to be found. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TradingOutput } from '#domain/data/trading-events.ts';
import { applyInput, assertInvariants, createPartition, prefetchInputs, stateHash } from './engine.ts';
import { createInputs, limit, market } from './fixtures/inputs.ts';
import { createTraffic } from './fixtures/traffic.testing.ts';

test('inputs lead to the same whether they were prefetched or not', () => {
  const traffic = createTraffic(100);
  const plain = createPartition(0);
  const fetched = createPartition(0);
  const expected: TradingOutput[] = [];
  const outputs: TradingOutput[] = [];
  for (const inputs of [traffic.opening(), traffic.next(64), traffic.next(500), traffic.next(1)]) {
    prefetchInputs(fetched, inputs);
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
