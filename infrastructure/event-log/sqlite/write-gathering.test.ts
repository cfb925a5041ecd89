import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testContext } from '#tests/in-process/platform.ts';
import { WriteGathering } from './write-gathering.ts';

/** A clock that moves as it is told, and sleeps that end by their signal or when `wake` is called. */
function gathering() {
  const system = testContext().runtime;
  const sleeps: number[] = [];
  const state = { nowMs: 1_000, wake: () => {} };
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
  return { state, sleeps, gathering: new WriteGathering(runtime) };
}

test('whoever writes alone, one write after the other, never waits', async () => {
  const { gathering: writes, sleeps } = gathering();
  for (let at = 0; at < 5; at += 1) {
    await writes.gathered(1);
    writes.began(1);
  }
  assert.deepEqual(sleeps, []);
});

test('after many writes at once the next ones gather, for what is left of the time or until they are enough', async () => {
  const { gathering: writes, sleeps, state } = gathering();
  writes.began(50);
  state.nowMs += 4;
  const whole = writes.gathered(1);
  assert.deepEqual(sleeps, [6]);
  state.wake();
  await whole;
  const enough = writes.gathered(1);
  writes.arrived(2_000);
  await enough;
  await writes.gathered(2_000);
  state.nowMs += 20;
  await writes.gathered(1);
  assert.deepEqual(sleeps, [6, 6]);
});
