/** What owners say of halts, and what the cache gets of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountHalt, Breaker } from '#domain/data/account-state.ts';
import type { AccountId } from '#domain/data/identifiers.ts';
import { MOST_HALTED_ACCOUNTS, type PartitionHalts } from '#infrastructure/cache/cache.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { testContext } from '#tests/in-process/platform.ts';
import { HaltsMirror } from './halts-mirror.ts';

const [ADA, BOB] = ['ada' as AccountId, 'bob' as AccountId];

const haltOf = (accountId: AccountId, killSwitchEngaged: boolean, breaker: Breaker): AccountHalt => ({
  accountId,
  killSwitchEngaged,
  breaker,
});
const haltsOf = (...ids: readonly AccountId[]): ReadonlyMap<AccountId, AccountHalt> =>
  new Map(ids.map((accountId) => [accountId, haltOf(accountId, true, { state: 'OPEN' })]));

/** A cache whose puts wait to be answered, and timers that go off when told. */
function subject() {
  const puts: { readonly halts: PartitionHalts; answer(error?: Error): Promise<void> }[] = [];
  let goOff = (): void | Promise<void> => {};
  const context = testContext();
  const metrics = createPrometheusMetrics({ processFigures: false });
  const { runtime } = context;
  const timers: typeof runtime.timers = {
    ...runtime.timers,
    every(_periodMs, task) {
      goOff = task;
      return () => {
        goOff = () => {};
      };
    },
  };
  const mirror = new HaltsMirror(
    { ...context, metrics, runtime: { ...runtime, timers } },
    {
      halts: {
        put(halts) {
          const { promise, resolve, reject } = Promise.withResolvers<void>();
          puts.push({
            halts,
            async answer(error) {
              if (error === undefined) resolve();
              else reject(error);
              await runtime.timers.yieldTurn();
            },
          });
          return promise;
        },
        get: async () => null,
        of: async () => null,
      },
    },
  );
  mirror.start();
  const metric = async (name: string) => {
    const line = (await metrics.expose()).text.split('\n').find((each) => each.startsWith(`${name}{`));
    return Number(line?.split(' ').at(-1));
  };
  return { mirror, puts, metric, turn: async () => void goOff() };
}

const at = (partition: number, all: boolean) => ({ partition, nextInputOffset: 7, all });

const said = (put: { readonly halts: PartitionHalts } | undefined) => {
  assert.ok(put !== undefined);
  const { partition, all, accounts } = put.halts;
  return `${partition} ${all} ${accounts.map(({ accountId }) => accountId).join()}`;
};

test('news are put at once, one at a time, and of what came meanwhile the last', async () => {
  const { mirror, puts } = subject();
  mirror.note(at(0, false), haltsOf(ADA));
  mirror.note(at(0, false), haltsOf(ADA, BOB));
  mirror.note(at(0, true), haltsOf(BOB));
  assert.deepEqual(puts.map(said), ['0 false ada']);
  await puts[0]?.answer();
  assert.deepEqual(puts.map(said), ['0 false ada', '0 true bob']);
  await puts[1]?.answer();
  assert.equal(puts.length, 2);
});

test('every few seconds all of it is put again, of the partitions owned here and no others', async () => {
  const { mirror, puts, turn } = subject();
  for (const partition of [0, 1]) mirror.note(at(partition, true), haltsOf());
  await puts[0]?.answer();
  await puts[1]?.answer();
  mirror.forget(0);
  await turn();
  assert.deepEqual(puts.slice(2).map(said), ['1 true ']);
  await puts[2]?.answer();
  mirror.stop();
  await turn();
  assert.equal(puts.length, 3);
});

test('a cache that cannot be reached is tried again at the next turn', async () => {
  const { mirror, puts, turn } = subject();
  mirror.note(at(0, true), haltsOf());
  await puts[0]?.answer(new OperatingError('CACHE_UNAVAILABLE', 'test', { retry: 'retry' }));
  assert.equal(puts.length, 1);
  await turn();
  assert.deepEqual(puts.map(said), ['0 true ', '0 true ']);
});

test('of more halted accounts than a cache takes, as many as it takes are put, kill switches first, and the others counted', async () => {
  const { mirror, puts, metric } = subject();
  const accounts = Array.from(
    { length: MOST_HALTED_ACCOUNTS + 1 },
    (_, number) => String(number) as AccountId,
  );
  const tripped = accounts.map((accountId) => haltOf(accountId, false, { state: 'TRIPPED' }));
  const halts = [...tripped, haltOf(ADA, true, { state: 'OPEN' })];
  mirror.note(at(0, false), new Map(halts.map((halt) => [halt.accountId, halt])));
  const put = puts[0]?.halts;
  assert.deepEqual(
    put?.accounts.map(({ accountId }) => accountId),
    [ADA, ...accounts.slice(0, -2)],
  );
  assert.deepEqual([put?.unlisted, put?.nextInputOffset], [2, 7]);
  assert.equal(await metric('tradehall_halted_accounts'), 1);
  assert.equal(await metric('tradehall_tripped_breakers'), MOST_HALTED_ACCOUNTS + 1);
  mirror.forget(0);
  assert.equal(await metric('tradehall_tripped_breakers'), 0);
});
