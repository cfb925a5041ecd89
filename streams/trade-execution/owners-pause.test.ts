/** When owners let inputs gather: a commit costs much the same for a few as for many. */

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

/** `consumer`, telling of each batch of records that it hands out. */
function telling(consumer: Consumer, tell: (records: number) => void): Consumer {
  return {
    async poll(options) {
      const polled = await consumer.poll(options);
      if (polled.kind === 'records') tell(polled.records.length);
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
      marketTimeMs: async () => 1_000,
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
