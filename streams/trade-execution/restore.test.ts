/** What an owner begins with, checked against the rest of the log: a topic of it may not be the one that it was. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AccountId, CommandId } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import type { TradingInput } from '#domain/data/trading-inputs.ts';
import { stateHash } from '#domain/trading/engine.ts';
import { derivedUuid } from '#infrastructure/common/derived-id.ts';
import { openDeadLetters } from '#infrastructure/event-log/dead-letters.ts';
import { failsWith, logWith } from '#infrastructure/event-log/event-log.testing.ts';
import type { EventLog, LogRecord } from '#infrastructure/event-log/event-log.ts';
import { openTestLog, temporaryDirectory, testContext } from '#tests/in-process/platform.ts';
import { PartitionOwner } from './partition-owner.ts';
import { restore } from './restore.ts';

const context = testContext();

async function withExecuted(
  run: (log: EventLog, inputs: readonly LogRecord[]) => Promise<void>,
): Promise<void> {
  const directory = temporaryDirectory();
  const log = await openTestLog(directory.path);
  try {
    await log.append(
      Array.from({ length: 6 }, (_, at) => {
        const accountId = derivedUuid('account', String(at)) as AccountId;
        const commandId = derivedUuid('command', String(at)) as CommandId;
        const time = { timeMs: 1_550_000_000_000, ingestTimeMs: 0 };
        const opening: TradingInput = { type: 'OpenAccount', commandId, ...time, accountId, name: 'A' };
        const value = encodeTradingInput(opening, { sourceService: 'test' });
        return { topic: TOPIC.tradeOrders, partition: 0, key: accountId, value };
      }),
    );
    const inputs = await log.read({ topic: TOPIC.tradeOrders, partition: 0, offset: 0 }, 100);
    const owner = await PartitionOwner.open(log, 0, context);
    await (await owner.step(inputs)).committed;
    await owner.close();
    await run(log, inputs);
  } finally {
    await log.close();
    directory.dispose();
  }
}

const refused = (message: RegExp) => ({ name: 'CorruptState', message });

describe('what another producer wrote among the states', () => {
  const foreign = (key: string) => ({
    topic: TOPIC.accountStates,
    partition: 0,
    key,
    value: Buffer.from('{"kind":"of somebody else"}'),
  });

  test('under a key of its own keeps no owner from beginning: the hash tells that nothing else is missing', async () => {
    await withExecuted(async (log) => {
      const before = await restore(log, 0);
      await log.append([foreign('somebody else')]);
      const after = await restore(log, 0);
      assert.equal(stateHash(after.state), stateHash(before.state));
      assert.equal(after.nextInputOffset, before.nextInputOffset);
    });
  });

  test('in the place of a state of ours is named, and nothing is executed without that', async () => {
    await withExecuted(async (log) => {
      const states = await log.read({ topic: TOPIC.accountStates, partition: 0, offset: 0 }, 1_000);
      const account = states.find(({ key }) => key?.startsWith('account/'));
      const overwritten = logWith(log, {
        async read(from, maxRecords) {
          const page = await log.read(from, maxRecords);
          return page.map((record) =>
            record.topic === TOPIC.accountStates && record.key === account?.key
              ? { ...record, value: foreign('').value }
              : record,
          );
        },
      });
      await assert.rejects(restore(overwritten, 0), refused(/at offset [0-9]+ is unreadable/));
    });
  });
});

describe('what cannot be read at the end of the heads of commits', () => {
  const foreign = {
    topic: TOPIC.executionHeads,
    partition: 0,
    key: '0',
    value: Buffer.from('somebody else'),
  };

  test('is another producer’s: the owner begins at the last of ours, and the dead letters have it', async () => {
    await withExecuted(async (log, inputs) => {
      const before = await restore(log, 0);
      await log.append(Array.from({ length: 40 }, () => foreign));
      const owner = await PartitionOwner.open(log, 0, context);
      assert.equal(owner.stateHash, stateHash(before.state));
      assert.equal(owner.nextInputOffset, before.nextInputOffset);
      const letters = await openDeadLetters(log, { topic: TOPIC.executionHeads, limit: 100 });
      const [heads] = await log.extents(TOPIC.executionHeads);
      assert(heads !== undefined);
      assert.deepEqual(
        letters.map(({ origin }) => origin.kind === 'record' && origin.offset),
        Array.from({ length: 40 }, (_, at) => heads.nextOffset - 40 + at),
      );
      const [input] = inputs;
      const next = await log.append([{ ...foreign, topic: TOPIC.tradeOrders, value: input?.value ?? null }]);
      await (await owner.step(await log.read(next[0] ?? assert.fail(), 1))).committed;
      await owner.close();
      assert.equal((await restore(log, 0)).inputsApplied, before.inputsApplied + 1);
      assert.equal((await openDeadLetters(log, { topic: TOPIC.executionHeads, limit: 100 })).length, 40);
    });
  });

  test('keeps the owner from beginning where the group has executed further: a newer version may have written it', async () => {
    await withExecuted(async (log, inputs) => {
      const [input] = inputs;
      const [place] = await log.append([
        { ...foreign, topic: TOPIC.tradeOrders, value: input?.value ?? null },
      ]);
      assert(place !== undefined);
      const newer = await log.openProducer('trade-execution-0');
      const positions = [{ ...place, offset: place.offset + 1 }];
      await newer.commit({ records: [foreign], consumed: { group: 'trade-execution', positions } });
      await assert.rejects(
        restore(log, 0),
        refused(/but the log does not: see execution_heads from offset 1 on/),
      );
      assert.deepEqual(await openDeadLetters(log, { topic: TOPIC.executionHeads, limit: 100 }), []);
    });
  });

  test('keeps a partition without states from beginning anew', async () => {
    const directory = temporaryDirectory();
    const log = await openTestLog(directory.path);
    try {
      await log.append([foreign]);
      await assert.rejects(restore(log, 0), refused(/is empty, but/));
    } finally {
      await log.close();
      directory.dispose();
    }
  });
});

test('a log that gives nothing where it says that records are is asked again, not believed', async () => {
  await withExecuted(async (log) => {
    const silent = [
      [TOPIC.accountStates, TOPIC.executionHeads],
      [TOPIC.accountStates],
      [TOPIC.executionHeads],
      [TOPIC.tradeOrders],
    ];
    for (const topics of silent) {
      const read: EventLog['read'] = async (from, maxRecords) =>
        topics.some((topic) => topic === from.topic) ? [] : await log.read(from, maxRecords);
      await assert.rejects(restore(logWith(log, { read }), 0), failsWith('LOG_UNAVAILABLE', 'retry'));
    }
  });
});

test('what the group has executed beyond the states that can be read is waited for, not executed again', async () => {
  await withExecuted(async (log, inputs) => {
    const value = inputs[0]?.value ?? null;
    for (const partition of [0, 1]) {
      const [place] = await log.append([{ topic: TOPIC.tradeOrders, partition, key: '', value }]);
      assert(place !== undefined);
      const hanging = await log.openProducer(`hanging-${partition}`);
      const positions = [{ ...place, offset: place.offset + 1 }];
      await hanging.commit({ records: [], consumed: { group: 'trade-execution', positions } });
      await assert.rejects(restore(log, partition), failsWith('LOG_UNAVAILABLE', 'retry'));
    }
  });
});

describe('a topic that was removed and made again', () => {
  /** As a reader of that log sees it: without the records of `topic`, but with `instead`. */
  function withoutTopic(log: EventLog, topic: string, instead: readonly LogRecord[] = []): EventLog {
    return logWith(log, {
      async extents(asked) {
        const extents = await log.extents(asked);
        return asked === topic
          ? extents.map((extent) => ({ ...extent, firstOffset: 0, nextOffset: instead.length }))
          : extents;
      },
      async read(from, maxRecords) {
        return from.topic === topic
          ? instead.slice(from.offset, from.offset + maxRecords)
          : log.read(from, maxRecords);
      },
    });
  }

  test('of inputs: what is in it now is not skipped as if it had been executed', async () => {
    await withExecuted(async (log, inputs) => {
      const reaches = withoutTopic(log, TOPIC.tradeOrders);
      await assert.rejects(PartitionOwner.open(reaches, 0, context), refused(/does not reach/));
      const values = inputs.map(({ value }) => value).reverse();
      const others = inputs.map((input, at) => ({ ...input, value: values[at] ?? null }));
      const refilled = withoutTopic(log, TOPIC.tradeOrders, others);
      await assert.rejects(PartitionOwner.open(refilled, 0, context), refused(/from other inputs/));
      await (await PartitionOwner.open(log, 0, context)).close();
    });
  });

  test('of states: inputs are not executed again from the first one on', async () => {
    await withExecuted(async (log) => {
      const emptied = withoutTopic(log, TOPIC.accountStates);
      await assert.rejects(PartitionOwner.open(emptied, 0, context), refused(/is empty, but/));
    });
  });
});
