import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testContext } from '#tests/in-process/platform.ts';
import { WriteGathering } from './write-gathering.ts';

/** A clock that moves as it is told, and sleeps that end by their signal or when `wake` is called. */
function gathering() {
  const system = testContext().runtime;
  const sleeps: number[] = [];
  const state = { nowMs: 1_000, wake: () => {}, waiting: { records: 1, onlyPositions: false } };
  const runtime = {
    ...system,
    clock: { ...system.clock, monotonicMs: () => state.nowMs },
    timers: {
      ...system.timers,
      sleep: (durationMs: number, signal?: AbortSignal) =>
        new Promise<void>((resolve) => {
          sleeps.push(durationMs);
          state.wake = resolve;
          signal?.addEventListener('abort', () => resolve());
        }),
    },
  };
  return { state, sleeps, writes: new WriteGathering(runtime, () => state.waiting) };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('whoever writes records alone, one write after the other, never waits', async () => {
  const { writes, sleeps } = gathering();
  for (let at = 0; at < 5; at += 1) {
    await writes.gathered();
    writes.began(1);
  }
  assert.deepEqual(sleeps, []);
});

test('after many writes at once the next ones gather, for what is left of the time or until they are enough', async () => {
  const { writes, sleeps, state } = gathering();
  writes.began(50);
  state.nowMs += 4;
  const whole = writes.gathered();
  await turn();
  assert.deepEqual(sleeps, [6]);
  state.wake();
  await whole;
  const enough = writes.gathered();
  await turn();
  state.waiting = { records: 2_000, onlyPositions: false };
  writes.arrived();
  await enough;
  await writes.gathered();
  state.waiting = { records: 1, onlyPositions: false };
  state.nowMs += 20;
  await writes.gathered();
  assert.deepEqual(sleeps, [6, 6]);
});

test('positions wait for records to be written with, and for so long only', async () => {
  const { writes, sleeps, state } = gathering();
  state.waiting = { records: 0, onlyPositions: true };
  const withRecords = writes.gathered();
  await turn();
  writes.arrived();
  assert.deepEqual(sleeps, [25]);
  state.waiting = { records: 1, onlyPositions: false };
  writes.arrived();
  await withRecords;
  state.waiting = { records: 0, onlyPositions: true };
  const alone = writes.gathered();
  await turn();
  state.wake();
  await alone;
  assert.deepEqual(sleeps, [25, 25]);
});
