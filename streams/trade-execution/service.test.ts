/** trade-execution as it is wired, when what it needs is away. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { readTradingInput } from '#infrastructure/event-log/decode-once.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import { readValue } from '#infrastructure/event-log/read-records.ts';
import { testContext } from '#tests/in-process/platform.ts';
import { ACCOUNTS, CONFIG, executedAll, opening, TIME, waitUntil, withLog } from './owners.testing.ts';
import { createTradeExecutionStream } from './service.ts';

async function timesOfControls(log: EventLog, partition: number): Promise<readonly number[]> {
  const records = await log.read({ topic: TOPIC.tradeOrders, partition, offset: 0 }, 100);
  return records.flatMap((record) => {
    const decoded = readValue(record, readTradingInput);
    return decoded.kind === 'decoded' && decoded.value.type === 'Control' ? [decoded.value.timeMs] : [];
  });
}

test('while the cache is away partitions are opened and executed, and controls bear the partition’s own time', async () => {
  await withLog(async (log) => {
    const [accountId = '' as AccountId] = ACCOUNTS;
    await log.append(
      opening(accountId).map((input) => ({
        topic: TOPIC.tradeOrders,
        partition: 0,
        key: accountId,
        value: encodeTradingInput(input, { sourceService: 'test' }),
      })),
    );
    const context = testContext();
    const away = async () => {
      throw new OperatingError('CACHE_UNAVAILABLE', 'test', { retry: 'retry' });
    };
    const cache = { halts: { put: away, get: away, of: away } };
    const stream = createTradeExecutionStream(context, { log, cache }, CONFIG);
    await stream.start();
    await waitUntil(async () => stream.readiness().ready && (await executedAll(log)), context);
    await stream.stop();
    const { timeMs } = TIME;
    assert.deepEqual(await timesOfControls(log, 0), [timeMs, timeMs]);
    assert.deepEqual(await timesOfControls(log, 1), [0, 0]);
  });
});
