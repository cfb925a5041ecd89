/** The kill switch's routes while nobody executes, or stores are away: what is not known is said to be unknown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountHalt } from '#domain/data/account-state.ts';
import type { AccountId } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { decodeTradingInput } from '#domain/data/trading-input-codec.ts';
import { openMemoryCache } from '#infrastructure/cache/memory/memory-cache.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { bodyOf, openTestLog, temporaryDirectory, testContext } from '#tests/in-process/platform.ts';
import { killSwitchRoutes } from './kill-switch-routes.ts';
import { callRoute } from './operator-routes.testing.ts';

test('without execution a switch is appended to every partition, its outcome unknown; shown, nothing is known', async () => {
  const directory = temporaryDirectory();
  const log = await openTestLog(directory.path);
  try {
    const { runtime, logger } = testContext();
    const cache = openMemoryCache({ runtime });
    const routes = killSwitchRoutes({
      log,
      cache,
      runtime,
      logger,
      waitMs: 0,
      portfolios: { get: async () => null },
    });
    const call = (method: string, body?: unknown) => callRoute(routes, method, body);
    const answer = await call('POST', { engaged: true });
    assert.ok(answer.kind === 'problem');
    assert.equal(answer.problem.code, 'OUTCOME_UNKNOWN');
    const extents = await log.extents(TOPIC.tradeOrders);
    assert.deepEqual(
      extents.map(({ nextOffset }) => nextOffset),
      extents.map(() => 1),
    );
    const { partitions } = bodyOf(await call('GET'));
    assert.deepEqual(
      partitions,
      extents.map(({ partition }) => ({ partition, all: 'UNKNOWN', accounts: [], unlisted: 0 })),
    );
    const say = (partition: number) =>
      cache.halts.put({ partition, nextInputOffset: 5, all: true, unlisted: 0, accounts: [] }, 60_000);
    for (const { partition } of extents.slice(1)) await say(partition);
    const partly = await call('POST', { engaged: true });
    assert.equal(partly.kind, 'problem', 'one partition has not come to it');
    await say(0);
    assert.deepEqual(bodyOf(await call('POST', { engaged: true })), { engaged: true, accountId: null });
  } finally {
    await log.close();
    directory.dispose();
  }
});

const ACCOUNT = '7d444840-9dc0-41d1-b245-5ffdce74fad2' as AccountId;

test('a switch is written while neither the cache nor the accounts can be read, at the time that execution is at', async () => {
  const directory = temporaryDirectory();
  const log = await openTestLog(directory.path);
  try {
    const { runtime, logger } = testContext();
    const cache = openMemoryCache({ runtime });
    const away = async () => {
      throw new OperatingError('STORE_UNAVAILABLE', 'away', { retry: 'retry' });
    };
    const routes = (isCacheAway: boolean) =>
      killSwitchRoutes({
        log,
        cache: isCacheAway
          ? {
              ...cache,
              prices: { ...cache.prices, latestFeedTimestampMs: away },
              halts: { ...cache.halts, get: away, of: away },
            }
          : cache,
        runtime,
        logger,
        waitMs: 0,
        portfolios: { get: away },
      });
    const codeOf = async (isCacheAway: boolean, body: unknown) => {
      const answer = await callRoute(routes(isCacheAway), 'POST', body);
      return answer.kind === 'problem' ? answer.problem.code : answer.kind;
    };
    const partition = log.partitionFor(TOPIC.tradeOrders, ACCOUNT);
    const written = async () => {
      const records = await log.read({ topic: TOPIC.tradeOrders, partition, offset: 0 }, 10);
      return records.map(({ value }) => {
        const decoded = decodeTradingInput(value ?? Buffer.of());
        assert(decoded.kind === 'decoded' && decoded.value.type === 'Control');
        return [decoded.value.timeMs, decoded.value.change];
      });
    };
    const ofAll = { kind: 'SetKillSwitch', engaged: true, accountId: null };
    const ofOne = { ...ofAll, accountId: ACCOUNT };
    assert.equal(await codeOf(true, { engaged: true }), 'OUTCOME_UNKNOWN');
    assert.equal(await codeOf(true, { engaged: true, accountId: ACCOUNT }), 'OUTCOME_UNKNOWN');
    assert.deepEqual(await written(), [
      [0, ofAll],
      [0, ofOne],
    ]);
    const say = (accounts: readonly AccountHalt[], unlisted = 0) =>
      cache.halts.put({ partition, nextInputOffset: 9, all: false, unlisted, accounts }, 60_000);
    await say([{ accountId: ACCOUNT, killSwitchEngaged: true, breaker: { state: 'OPEN' } }]);
    assert.equal(await codeOf(false, { engaged: true, accountId: ACCOUNT }), 'json');
    await say([]);
    assert.equal(
      await codeOf(false, { engaged: true, accountId: ACCOUNT }),
      'ACCOUNT_NOT_FOUND',
      'execution has heard it and halts no such account',
    );
    assert.equal(await codeOf(false, { engaged: false, accountId: ACCOUNT }), 'json');
    await say([], 1);
    assert.equal(await codeOf(false, { engaged: true, accountId: ACCOUNT }), 'json');
  } finally {
    await log.close();
    directory.dispose();
  }
});
