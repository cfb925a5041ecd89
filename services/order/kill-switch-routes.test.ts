/** The kill switch's routes while nobody executes: what is not known is said to be unknown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TOPIC } from '#domain/data/topics.ts';
import { openMemoryCache } from '#infrastructure/cache/memory/memory-cache.ts';
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
