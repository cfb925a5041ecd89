/** Long work on the one thread, in pieces: what waits is handled in between, and what is executed is the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TOPIC } from '#domain/data/topics.ts';
import { testContext } from '#tests/in-process/platform.ts';
import { GivingWay } from './giving-way.ts';
import { ACCOUNTS, append, assertReplaysTheSame, opening, withLog } from './owners.testing.ts';
import { PartitionOwner } from './partition-owner.ts';

/** A clock that stands still, and turns of the event loop that are counted. */
function subject() {
  const { runtime } = testContext();
  let nowMs = 0;
  let turns = 0;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const timers: typeof runtime.timers = {
    ...runtime.timers,
    async yieldTurn() {
      turns += 1;
      await runtime.timers.yieldTurn();
    },
  };
  return {
    runtime: { ...runtime, clock, timers },
    work: (durationMs: number) => {
      nowMs += durationMs;
    },
    turns: () => turns,
  };
}

test('it is due after twenty milliseconds of work, and again twenty after it was given', async () => {
  const { runtime, work, turns } = subject();
  const givingWay = new GivingWay(runtime);
  work(19);
  assert.equal(givingWay.isDue(), false);
  work(1);
  assert.equal(givingWay.isDue(), true);
  await givingWay.giveWay();
  assert.deepEqual([givingWay.isDue(), turns()], [false, 1]);
  work(20);
  givingWay.begin();
  assert.equal(givingWay.isDue(), false);
});

test('of two that give way the second waits while the first keeps the thread again', async () => {
  const { runtime, work } = subject();
  const givingWay = new GivingWay(runtime);
  const order: string[] = [];
  const worker = async (name: string, pieces: number) => {
    for (let piece = 0; piece < pieces; piece += 1) {
      if (givingWay.isDue()) await givingWay.giveWay();
      order.push(name);
      work(20);
    }
  };
  await Promise.all([worker('a', 3), worker('b', 2)]);
  assert.deepEqual(order, ['a', 'a', 'a', 'b', 'b']);
});

test('an owner gives way between groups of inputs, and counts as work only what is', async () => {
  await withLog(async (log) => {
    const inputs = Array.from({ length: 400 }, () => ACCOUNTS.flatMap(opening)).flat();
    await append(log, inputs);
    for (const { partition } of await log.extents(TOPIC.tradeOrders)) {
      const { runtime, work, turns } = subject();
      const context = { ...testContext(), runtime };
      // Every look at the clock finds that time has gone by.
      const monotonicMs = () => {
        work(7);
        return runtime.clock.monotonicMs();
      };
      const clock = { ...runtime.clock, monotonicMs };
      const owner = await PartitionOwner.open(log, partition, { ...context, runtime: { ...runtime, clock } });
      const records = await log.read({ topic: TOPIC.tradeOrders, partition, offset: 0 }, 10_000);
      const step = await owner.step(records);
      const { inputsApplied } = await step.committed;
      await owner.close();
      assert.equal(inputsApplied, records.length);
      const groups = Math.ceil(records.length / 64);
      if (groups < 6) continue;
      assert.ok(turns() >= 2 && turns() < groups, `${turns()} turns for ${groups} groups`);
      assert.ok(step.workedMs > 0 && step.workedMs < runtime.clock.monotonicMs());
    }
    await assertReplaysTheSame(log);
  });
});
