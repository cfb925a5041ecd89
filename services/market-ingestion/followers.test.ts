import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TOPIC } from '#domain/data/topics.ts';
import type { EventLog, TransactionalProducer } from '#infrastructure/event-log/event-log.ts';
import { createFollowers } from './followers.ts';
import { createSleepingRuntime, type IngestionWorld, openIngestionWorld } from './ingestion.testing.ts';

let world: IngestionWorld;
let log: EventLog;
let execution: TransactionalProducer;
const never = new AbortController().signal;
const WRITTEN = 2_000;
const NEAR_ENOUGH = WRITTEN - 256;

before(async () => {
  world = await openIngestionWorld();
  log = world.log;
  execution = await log.openProducer('trade-execution-0');
  await log.append(
    Array.from({ length: WRITTEN }, () => ({
      topic: TOPIC.tradeOrders,
      partition: 0,
      key: null,
      value: new Uint8Array(1),
    })),
  );
});

after(async () => {
  await execution.close();
  await world.dispose();
});

async function executeUpTo(offset: number): Promise<void> {
  const positions = [{ topic: TOPIC.tradeOrders, partition: 0, offset }];
  await execution.commit({ records: [], consumed: { group: 'trade-execution', positions } });
}

/** Followers whose waiting is what `meanwhile` does, and how long they waited. */
function followersOf(meanwhile: () => Promise<void>) {
  const runtime = createSleepingRuntime();
  const startMs = runtime.clock.monotonicMs();
  const { sleep } = runtime.timers;
  const timers = {
    ...runtime.timers,
    async sleep(durationMs: number, signal?: AbortSignal) {
      await meanwhile();
      await sleep(durationMs, signal);
    },
  };
  return {
    followers: createFollowers(log, { clock: runtime.clock, timers }),
    waitedMs: () => runtime.clock.monotonicMs() - startMs,
  };
}

test('a log that nobody executes is not waited for', async () => {
  const { followers, waitedMs } = followersOf(async () => assert.fail('it waited'));
  await followers.keepUp(never);
  assert.equal(waitedMs(), 0);
});

test('execution that is behind is waited for until it is near enough, however long it takes', async () => {
  let executed = 0;
  const { followers, waitedMs } = followersOf(async () => executeUpTo(++executed));
  await executeUpTo(0);
  await followers.keepUp(never);
  assert.equal(executed, NEAR_ENOUGH);
  assert.ok(waitedMs() > 1_000);
});

test('execution that does not move is waited for once, for a second, and again as soon as it moves', async () => {
  let executed = 10;
  let steps = 0;
  const { followers, waitedMs } = followersOf(async () => {
    if (steps > 0) await executeUpTo(++executed);
  });
  await executeUpTo(executed);
  await followers.keepUp(never);
  const once = waitedMs();
  assert.equal(once, 1_000);
  await followers.keepUp(never);
  assert.equal(waitedMs(), once);
  steps = 1;
  await executeUpTo(++executed);
  await followers.keepUp(never);
  assert.equal(executed, NEAR_ENOUGH);
});

test('a stop ends the waiting', async () => {
  const stopping = new AbortController();
  const { followers } = followersOf(async () => stopping.abort());
  await executeUpTo(0);
  await followers.keepUp(stopping.signal);
  assert.ok(stopping.signal.aborted);
});
