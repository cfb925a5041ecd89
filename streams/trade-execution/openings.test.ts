/** What is executed while other partitions are still being opened, and what becomes of those when they go or cannot be. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId, CommandId } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import { derivedUuid } from '#infrastructure/common/derived-id.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { logWith } from '#infrastructure/event-log/event-log.testing.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import { openTestLog, temporaryDirectory, testContext } from '#tests/in-process/platform.ts';
import { executedAll, ownersOn, waitUntil } from './owners.testing.ts';

const TEN_INPUTS = 10;

async function appendOpenings(log: EventLog, partition: number): Promise<void> {
  await log.append(
    Array.from({ length: TEN_INPUTS }, (_, at) => {
      const accountId = derivedUuid('account', `${partition} ${at}`) as AccountId;
      const commandId = derivedUuid('command', `${partition} ${at}`) as CommandId;
      const time = { timeMs: 1_550_000_000_000, ingestTimeMs: 0 };
      const value = encodeTradingInput(
        { type: 'OpenAccount', commandId, ...time, accountId, name: 'A' },
        { sourceService: 'test' },
      );
      return { topic: TOPIC.tradeOrders, partition, key: accountId, value };
    }),
  );
}

interface Subject {
  readonly log: EventLog;
  /** Of the log that owners are given: what was opened and closed, by transactional id. */
  readonly opened: readonly string[];
  readonly closed: readonly string[];
  /** Restores of `partition` wait, before they have read anything, until told. */
  hold(partition: number): () => void;
  /** Partitions whose restores wait now. */
  readonly held: ReadonlySet<number>;
  /** Pages of states that were read of it. */
  pages(partition: number): number;
  readonly watched: EventLog;
}

async function withExecuted(partitions: number, run: (subject: Subject) => Promise<void>): Promise<void> {
  const directory = temporaryDirectory();
  const log = await openTestLog(directory.path, partitions);
  const [opened, closed]: [string[], string[]] = [[], []];
  const [holds, held, pages] = [
    new Map<number, Promise<void>>(),
    new Set<number>(),
    new Map<number, number>(),
  ];
  const openProducer: EventLog['openProducer'] = async (id) => {
    const producer = await log.openProducer(id);
    opened.push(id);
    const close = async () => {
      closed.push(id);
      await producer.close();
    };
    return { transactionalId: id, commit: (transaction) => producer.commit(transaction), close };
  };
  const read: EventLog['read'] = async (from, maxRecords) => {
    const { topic, partition } = from;
    if (topic === TOPIC.accountStates) {
      pages.set(partition, (pages.get(partition) ?? 0) + 1);
      held.add(partition);
      await holds.get(partition);
      held.delete(partition);
    }
    return await log.read(from, maxRecords);
  };
  const hold = (partition: number) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    holds.set(partition, promise);
    return resolve;
  };
  try {
    const context = testContext();
    const former = ownersOn(log, context);
    for (let partition = 0; partition < partitions; partition += 1) await appendOpenings(log, partition);
    former.start();
    await waitUntil(async () => former.trouble().length === 0 && (await executedAll(log)), context);
    await former.stop();
    const watched = logWith(log, { openProducer, read });
    await run({ log, watched, opened, closed, hold, held, pages: (partition) => pages.get(partition) ?? 0 });
  } finally {
    await log.close();
    directory.dispose();
  }
}

async function executed(log: EventLog, partition: number): Promise<boolean> {
  const [positions, extents] = [
    await log.committedPositions('trade-execution'),
    await log.extents(TOPIC.tradeOrders),
  ];
  const position = positions.find((each) => each.partition === partition);
  return position?.offset === extents[partition]?.nextOffset;
}

const LIMIT = { timeout: 30_000 };

test(
  'while one partition is restored the others are executed, and readiness says which one is not',
  LIMIT,
  async () => {
    await withExecuted(2, async ({ log, watched, hold, held }) => {
      const context = testContext();
      const release = hold(1);
      const owners = ownersOn(watched, context);
      owners.start();
      await waitUntil(async () => held.has(1), context);
      for (let round = 0; round < 3; round += 1) {
        await appendOpenings(log, 0);
        await appendOpenings(log, 1);
        await waitUntil(() => executed(log, 0), context);
      }
      assert.equal(await executed(log, 1), false);
      assert.deepEqual(owners.trouble(), ['partition 1 is still being caught up']);
      release();
      await waitUntil(() => executedAll(log), context);
      await waitUntil(async () => owners.trouble().length === 0, context);
      await owners.stop();
    });
  },
);

test(
  'a partition that is revoked while it is restored is given up: nothing more of it is read, and its producer closed',
  LIMIT,
  async () => {
    await withExecuted(2, async ({ log, watched, closed, hold, held, pages }) => {
      const context = testContext();
      // More than a page, so that there is another one to be read.
      await log.append(
        Array.from({ length: 1_500 }, (_, at) => ({
          topic: TOPIC.accountStates,
          partition: 1,
          key: `foreign ${at}`,
          value: Buffer.from('{}'),
        })),
      );
      const release = hold(1);
      const owners = ownersOn(watched, context);
      owners.start();
      await waitUntil(async () => held.has(1), context);
      const signal = AbortSignal.timeout(LIMIT.timeout);
      const topics = [TOPIC.tradeOrders];
      const other = await log.openConsumer({ group: 'trade-execution', topics, start: 'sought' });
      await other.poll({ maxRecords: 1, signal });
      const given = other.poll({ maxRecords: 1, signal });
      for (let turn = 0; turn < 20; turn += 1) await context.runtime.timers.yieldTurn();
      release();
      assert.deepEqual(await given, {
        kind: 'assigned',
        partitions: [{ topic: TOPIC.tradeOrders, partition: 1, offset: 0 }],
      });
      assert.deepEqual([closed, pages(1)], [['trade-execution-1'], 1]);
      assert.deepEqual(owners.trouble(), []);
      await appendOpenings(log, 0);
      await waitUntil(() => executed(log, 0), context);
      await other.close();
      await waitUntil(async () => owners.trouble().length === 0 && (await executedAll(log)), context);
      await owners.stop();
    });
  },
);

test(
  'a partition that the log does not give yet is tried again, and keeps no other from being executed',
  LIMIT,
  async () => {
    await withExecuted(2, async ({ log, watched, opened, closed }) => {
      let failures = 0;
      const read: EventLog['read'] = async (from, maxRecords) => {
        if (from.topic !== TOPIC.accountStates || from.partition === 0 || failures === 3)
          return await watched.read(from, maxRecords);
        failures += 1;
        await waitUntil(() => executed(log, 0), context);
        throw new OperatingError('LOG_UNAVAILABLE', 'It is slow.', { retry: 'retry' });
      };
      const context = testContext();
      await appendOpenings(log, 0);
      const owners = ownersOn(logWith(watched, { read }), context);
      owners.start();
      const slow = 'partition 1 is still being caught up: It is slow.';
      await waitUntil(async () => owners.trouble().includes(slow), context);
      await waitUntil(async () => owners.trouble().length === 0 && (await executedAll(log)), context);
      assert.equal(opened.filter((id) => id === 'trade-execution-0').length, 1);
      assert.equal(opened.filter((id) => id === 'trade-execution-1').length, 4);
      assert.deepEqual(closed, Array(3).fill('trade-execution-1'));
      await owners.stop();
      assert.equal(closed.length, opened.length);
    });
  },
);

test(
  'what ends the membership is shown until every partition is open, though what is given up with it ends before',
  LIMIT,
  async () => {
    await withExecuted(2, async ({ log, watched }) => {
      const shown: (string | undefined)[] = [];
      const read: EventLog['read'] = async (from, maxRecords) => {
        if (from.topic !== TOPIC.accountStates || shown.length === 3)
          return await watched.read(from, maxRecords);
        if (from.partition === 0)
          throw new OperatingError('LOG_UNAVAILABLE', 'It is slow.', { retry: 'retry' });
        // The other one has failed by then, and is about to be tried again.
        await waitUntil(
          async () => owners.trouble().some((reason) => reason.includes('It is slow.')),
          context,
        );
        shown.push(owners.trouble()[0]);
        throw new OperatingError('LOG_FORBIDDEN', 'It is forbidden.', { retry: 'never' });
      };
      const context = testContext();
      const owners = ownersOn(logWith(watched, { read }), context);
      owners.start();
      await waitUntil(async () => owners.trouble().length === 0 && (await executedAll(log)), context);
      await owners.stop();
      const forbidden = 'execution waits: It is forbidden.';
      assert.deepEqual(shown, ['partition 0 is still being caught up: It is slow.', forbidden, forbidden]);
    });
  },
);

test(
  'a few are restored at a time, those that wait are given up at a stop, and the next start opens all',
  LIMIT,
  async () => {
    await withExecuted(6, async ({ log, watched, opened, closed, hold, held }) => {
      const context = testContext();
      const releases = [0, 1, 2, 3, 4, 5].map(hold);
      const owners = ownersOn(watched, context);
      owners.start();
      await waitUntil(async () => held.size === 4, context);
      for (let turn = 0; turn < 20; turn += 1) await context.runtime.timers.yieldTurn();
      assert.equal(owners.trouble().length, 6);
      const stopped = owners.stop();
      for (const release of releases) release();
      await stopped;
      assert.equal(opened.length, 4);
      assert.deepEqual([...closed].sort(), [...opened].sort());
      const next = ownersOn(watched, context);
      next.start();
      for (const partition of [0, 5]) await appendOpenings(log, partition);
      await waitUntil(async () => next.trouble().length === 0 && (await executedAll(log)), context);
      await next.stop();
    });
  },
);

test(
  'a state that contradicts itself ends the process, though other partitions are at work',
  LIMIT,
  async () => {
    await withExecuted(2, async ({ log, watched }) => {
      const states = await log.read({ topic: TOPIC.accountStates, partition: 1, offset: 0 }, 1_000);
      const account = states.find(({ key }) => key?.startsWith('account/'));
      await log.append([{ topic: TOPIC.accountStates, partition: 1, key: account?.key ?? '', value: null }]);
      const context = testContext();
      const owners = ownersOn(watched, context);
      owners.start();
      while (context.crashes.length === 0) await context.runtime.timers.yieldTurn();
      assert.match(String(context.crashes), /CorruptState: Partition 1/);
      await owners.stop();
    });
  },
);
