/** What owners of other partitions do when one of them cannot commit. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId, CommandId } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import { derivedUuid } from '#infrastructure/common/derived-id.ts';
import { feesOf, limitsOf } from '#infrastructure/common/trading-options.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { logWith } from '#infrastructure/event-log/event-log.testing.ts';
import type { EventLog, TransactionalProducer } from '#infrastructure/event-log/event-log.ts';
import { configured, openTestLog, temporaryDirectory, testContext } from '#tests/in-process/platform.ts';
import { tradeExecutionOptions } from './config.ts';
import { Owners } from './owners.ts';

const PARTITIONS = 2;
const INPUTS = 20;

async function appendOpenings(log: EventLog): Promise<void> {
  await log.append(
    Array.from({ length: PARTITIONS * INPUTS }, (_, number) => {
      const accountId = derivedUuid('account', String(number)) as AccountId;
      const commandId = derivedUuid('command', String(number)) as CommandId;
      const value = encodeTradingInput(
        { type: 'OpenAccount', commandId, timeMs: 1_000, ingestTimeMs: 1_000, accountId, name: 'A' },
        { sourceService: 'test' },
      );
      return { topic: TOPIC.tradeOrders, partition: number % PARTITIONS, key: accountId, value };
    }),
  );
}

test('the commit of one ends before it is closed, though that of another has failed', async () => {
  const directory = temporaryDirectory();
  const log = await openTestLog(directory.path, PARTITIONS);
  const context = testContext();
  const { timers } = context.runtime;
  const done: string[] = [];
  const held = Promise.withResolvers<void>();
  let commits = 0;

  async function openProducer(transactionalId: string): Promise<TransactionalProducer> {
    const producer = await log.openProducer(transactionalId);
    return {
      transactionalId,
      async commit(transaction) {
        commits += 1;
        const number = commits;
        if (number === 1) throw new OperatingError('LOG_UNAVAILABLE', 'test', { retry: 'retry' });
        if (number === 2) await held.promise;
        const outcome = await producer.commit(transaction);
        if (number === 2) done.push('committed');
        return outcome;
      },
      async close() {
        done.push('closed');
        await producer.close();
      },
    };
  }

  try {
    await appendOpenings(log);
    const failing = logWith(log, { openProducer });
    const config = configured(tradeExecutionOptions);
    const owners = new Owners({
      context,
      log: failing,
      mirror: { note() {}, forget() {} },
      wanted: { fees: feesOf(config), limits: limitsOf(config) },
      maxBatch: PARTITIONS * INPUTS,
      lingerMs: 0,
    });
    owners.start();
    while (commits < 2) await timers.yieldTurn();
    // Whoever does not wait for it is done by then.
    for (let turn = 0; turn < 20; turn += 1) await timers.yieldTurn();
    assert.deepEqual(done, []);
    held.resolve();
    while (done.length < 2) await timers.yieldTurn();
    assert.deepEqual(done.slice(0, 2), ['committed', 'closed']);
    await owners.stop();
    assert.deepEqual(context.crashes, []);
  } finally {
    await log.close();
    directory.dispose();
  }
});
