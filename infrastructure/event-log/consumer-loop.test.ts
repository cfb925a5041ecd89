import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TOPIC } from '#domain/data/topics.ts';
import type { StoreLosses } from '#infrastructure/common/store-losses.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { NO_METRICS, openTestLog, temporaryDirectory, testContext } from '#tests/in-process/platform.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { type ConsumerLoopOptions, createConsumerLoop } from './consumer-loop.ts';
import type { Consumer, LogRecord, Polled, Position, TransactionalProducer } from './event-log.ts';

function record(offset: number): LogRecord {
  return { topic: 't', partition: 0, offset, key: null, value: null, appendedAtMs: 0 };
}

/** A log with one partition of `count` records, whose calls fail as told. */
function smallLog(count: number, fail: { poll?: number; commit?: number }) {
  const state = { committed: 0, opened: 0 };
  const log = {
    async openConsumer(): Promise<Consumer> {
      state.opened += 1;
      let next: number | null = null;
      return {
        async poll({ signal }): Promise<Polled> {
          if (next === null) {
            next = state.committed;
            return { kind: 'assigned', partitions: [{ topic: 't', partition: 0, offset: next }] };
          }
          if ((fail.poll ?? 0) > 0) {
            fail.poll = (fail.poll ?? 0) - 1;
            throw new OperatingError('LOG_UNAVAILABLE', 'test', { retry: 'retry' });
          }
          if (next < count) {
            next += 1;
            return { kind: 'records', records: [record(next - 1)] };
          }
          if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
          return { kind: 'ended' };
        },
        async commit([position]: readonly Position[]) {
          if ((fail.commit ?? 0) > 0) {
            fail.commit = (fail.commit ?? 0) - 1;
            throw new OperatingError('LOG_NOT_ASSIGNED', 'test', { retry: 'never' });
          }
          state.committed = position?.offset ?? state.committed;
        },
        seek({ offset }) {
          next = offset;
        },
        pause() {},
        resume() {},
        async close() {},
      };
    },
    extents: async () => [{ topic: 't', partition: 0, firstOffset: 0, nextOffset: count }],
    committedPositions: async () => [{ topic: 't', partition: 0, offset: state.committed }],
    async openProducer(): Promise<TransactionalProducer> {
      return {
        transactionalId: 'rewind',
        async commit({ consumed }) {
          state.committed = consumed?.positions[0]?.offset ?? state.committed;
          return { kind: 'committed', positions: [] };
        },
        async close() {},
      };
    },
  };
  return { log, state };
}

type Records = readonly LogRecord[];

/** Its batches are the records as they are. */
function loopOn(
  log: ConsumerLoopOptions<Records>['log'],
  store: ConsumerLoopOptions<Records>['store'],
  more: Partial<ConsumerLoopOptions<Records>> = {},
) {
  const system = testContext().runtime;
  let passTime = (): void => {};
  const runtime = {
    ...system,
    timers: {
      ...system.timers,
      sleep: () => system.timers.yieldTurn(),
      every(_periodMs: number, task: () => void) {
        passTime = task;
        return () => {};
      },
    },
  };
  const crashes: unknown[] = [];
  const loop = createConsumerLoop({
    log,
    runtime,
    logger: SILENT,
    metrics: NO_METRICS,
    group: 'g',
    topics: ['t'],
    maxRecords: 10,
    read: async (records) => records,
    store,
    ...more,
    crash: (error) => void crashes.push(error),
  });
  const until = async (look: () => boolean) => {
    while (!look()) await system.timers.yieldTurn();
  };
  return { loop, crashes, until, passTime: () => passTime() };
}

test('failing polls, commits and stores are waited out, and every record is handled before its position moves', async () => {
  const { log, state } = smallLog(5, { poll: 2, commit: 2 });
  const handled: number[] = [];
  let failures = 3;
  const { loop, crashes, until } = loopOn(log, async (records, stretches) => {
    failures -= 1;
    if (failures >= 0) throw new OperatingError('STORE_UNAVAILABLE', 'test', { retry: 'retry' });
    handled.push(...records.map(({ offset }) => offset));
    return stretches;
  });
  loop.start();
  await until(() => state.committed === 5);
  assert.deepEqual([...new Set(handled)], [0, 1, 2, 3, 4]);
  assert.equal(loop.trouble(), null);
  const status = await loop.status();
  assert.equal(status.lag, 0);
  await loop.stop();
  assert.deepEqual(crashes, []);
});

test('a bug in a handler ends in crash, and nothing is committed past it', async () => {
  const { log, state } = smallLog(3, {});
  const { loop, crashes, until } = loopOn(log, async ([first]) => {
    if (first?.offset === 1) throw new TypeError('a bug');
    return [{ topic: 't', partition: 0, offset: (first?.offset ?? 0) + 1 }];
  });
  loop.start();
  await until(() => crashes.length > 0);
  await loop.stop();
  assert.equal(state.committed, 1);
  assert.match(String(crashes[0]), /a bug/);
});

test('a stop while the store is down ends at once and commits nothing', async () => {
  const { log, state } = smallLog(3, {});
  const { loop, until } = loopOn(log, async () => {
    throw new OperatingError('STORE_UNAVAILABLE', 'the disk is full', { retry: 'retry' });
  });
  loop.start();
  await until(() => loop.trouble()?.includes('the disk is full') === true);
  await loop.stop();
  assert.equal(state.committed, 0);
});

test('a store that lost something is told of, and gets every record again, though nothing new comes', async () => {
  const { log, state } = smallLog(5, {});
  const stored = new Set<number>();
  let lost: string | null = null;
  let tell = (): void => {};
  const losses: StoreLosses = {
    watch(onLost) {
      tell = onLost;
    },
    lost: () => lost,
    trouble: () => lost,
    accept() {
      lost = null;
    },
  };
  const told = new Set<string | null>();
  const store: ConsumerLoopOptions<Records>['store'] = async (records, stretches) => {
    told.add(loop.trouble());
    for (const { offset } of records) stored.add(offset);
    return stretches;
  };
  const { loop, crashes, until } = loopOn(log, store, { losses });
  loop.start();
  await until(() => state.committed === 5 && loop.trouble() === null);
  stored.clear();
  told.clear();
  lost = 'The store has lost something';
  assert.equal(loop.trouble(), 'g: The store has lost something');
  tell();
  await until(() => stored.size === 5);
  assert.deepEqual([...told], ['g: The store has lost something'], 'also while it is filled again');
  await until(() => loop.trouble() === null);
  assert.equal(state.opened, 2);
  await loop.stop();
  assert.deepEqual(crashes, []);
});

/** A store that notes how far it is, as the relational database does. */
function notingStore(offset: number) {
  const state = { offset, stored: new Set<number>() };
  const store: ConsumerLoopOptions<Records>['store'] = async (records, stretches) => {
    for (const record of records) state.stored.add(record.offset);
    const [stretch] = stretches;
    if (stretch === undefined || stretch.from > state.offset) return null;
    state.offset = stretch.offset;
    return stretches;
  };
  const storePositions = async () => [{ topic: 't', partition: 0, offset: state.offset }];
  return { state, store, storePositions };
}

test('a store that is behind its group is filled from where it is, and that is told until it is done', async () => {
  const { log, state } = smallLog(5, {});
  state.committed = 4;
  const { state: held, store, storePositions } = notingStore(2);
  const told = new Set<string | null>();
  const storeAndLook: typeof store = async (...given) => {
    told.add(loop.trouble());
    return await store(...given);
  };
  const { loop, crashes, until } = loopOn(log, storeAndLook, { storePositions });
  loop.start();
  await until(() => state.committed === 5);
  assert.deepEqual([...held.stored], [2, 3, 4]);
  assert.equal(told.size, 1);
  assert.match(
    [...told].join(),
    /^g: its store lacks t\/0 from 2 on \(it is new, .*filled again from the log\.$/,
  );
  assert.equal(loop.trouble(), null);
  await loop.stop();
  assert.deepEqual(crashes, []);
});

test('a store that lost something under a member that runs gets it again, and nothing is committed past the gap', async () => {
  const { log, state } = smallLog(8, {});
  const { state: held, store, storePositions } = notingStore(0);
  let isFresh = true;
  const committed: number[] = [];
  const loseOnce: typeof store = async (records, stretches) => {
    committed.push(state.committed);
    if (isFresh && stretches[0]?.from === 5) {
      isFresh = false;
      held.offset = 1;
      held.stored = new Set([0]);
    }
    return await store(records, stretches);
  };
  const { loop, crashes, until } = loopOn(log, loseOnce, { storePositions });
  loop.start();
  await until(() => state.committed === 8);
  assert.deepEqual([...held.stored].sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual(committed, [0, 1, 2, 3, 4, 5, 5, 2, 3, 4, 5, 6, 7]);
  assert.equal(state.opened, 1, 'no other member is moved by it');
  await loop.stop();
  assert.deepEqual(crashes, []);
});

test('a store that lost something while nothing new comes is found out by a look', async () => {
  const { log, state } = smallLog(5, {});
  const { state: held, store, storePositions } = notingStore(0);
  const { loop, crashes, until, passTime } = loopOn(log, store, { storePositions });
  loop.start();
  await until(() => state.committed === 5 && loop.trouble() === null);
  held.offset = 3;
  held.stored = new Set([0, 1, 2]);
  passTime();
  await until(() => held.stored.size === 5);
  await loop.stop();
  assert.deepEqual(crashes, []);
});

test('a store that asks for a person is waited for in its group, and each batch is read once for all its attempts', async () => {
  const { log, state } = smallLog(3, {});
  const read: number[] = [];
  let refusals = 0;
  const { loop, crashes, until } = loopOn(
    log,
    async (_records, stretches) => {
      refusals += 1;
      if (refusals < 5) throw new OperatingError('STORE_MISSING', 'make the table', { retry: 'never' });
      return stretches;
    },
    {
      read: async (records) => {
        read.push(...records.map(({ offset }) => offset));
        return records;
      },
    },
  );
  loop.start();
  await until(() => loop.trouble() === 'g waits: make the table');
  await until(() => state.committed === 3);
  assert.equal(state.opened, 1);
  assert.deepEqual(read, [0, 1, 2]);
  await loop.stop();
  assert.deepEqual(crashes, []);
});

test('of a batch whose store lacks one partition, the other partition is committed too, though nothing more comes', async () => {
  const directory = temporaryDirectory();
  const log = await openTestLog(directory.path, 2);
  const topic = TOPIC.ledgerEntries;
  const append = () =>
    log.append([0, 1].map((partition) => ({ topic, partition, key: null, value: Buffer.from('{}') })));
  const committed = async () => (await log.committedPositions('g')).map(({ offset }) => offset).sort();
  const held = new Map<number, number>();
  const { loop, crashes } = loopOn(
    log,
    async (_records, stretches) => {
      const fitting = stretches.filter(({ partition, from }) => from <= (held.get(partition) ?? 0));
      for (const { partition, offset } of fitting) held.set(partition, offset);
      return fitting.length === stretches.length ? stretches : null;
    },
    {
      topics: [topic],
      storePositions: async () => [...held].map(([partition, offset]) => ({ topic, partition, offset })),
    },
  );
  const until = async (offset: number) => {
    while ((await committed()).join() !== `${offset},${offset}`)
      await testContext().runtime.timers.yieldTurn();
  };
  await append();
  loop.start();
  await until(1);
  held.delete(1);
  await append();
  await until(2);
  assert.deepEqual([...held].sort(), [
    [0, 2],
    [1, 2],
  ]);
  await loop.stop();
  await log.close();
  directory.dispose();
  assert.deepEqual(crashes, []);
});
