/** The services of trading stopped and started again on the same folder. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replay, replaySource } from '#streams/trade-execution/replay.ts';
import {
  bodyOf,
  keyOf,
  marketEvent,
  openPlatform,
  type Platform,
  statusOf,
  temporaryDirectory,
} from './platform.ts';

const MARKET_MS = Date.UTC(2019, 1, 11, 14, 30);

function place(platform: Platform, accountId: string, body: unknown, key: string) {
  return platform.call('POST', '/v1/orders', {
    body,
    headers: { 'x-idempotency-key': key },
    principal: keyOf(accountId),
  });
}

/** A key is refused until the index has caught up after the start. */
async function placeWhenReady(platform: Platform, accountId: string, body: unknown, key: string) {
  return platform.until(async () => {
    const answer = await place(platform, accountId, body, key);
    return statusOf(answer) === 503 ? null : answer;
  });
}

test('what was accepted before a stop is executed after it, keys are remembered, and a replay gives the same', async () => {
  const directory = temporaryDirectory();
  try {
    const first = await openPlatform({ directory: directory.path });
    await first.feed([marketEvent('AAPL', 1, '170', MARKET_MS)]);
    const opened = bodyOf(
      await first.call('POST', '/operator/accounts', { body: { name: 'A', cash: '100000' } }),
    );
    const accountId = String(opened['accountId']);
    const body = { symbol: 'AAPL', side: 'BUY', quantity: '1' };
    const ids = new Set<unknown>();
    for (let at = 0; at < 40; at += 1)
      ids.add(bodyOf(await place(first, accountId, body, `k${at}`))['orderId']);
    // Stopped while execution and the projections still have work.
    await first.close();

    const second = await openPlatform({ directory: directory.path });
    await second.feed([marketEvent('AAPL', 2, '171', MARKET_MS + 1_000)]);
    const again = await placeWhenReady(second, accountId, body, 'k7');
    assert.ok(ids.has(bodyOf(again)['orderId']));
    assert.equal(statusOf(await place(second, accountId, { ...body, quantity: '2' }, 'k7')), 409);
    const portfolio = await second.until(async () => {
      const found = bodyOf(await second.call('GET', `/operator/accounts/${accountId}/portfolio`));
      return (found['holdings'] as Record<string, string>)['AAPL'] === '40' ? found : null;
    });
    assert.equal(portfolio['cashReserved'], '0');
    await second.until(async () => {
      const query = { limit: 500 };
      const found = bodyOf(
        await second.call('GET', '/v1/trades/search', { principal: keyOf(accountId), query }),
      );
      return (found['trades'] as unknown[]).length === 40;
    });
    for (const { partition } of await second.log.extents('trade_orders')) {
      const outcome = await replay(replaySource(second.log, partition));
      assert(outcome.kind === 'same', outcome.kind === 'different' ? outcome.message : '');
    }
    await second.close();
  } finally {
    directory.dispose();
  }
});
