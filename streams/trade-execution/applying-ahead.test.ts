/** Inputs that are applied while what was before them is committed: when that is sent, told, handed over and thrown away. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId, CommandId } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import type { TradingInput } from '#domain/data/trading-inputs.ts';
import { derivedUuid } from '#infrastructure/common/derived-id.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { logWith } from '#infrastructure/event-log/event-log.testing.ts';
import type { EventLog, TransactionalProducer } from '#infrastructure/event-log/event-log.ts';
import { openTestLog, temporaryDirectory, testContext } from '#tests/in-process/platform.ts';
import {
  assertReplaysTheSame,
  commandId,
  executedAll,
  NO_MIRROR,
  ownersOn,
  TIME,
  waitUntil,
} from './owners.testing.ts';
import type { Owners } from './owners.ts';

const TURN = 8;
/** Whatever goes on by itself is done in so many turns of the event loop. */
const MOMENT_TURNS = 50;

type Ending = 'committed' | 'unavailable' | 'fenced';

/** A commit that owners have asked for, which waits for the test to end it. */
interface Asked {
  readonly partition: number;
  readonly upTo: number;
  end(ending: Ending): void;
}

function openAccount(number: number): TradingInput {
  const accountId = derivedUuid('account', String(number)) as AccountId;
  const id = derivedUuid('command', String(number)) as CommandId;
  return { type: 'OpenAccount', commandId: id, ...TIME, accountId, name: 'A' };
}

function killSwitch(engaged: boolean): TradingInput {
  const change = { kind: 'SetKillSwitch', engaged, accountId: null } as const;
  return { type: 'Control', commandId: commandId(`kill switch ${engaged}`), ...TIME, change };
}

async function appendTo(log: EventLog, partition: number, inputs: readonly TradingInput[]): Promise<void> {
  await log.append(
    inputs.map((input) => ({
      topic: TOPIC.tradeOrders,
      partition,
      key: null,
      value: encodeTradingInput(input, { sourceService: 'test' }),
    })),
  );
}

interface Subject {
  readonly log: EventLog;
  readonly owners: Owners;
  readonly asked: readonly Asked[];
  /** Transactional ids of owners that were given up. */
  readonly closed: readonly string[];
  until(look: () => boolean | Promise<boolean>): Promise<void>;
  /** Up to where inputs of `partition` are applied. */
  applied(partition: number): Promise<number>;
  aMoment(): Promise<void>;
  /** The commits that wait, and all that follow, end as they should. */
  release(): void;
}

async function withOwners(
  partitions: number,
  run: (subject: Subject) => Promise<void>,
  mirror = NO_MIRROR,
): Promise<void> {
  const directory = temporaryDirectory();
  const log = await openTestLog(directory.path, partitions);
  const { timers, ...system } = testContext().runtime;
  // Back-off without waiting.
  const runtime = { ...system, timers: { ...timers, sleep: () => timers.yieldTurn() } };
  const context = testContext({ runtime });
  const asked: Asked[] = [];
  const closed: string[] = [];
  let held = true;

  async function openProducer(transactionalId: string): Promise<TransactionalProducer> {
    const producer = await log.openProducer(transactionalId);
    return {
      transactionalId,
      async commit(transaction) {
        const { promise, resolve } = Promise.withResolvers<Ending>();
        const [position] = transaction.consumed?.positions ?? [];
        assert(position !== undefined);
        asked.push({ partition: position.partition, upTo: position.offset, end: resolve });
        if (!held) resolve('committed');
        const ending = await promise;
        if (ending === 'fenced') return { kind: 'fenced' };
        if (ending === 'unavailable') throw new OperatingError('LOG_UNAVAILABLE', 'test', { retry: 'retry' });
        return await producer.commit(transaction);
      },
      async close() {
        closed.push(transactionalId);
        await producer.close();
      },
    };
  }

  const owners = ownersOn(logWith(log, { openProducer }), context, TURN, mirror);

  function release(): void {
    held = false;
    for (const each of asked) each.end('committed');
  }

  try {
    await run({
      log,
      owners,
      asked,
      closed,
      release,
      until: (look) => waitUntil(async () => await look(), context),
      async applied(partition) {
        const { partitions: owned } = (await owners.status()) as {
          partitions: { partition: number; nextInputOffset: number }[];
        };
        return owned.find((each) => each.partition === partition)?.nextInputOffset ?? 0;
      },
      async aMoment() {
        for (let turn = 0; turn < MOMENT_TURNS; turn += 1) await timers.yieldTurn();
      },
    });
    await assertReplaysTheSame(log);
  } finally {
    release();
    await owners.stop();
    await log.close();
    directory.dispose();
  }
  assert.deepEqual(context.crashes, []);
}

const numbers = (count: number) => Array.from({ length: count }, (_, number) => number);

test('the next turn is applied while one is committed, and what follows from it is sent when that has ended', async () => {
  await withOwners(1, async ({ log, owners, asked, applied, aMoment, until, release }) => {
    await appendTo(log, 0, numbers(4 * TURN).map(openAccount));
    owners.start();
    for (let turn = 1; turn <= 3; turn += 1) {
      await until(async () => (await applied(0)) === (turn + 1) * TURN);
      await aMoment();
      assert.deepEqual(
        asked.map(({ upTo }) => upTo),
        numbers(turn).map((former) => (former + 1) * TURN),
      );
      asked.at(-1)?.end('committed');
    }
    release();
    await until(() => executedAll(log));
  });
});

for (const ending of ['unavailable', 'fenced'] as const) {
  test(`what was applied ahead of a commit that ends as ${ending} is thrown away, and executed once after that`, async () => {
    await withOwners(1, async ({ log, owners, asked, applied, aMoment, closed, until, release }) => {
      await appendTo(log, 0, numbers(3 * TURN).map(openAccount));
      owners.start();
      await until(async () => (await applied(0)) === 2 * TURN);
      asked[0]?.end(ending);
      await until(() => asked.length === 2);
      await aMoment();
      assert.deepEqual([asked[1]?.upTo, asked.length, closed.length], [TURN, 2, 1]);
      release();
      await until(async () => owners.trouble().length === 0 && (await executedAll(log)));
    });
  });

  test(`an owner whose commit ends as ${ending} gives up though no more inputs come`, async () => {
    await withOwners(1, async ({ log, owners, asked, closed, until, release }) => {
      await appendTo(log, 0, numbers(TURN).map(openAccount));
      owners.start();
      await until(() => asked.length === 1);
      asked[0]?.end(ending);
      await until(() => asked.length === 2);
      assert.deepEqual([asked[1]?.upTo, closed.length], [TURN, 1]);
      release();
      await until(() => executedAll(log));
    });
  });
}

test('when a commit fails, those of other partitions end before their owners are closed', async () => {
  await withOwners(2, async ({ log, owners, asked, closed, applied, aMoment, until, release }) => {
    await appendTo(log, 0, numbers(2 * TURN).map(openAccount));
    await appendTo(log, 1, numbers(TURN).map(openAccount));
    owners.start();
    await until(async () => (await applied(0)) === 2 * TURN);
    assert.deepEqual(asked.map(({ partition }) => partition).sort(), [0, 1]);
    asked.find(({ partition }) => partition === 0)?.end('unavailable');
    await aMoment();
    assert.deepEqual(closed, []);
    release();
    await until(() => executedAll(log));
  });
});

test('of a kill switch the mirror is told what is committed, though the next turn would say otherwise', async () => {
  const told: boolean[] = [];
  const mirror = {
    note({ all }: { readonly all: boolean }) {
      if (all !== told.at(-1)) told.push(all);
    },
    forget() {},
  };
  const run = async ({ log, owners, asked, applied, aMoment, until, release }: Subject): Promise<void> => {
    const accounts = numbers(2 * TURN - 2).map(openAccount);
    const [first, second] = [accounts.slice(0, TURN - 1), accounts.slice(TURN - 1)];
    await appendTo(log, 0, [...first, killSwitch(true), ...second, killSwitch(false)]);
    owners.start();
    await until(() => asked.length === 1);
    await aMoment();
    assert.deepEqual([told, await applied(0)], [[false], TURN]);
    asked[0]?.end('committed');
    await until(() => asked.length === 2);
    assert.deepEqual(told, [false, true]);
    release();
    await until(() => executedAll(log));
    await until(() => told.length === 3);
    assert.deepEqual(told, [false, true, false]);
  };
  await withOwners(1, run, mirror);
});

test('a partition that goes to another member is given up when what was done for it is committed', async () => {
  await withOwners(2, async ({ log, owners, asked, closed, applied, aMoment, until, release }) => {
    // Until it is committed no control of the configuration comes, which nothing would be applied ahead of.
    await appendTo(log, 0, [openAccount(-1)]);
    await appendTo(log, 1, numbers(4 * TURN).map(openAccount));
    owners.start();
    await until(async () => (await applied(1)) > TURN);
    const signal = AbortSignal.timeout(30_000);
    const topics = [TOPIC.tradeOrders];
    const other = await log.openConsumer({ group: 'trade-execution', topics, start: 'earliest' });
    try {
      await other.poll({ maxRecords: 1, signal });
      const polled = other.poll({ maxRecords: 1, signal });
      await aMoment();
      assert.deepEqual(closed, []);
      assert.equal(asked.filter(({ partition }) => partition === 1).length, 1);
      const handedOver = await applied(1);
      release();
      assert.deepEqual(await polled, {
        kind: 'assigned',
        partitions: [{ topic: TOPIC.tradeOrders, partition: 1, offset: handedOver }],
      });
      assert.deepEqual(closed, ['trade-execution-1']);
    } finally {
      await other.close();
    }
    await until(() => executedAll(log));
  });
});
