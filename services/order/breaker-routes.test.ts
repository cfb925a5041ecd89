/** The breaker's routes while nobody executes: what is not known is said to be unknown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TOPIC } from '#domain/data/topics.ts';
import { openMemoryCache } from '#infrastructure/cache/memory/memory-cache.ts';
import type { HttpRequest } from '#infrastructure/core/http.ts';
import type { Portfolio } from '#infrastructure/portfolios/portfolios.ts';
import { bodyOf, openTestLog, temporaryDirectory, testContext } from '#tests/in-process/platform.ts';
import { breakerRoutes } from './breaker-routes.ts';

const ACCOUNT = '7d444840-9dc0-41d1-b245-5ffdce74fad2';

test('without execution a command is appended, its outcome unknown; shown, nothing is known', async () => {
  const directory = temporaryDirectory();
  const log = await openTestLog(directory.path);
  try {
    const { runtime, logger } = testContext();
    const cache = openMemoryCache({ runtime });
    const portfolios = { get: async () => ({}) as Portfolio };
    const routes = breakerRoutes({ log, cache, runtime, logger, waitMs: 0, portfolios });
    const call = async (method: string, body?: unknown) => {
      const route = routes.find((each) => each.method === method);
      assert.ok(route !== undefined);
      const request: HttpRequest = {
        params: {},
        query: {},
        body,
        headers: {},
        principal: null,
        requestId: 'r',
        target: '/operator/breaker',
        traceparent: undefined,
      };
      return route.handle(request as HttpRequest<never, never, never>);
    };
    const answer = await call('POST', { accountId: ACCOUNT, action: 'TRIP', reason: 'so' });
    assert.ok(answer.kind === 'problem');
    assert.equal(answer.problem.code, 'OUTCOME_UNKNOWN');
    const extents = await log.extents(TOPIC.tradeOrders);
    assert.equal(
      extents.reduce((sum, { nextOffset }) => sum + nextOffset, 0),
      1,
    );
    const { partitions } = bodyOf(await call('GET'));
    assert.deepEqual(
      partitions,
      extents.map(({ partition }) => ({ partition, known: false, accounts: [] })),
    );
  } finally {
    await log.close();
    directory.dispose();
  }
});
