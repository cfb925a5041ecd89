/** Who gets a turn, when, and who does not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { Turns } from './turns.ts';

/** Its time passes when the test says so. */
function handRuntime() {
  const system = createSystemRuntime();
  let nowMs = 0;
  const sleeping: (() => void)[] = [];
  const pass = (durationMs: number) => {
    nowMs += durationMs;
    for (const wake of sleeping.splice(0)) wake();
  };
  const sleep = () => new Promise<void>((resolve) => void sleeping.push(resolve));
  const runtime = {
    clock: { ...system.clock, monotonicMs: () => nowMs },
    timers: { ...system.timers, sleep },
  };
  return { runtime, pass };
}

test('turns come in the order in which they were asked for, one for each that is given back', async () => {
  const turns = new Turns(2, handRuntime().runtime);
  assert.deepEqual([await turns.take(1), await turns.take(1)], ['had', 'had']);
  const order: number[] = [];
  const later = [1, 2, 3].map((each) => turns.take(1).then(() => order.push(each)));
  assert.deepEqual([turns.inUse, turns.waiting], [2, 3]);
  turns.give();
  await later[0];
  turns.give();
  await later[1];
  assert.deepEqual([order, turns.inUse, turns.waiting], [[1, 2], 2, 1]);
  turns.give();
  await later[2];
  turns.give();
  turns.give();
  assert.deepEqual([turns.inUse, turns.waiting], [0, 0]);
});

test('who waits too long gets none, and the next turn goes to whoever still waits', async () => {
  const { runtime, pass } = handRuntime();
  const turns = new Turns(1, runtime);
  assert.equal(await turns.take(1_000), 'had');
  const longer = turns.take(2_000);
  const tooLong = turns.take(1_000);
  pass(1_000);
  assert.equal(await tooLong, 'not-in-time');
  turns.give();
  assert.equal(await longer, 'had');
  assert.equal(await turns.take(1_000), 'not-in-time', 'who has no time does not wait');
  const again = turns.take(3_000);
  pass(500);
  await runtime.timers.yieldTurn();
  pass(1_500);
  assert.equal(await again, 'not-in-time', 'also when nobody had waited for a while');
});

test('when there is nothing to wait for any more, all are sent away, and turns that were had still come back', async () => {
  const turns = new Turns(1, handRuntime().runtime);
  assert.equal(await turns.take(1), 'had');
  const waiting = [turns.take(1), turns.take(1)];
  turns.sendAway();
  assert.deepEqual(await Promise.all(waiting), ['sent-away', 'sent-away']);
  turns.give();
  assert.deepEqual([turns.inUse, turns.waiting], [0, 0]);
});
