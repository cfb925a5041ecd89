/** How many inputs owners take at a time, and when they let some gather: a commit costs much the same for a few as for many. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId, CommandId } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import { derivedUuid } from '#infrastructure/common/derived-id.ts';
import { feesOf, limitsOf } from '#infrastructure/common/trading-options.ts';
import { logWith } from '#infrastructure/event-log/event-log.testing.ts';
import type { Consumer, EventLog, NewRecord } from '#infrastructure/event-log/event-log.ts';
import { configured, openTestLog, temporaryDirectory, testContext } from '#tests/in-process/platform.ts';
import { tradeExecutionOptions } from './config.ts';
import { executedAll, ownersOn, waitUntil, withLog } from './owners.testing.ts';
import { Owners } from './owners.ts';

const CONFIG = configured(tradeExecutionOptions, {});
const LINGER_MS = 7;
const MAX_BATCH = 8;

function opening(_: unknown, number: number): NewRecord {
  const accountId = derivedUuid('account', String(number)) as AccountId;
  const commandId = derivedUuid('command', String(number)) as CommandId;
  const value = encodeTradingInput(
    { type: 'OpenAccount', commandId, timeMs: 1_000, ingestTimeMs: 1_000, accountId, name: 'A' },
    { sourceService: 'test' },
  );
  return { topic: TOPIC.tradeOrders, key: accountId, value };
}

/** `consumer`, telling of each batch of records that it hands out, and of how many it was asked for. */
function telling(consumer: Consumer, tell: (records: number, asked: number) => void): Consumer {
  return {
    async poll(options) {
      const polled = await consumer.poll(options);
      if (polled.kind === 'records') tell(polled.records.length, options.maxRecords);
      return polled;
    },
    commit: (positions) => consumer.commit(positions),
    seek: (position) => consumer.seek(position),
    pause: (partition) => consumer.pause(partition),
    resume: (partition) => consumer.resume(partition),
    close: () => consumer.close(),
  };
}

test('a turn of few inputs is followed by a pause, one that may have left some waiting is not', async () => {
  const directory = temporaryDirectory();
  const log = await openTestLog(directory.path);
  try {
    const inputs = 3 * MAX_BATCH + 1;
    await log.append(Array.from({ length: inputs }, opening));
    const seen: ('few' | 'many' | 'pause')[] = [];
    const openConsumer: EventLog['openConsumer'] = async (spec) =>
      telling(await log.openConsumer(spec), (records) => seen.push(records < MAX_BATCH ? 'few' : 'many'));
    const told = logWith(log, { openConsumer });
    const { runtime } = testContext();
    const timers = {
      ...runtime.timers,
      sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
        if (durationMs === LINGER_MS) seen.push('pause');
        return runtime.timers.sleep(durationMs, signal);
      },
    };
    const context = testContext({ runtime: { ...runtime, timers } });
    const owners = new Owners({
      context,
      log: told,
      mirror: { note() {}, forget() {} },
      wanted: { fees: feesOf(CONFIG), limits: limitsOf(CONFIG) },
      maxBatch: MAX_BATCH,
      lingerMs: LINGER_MS,
    });
    owners.start();
    while (owners.trouble().length > 0 || seen.at(-1) !== 'pause') {
      assert.deepEqual(context.crashes, []);
      await runtime.timers.sleep(2);
    }
    await owners.stop();
    assert.ok(seen.includes('many') && seen.includes('few'));
    seen.forEach((each, at) => {
      if (each !== 'pause') assert.equal(seen[at + 1] === 'pause', each === 'few', `${each}, number ${at}`);
    });
  } finally {
    await log.close();
    directory.dispose();
  }
});

/** What owners ask for, poll by poll, while they execute 1,200 inputs on a clock that `workMs` go by on between two looks. */
async function asksOf(workMs: number): Promise<readonly number[]> {
  const asks: number[] = [];
  await withLog(async (log) => {
    await log.append(Array.from({ length: 1_200 }, opening));
    const openConsumer: EventLog['openConsumer'] = async (spec) =>
      telling(await log.openConsumer(spec), (_records, asked) => asks.push(asked));
    const { runtime } = testContext();
    let nowMs = 0;
    const monotonicMs = () => {
      nowMs += workMs;
      return nowMs;
    };
    const context = testContext({ runtime: { ...runtime, clock: { ...runtime.clock, monotonicMs } } });
    const owners = ownersOn(logWith(log, { openConsumer }), context, 512);
    owners.start();
    await waitUntil(async () => owners.trouble().length === 0 && (await executedAll(log)), context);
    await owners.stop();
  });
  return asks;
}

test('while applying takes long the next turns are smaller, while it takes no time larger, both within limits', async () => {
  const [slow, quick] = [await asksOf(50), await asksOf(0)];
  assert.deepEqual(slow.slice(0, 4), [256, 128, 64, 32]);
  assert.equal(Math.min(...slow), 32);
  assert.deepEqual(quick.slice(0, 2), [256, 512]);
  assert.equal(Math.max(...quick), 512);
});
