/** A kill switch on its way from the log to the mirror. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import { testContext } from '#tests/in-process/platform.ts';
import {
  ACCOUNTS,
  append,
  assertReplaysTheSame,
  commandId,
  executedAll,
  opening,
  ownersOn,
  TIME,
  waitUntil,
  withLog,
} from './owners.testing.ts';
import { PartitionOwner } from './partition-owner.ts';

test('a breaker is told to the mirror with each of its states, and by the next owner from what it restores', async () => {
  await withLog(async (log) => {
    const [ada = '' as AccountId] = ACCOUNTS;
    const partition = log.partitionFor(TOPIC.tradeOrders, ada);
    await append(log, opening(ada));
    const own = async (): Promise<readonly string[]> => {
      const told: string[] = [];
      const context = testContext();
      const owners = ownersOn(log, context, 8, {
        note: (of, accounts) => {
          if (of.partition !== partition) return;
          const states = [...accounts.values()].map(({ breaker }) => breaker.state).join() || 'none';
          if (states !== told.at(-1)) told.push(states);
        },
        forget: () => {},
      });
      owners.start();
      await waitUntil(async () => owners.trouble().length === 0 && (await executedAll(log)), context);
      await owners.stop();
      return told;
    };
    const changed = (action: 'TRIP' | 'RESET', timeMs = TIME.timeMs) => {
      const change = { kind: 'SetBreaker', accountId: ada, action, reason: 'so' } as const;
      const command = {
        type: 'Control',
        commandId: commandId(`${action} ${timeMs}`),
        ...TIME,
        timeMs,
        change,
      } as const;
      const value = encodeTradingInput(command, { sourceService: 'test' });
      return log.append([{ topic: TOPIC.tradeOrders, partition, key: null, value }]);
    };
    assert.deepEqual(await own(), ['none']);
    await changed('TRIP');
    assert.deepEqual(await own(), ['none', 'TRIPPED']);
    await changed('RESET');
    assert.deepEqual(await own(), ['TRIPPED', 'QUIET_PERIOD']);
    await changed('RESET', TIME.timeMs + 3_600_000);
    assert.deepEqual(await own(), ['QUIET_PERIOD', 'none']);
    assert.deepEqual(await own(), ['none']);
    await assertReplaysTheSame(log);
  });
});

test('an account whose breaker has tripped is told once more when its kill switch is engaged', async () => {
  await withLog(async (log) => {
    const [ada = '' as AccountId] = ACCOUNTS;
    await append(log, opening(ada));
    const controls = [
      { kind: 'SetBreaker', accountId: ada, action: 'TRIP', reason: 'so' },
      { kind: 'SetKillSwitch', engaged: true, accountId: ada },
    ] as const;
    const partition = log.partitionFor(TOPIC.tradeOrders, ada);
    for (const change of controls) {
      const command = { type: 'Control', commandId: commandId(change.kind), ...TIME, change } as const;
      const value = encodeTradingInput(command, { sourceService: 'test' });
      await log.append([{ topic: TOPIC.tradeOrders, partition, key: null, value }]);
    }
    const owner = await PartitionOwner.open(log, partition, testContext());
    const records = await log.read({ topic: TOPIC.tradeOrders, partition, offset: 0 }, 10);
    await (await owner.step(records.slice(0, -1))).committed;
    assert.deepEqual(
      [...owner.halted.values()],
      [{ accountId: ada, killSwitchEngaged: false, breaker: { state: 'TRIPPED' } }],
    );
    await (await owner.step(records.slice(-1))).committed;
    assert.deepEqual(
      [...owner.halted.values()],
      [{ accountId: ada, killSwitchEngaged: true, breaker: { state: 'TRIPPED' } }],
    );
    await owner.close();
  });
});

test('a kill switch is told to the mirror once it is committed, and by the next owner from what it restores', async () => {
  await withLog(async (log) => {
    const [ada = '' as AccountId, bob = '' as AccountId] = ACCOUNTS;
    const placeOf = (accountId: AccountId) => log.partitionFor(TOPIC.tradeOrders, accountId);
    await append(log, [...opening(ada), ...opening(bob)]);
    const told = new Map<number, string>();
    const own = async (): Promise<void> => {
      const context = testContext();
      const owners = ownersOn(log, context, 8, {
        note: ({ partition, all }, accounts) => {
          const switched = [...accounts.values()].filter(({ killSwitchEngaged }) => killSwitchEngaged);
          told.set(partition, `${all} ${switched.map(({ accountId }) => accountId).join()}`);
        },
        forget: (partition) => void told.delete(partition),
      });
      owners.start();
      await waitUntil(async () => owners.trouble().length === 0 && (await executedAll(log)), context);
      seen = new Map(told);
      await owners.stop();
    };
    let seen = new Map<number, string>();
    const switched = (partition: number, engaged: boolean, accountId: AccountId | null) => {
      const change = { kind: 'SetKillSwitch', engaged, accountId } as const;
      const id = commandId(`${partition} ${engaged} ${accountId}`);
      const value = encodeTradingInput(
        { type: 'Control', commandId: id, ...TIME, change },
        { sourceService: 'test' },
      );
      return { topic: TOPIC.tradeOrders, partition, key: null, value };
    };
    await own();
    assert.deepEqual(new Set(seen.values()), new Set(['false ']));
    await log.append([switched(placeOf(ada), true, ada)]);
    await own();
    assert.equal(seen.get(placeOf(ada)), `false ${ada}`);
    await own();
    assert.equal(seen.get(placeOf(ada)), `false ${ada}`);
    await log.append([switched(placeOf(ada), false, ada), switched(placeOf(bob), true, null)]);
    await own();
    const [ofAda, ofBob] = [seen.get(placeOf(ada)), seen.get(placeOf(bob))];
    assert.deepEqual([ofAda, ofBob], [placeOf(ada) === placeOf(bob) ? 'true ' : 'false ', 'true ']);
    assert.equal(told.size, 0);
    await assertReplaysTheSame(log);
  });
});
