/** The checks of idempotency fail closed: while an index lacks something old, a key does not count as unused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TOPIC } from '#domain/data/topics.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import {
  bodyOf,
  callerOf,
  openPlatform,
  openTestLog,
  statusOf,
  temporaryDirectory,
  testContext,
} from '#tests/in-process/platform.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { accountRoutes } from './account-routes.ts';
import { IndexLag, type IndexLagOptions, ORDER_INDEX_GROUP } from './index-lag.ts';

const GROUP = 'portfolio-statements';
const ACCOUNT = '00000000-0000-4000-8000-000000000001';

type Given = Pick<IndexLagOptions, 'log'> & Partial<IndexLagOptions>;

function orderIndexLag(given: Given): IndexLag {
  const { runtime } = testContext();
  return new IndexLag({
    name: 'the order index',
    group: ORDER_INDEX_GROUP,
    topic: TOPIC.tradeOrders,
    positions: () => given.log.committedPositions(ORDER_INDEX_GROUP),
    runtime,
    logger: SILENT,
    maxLag: 10,
    onIndexed() {},
    ...given,
  });
}

/** Time passes by sleeping, and costs nothing. */
function sleepingRuntime(): Runtime {
  const { runtime } = testContext();
  let nowMs = 0;
  return {
    ...runtime,
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
    timers: {
      ...runtime.timers,
      sleep: async (durationMs) => {
        nowMs += durationMs;
      },
    },
  };
}

test('an index that is being built again, or has lost something, says so until it has what was there', async () => {
  const directory = temporaryDirectory();
  const log = await openTestLog(directory.path, 1);
  try {
    const entry = { topic: TOPIC.ledgerEntries, partition: 0, key: ACCOUNT, value: Buffer.from('{}') };
    await log.append([entry, entry]);
    let held = [{ topic: TOPIC.ledgerEntries, partition: 0, offset: 2 }];
    const lag = orderIndexLag({
      name: 'the index',
      group: GROUP,
      topic: TOPIC.ledgerEntries,
      log,
      positions: async () => held,
    });
    assert.match(lag.trouble() ?? '', /not known: the event log or the database does not answer/);
    await lag.look();
    assert.match(lag.trouble() ?? '', /the index is catching up after the start/);
    const consumer = await log.openConsumer({
      group: GROUP,
      topics: [TOPIC.ledgerEntries],
      start: 'earliest',
    });
    await consumer.poll({ maxRecords: 10, signal: new AbortController().signal });
    await consumer.commit([{ topic: TOPIC.ledgerEntries, partition: 0, offset: 2 }]);
    await consumer.close();
    await lag.look();
    assert.equal(lag.trouble(), null);
    held = [{ topic: TOPIC.ledgerEntries, partition: 0, offset: 1 }];
    await lag.look();
    assert.match(lag.trouble() ?? '', /the index is catching up .*, or after a loss/, 'at the first look');
    held = [];
    await lag.look();
    assert.equal(lag.worstLag, 2);
    held = [{ topic: TOPIC.ledgerEntries, partition: 0, offset: 2 }];
    await lag.look();
    assert.equal(lag.trouble(), null);
  } finally {
    await log.close();
    directory.dispose();
  }
});

test('a transfer under a key is refused while the statements cannot say whether the key was used', async () => {
  const platform = await openPlatform();
  try {
    const { log, cache, portfolios, relational, context } = platform;
    const opened = await platform.call('POST', '/operator/accounts', { body: { name: 'Ada', cash: '100' } });
    const accountId = String(bodyOf(opened)['accountId']);
    let trouble: string | null = 'the account statements are catching up';
    const routes = accountRoutes({
      log,
      cache,
      portfolios,
      statements: relational.statements,
      accounts: relational.accounts,
      statementLag: { trouble: () => trouble },
      runtime: context.runtime,
      logger: SILENT,
      waitMs: 5_000,
    });
    const deposit = (headers: Record<string, string>) =>
      callerOf([{ routes }])('POST', `/operator/accounts/${accountId}/deposits`, {
        headers,
        body: { amount: '10' },
      });
    // Of the account only: each partition has controls of its own.
    const commands = async () => {
      const partitions = await log.extents(TOPIC.tradeOrders);
      const records = await Promise.all(
        partitions.map((place) => log.read({ ...place, offset: place.firstOffset }, 1_000)),
      );
      return records.flat().filter(({ key }) => key === accountId).length;
    };
    const before = await commands();
    const refused = await deposit({ 'x-idempotency-key': 'k' });
    assert(refused.kind === 'problem');
    assert.equal(refused.problem.status, 503);
    assert.match(refused.problem.detail, /the account statements are catching up/);
    assert.equal(await commands(), before);
    assert.equal(statusOf(await deposit({})), 200, 'without a key there is nothing to look up');
    trouble = null;
    assert.equal(statusOf(await deposit({ 'x-idempotency-key': 'k' })), 200);
    assert.equal(await commands(), before + 2);
  } finally {
    await platform.close();
  }
});

test('an order that another instance accepted is waited for until the index has it', async () => {
  const directory = temporaryDirectory();
  const log = await openTestLog(directory.path, 1);
  try {
    const submitted = { topic: TOPIC.tradeOrders, partition: 0, key: ACCOUNT, value: Buffer.from('{}') };
    await log.append([submitted]);
    const { runtime } = testContext();
    const index = await log.openConsumer({
      group: ORDER_INDEX_GROUP,
      topics: [TOPIC.tradeOrders],
      start: 'earliest',
    });
    await index.poll({ maxRecords: 10, signal: new AbortController().signal });
    let slept = 0;
    const lag = orderIndexLag({
      log,
      runtime: {
        ...runtime,
        timers: {
          ...runtime.timers,
          sleep: async () => {
            slept += 1;
            if (slept === 2) await index.commit([{ topic: TOPIC.tradeOrders, partition: 0, offset: 1 }]);
          },
        },
      },
    });
    assert.equal(await lag.reached(ACCOUNT), true);
    assert.equal(slept, 2);
    await log.append([submitted]);
    const impatient = orderIndexLag({ log, runtime: sleepingRuntime() });
    assert.equal(await impatient.reached(ACCOUNT), false, 'nobody indexes, so the wait ends');
    await index.close();
  } finally {
    await log.close();
    directory.dispose();
  }
});

test('while the database does not say how far it is, an order is not taken for one that is in none', async () => {
  const directory = temporaryDirectory();
  const log = await openTestLog(directory.path, 1);
  try {
    const entry = { topic: TOPIC.tradeOrders, partition: 0, key: ACCOUNT, value: Buffer.from('{}') };
    await log.append([entry]);
    const index = await log.openConsumer({
      group: ORDER_INDEX_GROUP,
      topics: [TOPIC.tradeOrders],
      start: 'earliest',
    });
    await index.poll({ maxRecords: 10, signal: new AbortController().signal });
    await index.commit([{ topic: TOPIC.tradeOrders, partition: 0, offset: 1 }]);
    await index.close();
    let isDown = false;
    const lag = orderIndexLag({
      log,
      async positions() {
        if (isDown) throw new OperatingError('STORE_UNAVAILABLE', 'test', { retry: 'retry' });
        return [{ topic: TOPIC.tradeOrders, partition: 0, offset: 1 }];
      },
      runtime: sleepingRuntime(),
    });
    assert.equal(await lag.reached(ACCOUNT), true);
    isDown = true;
    assert.equal(await lag.reached(ACCOUNT), false);
  } finally {
    await log.close();
    directory.dispose();
  }
});
