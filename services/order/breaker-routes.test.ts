/** The breaker's routes beside an execution that is away, behind, or has more to say than there is room for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountHalt } from '#domain/data/account-state.ts';
import type { AccountId } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import type { Cache, PartitionHalts } from '#infrastructure/cache/cache.ts';
import { openMemoryCache } from '#infrastructure/cache/memory/memory-cache.ts';
import type { HttpResult } from '#infrastructure/core/http.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import type { Portfolio } from '#infrastructure/portfolios/portfolios.ts';
import { bodyOf, openTestLog, temporaryDirectory, testContext } from '#tests/in-process/platform.ts';
import { breakerRoutes } from './breaker-routes.ts';
import { callRoute } from './operator-routes.testing.ts';

const ACCOUNT = '7d444840-9dc0-41d1-b245-5ffdce74fad2' as AccountId;
const OTHER = '7d444840-9dc0-41d1-b245-5ffdce74fad3' as AccountId;
const TRIPPED: AccountHalt = { accountId: ACCOUNT, killSwitchEngaged: false, breaker: { state: 'TRIPPED' } };

interface Subject {
  readonly log: EventLog;
  /** Of the account. */
  readonly partition: number;
  call(method: string, body?: unknown): Promise<HttpResult>;
  /** What execution has said. */
  say(halts: Partial<PartitionHalts>): Promise<void>;
  appended(): Promise<number>;
}

async function withRoutes(
  work: (subject: Subject) => Promise<void>,
  away: { readonly cache?: boolean; readonly portfolios?: boolean } = {},
): Promise<void> {
  const directory = temporaryDirectory();
  const log = await openTestLog(directory.path);
  try {
    const { runtime, logger } = testContext();
    const cache = openMemoryCache({ runtime });
    const fail = async () => {
      throw new OperatingError('STORE_UNAVAILABLE', 'away', { retry: 'retry' });
    };
    const portfolios = { get: away.portfolios ? fail : async () => ({}) as Portfolio };
    const reached: Cache = {
      ...cache,
      ...(away.cache
        ? {
            prices: { ...cache.prices, latestFeedTimestampMs: fail },
            halts: { ...cache.halts, get: fail, of: fail },
          }
        : {}),
    };
    const routes = breakerRoutes({ log, cache: reached, runtime, logger, waitMs: 0, portfolios });
    const partition = log.partitionFor(TOPIC.tradeOrders, ACCOUNT);
    await work({
      log,
      partition,
      call: (method, body) => callRoute(routes, method, body),
      say: (halts) =>
        cache.halts.put(
          { partition, nextInputOffset: 0, all: false, unlisted: 0, accounts: [], ...halts },
          60_000,
        ),
      appended: async () =>
        (await log.extents(TOPIC.tradeOrders)).find((each) => each.partition === partition)?.nextOffset ?? 0,
    });
  } finally {
    await log.close();
    directory.dispose();
  }
}

const trip = { accountId: ACCOUNT, action: 'TRIP', reason: 'so' };
const reset = { ...trip, action: 'RESET' };
const codeOf = (answer: HttpResult) => (answer.kind === 'problem' ? answer.problem.code : answer.kind);

test('without execution a command is appended to the partition of its account, its outcome unknown; shown, nothing is known', async () => {
  await withRoutes(async ({ log, call, appended }) => {
    assert.equal(codeOf(await call('POST', trip)), 'OUTCOME_UNKNOWN');
    assert.equal(await appended(), 1);
    const extents = await log.extents(TOPIC.tradeOrders);
    assert.equal(
      extents.reduce((sum, { nextOffset }) => sum + nextOffset, 0),
      1,
    );
    assert.deepEqual(
      bodyOf(await call('GET'))['partitions'],
      extents.map(({ partition }) => ({ partition, known: false, accounts: [], unlisted: 0 })),
    );
  });
});

test('what the mirror said before the command came to its turn answers nothing, whatever it said', async () => {
  await withRoutes(async ({ call, say }) => {
    await say({ nextInputOffset: 0, accounts: [] });
    assert.equal(codeOf(await call('POST', reset)), 'OUTCOME_UNKNOWN');
    await say({ nextInputOffset: 1, accounts: [TRIPPED] });
    assert.equal(codeOf(await call('POST', trip)), 'OUTCOME_UNKNOWN');
    await say({ nextInputOffset: 3, accounts: [TRIPPED] });
    assert.deepEqual(bodyOf(await call('POST', trip)), {
      accountId: ACCOUNT,
      state: 'TRIPPED',
      quietUntil: null,
    });
  });
});

test('an account that is not listed is open, or not known where others are not listed either', async () => {
  await withRoutes(async ({ call, say }) => {
    await say({ nextInputOffset: 10 });
    assert.equal(bodyOf(await call('POST', reset))['state'], 'OPEN');
    await say({ nextInputOffset: 10, unlisted: 1 });
    assert.equal(bodyOf(await call('POST', reset))['state'], 'UNKNOWN');
  });
});

test('shown are the breakers that are not open, with the end of a quiet period, and how many are not listed', async () => {
  await withRoutes(async ({ partition, call, say }) => {
    const quiet: AccountHalt = {
      accountId: OTHER,
      killSwitchEngaged: true,
      breaker: { state: 'QUIET_PERIOD', untilMs: Date.UTC(2019, 1, 11, 14, 35) },
    };
    const switched: AccountHalt = { ...TRIPPED, killSwitchEngaged: true, breaker: { state: 'OPEN' } };
    await say({ accounts: [quiet, switched], unlisted: 4 });
    const { partitions } = bodyOf(await call('GET'));
    assert.ok(Array.isArray(partitions));
    assert.deepEqual(partitions[partition], {
      partition,
      known: true,
      accounts: [{ accountId: OTHER, state: 'QUIET_PERIOD', quietUntil: '2019-02-11T14:35:00.000Z' }],
      unlisted: 4,
    });
  });
});

test('a breaker is tripped and reset while neither the cache nor the accounts can be read; what came of it is not known', async () => {
  await withRoutes(
    async ({ call, appended }) => {
      assert.equal(codeOf(await call('POST', trip)), 'OUTCOME_UNKNOWN');
      assert.equal(codeOf(await call('POST', reset)), 'OUTCOME_UNKNOWN');
      assert.equal(await appended(), 2);
      assert.equal(codeOf(await call('GET')), 'DEPENDENCY_UNAVAILABLE');
    },
    { cache: true, portfolios: true },
  );
});

test('of an account that could not be looked up the mirror says whether it is there, when it was to trip', async () => {
  await withRoutes(
    async ({ call, say }) => {
      await say({ nextInputOffset: 10 });
      assert.equal(codeOf(await call('POST', trip)), 'ACCOUNT_NOT_FOUND');
      assert.equal(bodyOf(await call('POST', reset))['state'], 'OPEN');
      await say({ nextInputOffset: 10, accounts: [TRIPPED] });
      assert.equal(bodyOf(await call('POST', trip))['state'], 'TRIPPED');
    },
    { portfolios: true },
  );
});
