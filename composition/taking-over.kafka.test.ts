/**
 * Execution on Kafka after a process that was killed in the middle of its transactions. The broker would end them after
 * ten minutes: whoever waits for that does not come back within the limit of this test.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId, CommandId } from '#domain/data/identifiers.ts';
import { encodeMarketEvent } from '#domain/data/market-event-codec.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import { derivedUuid } from '#infrastructure/common/derived-id.ts';
import { openKafkaLogUnderTest } from '#infrastructure/event-log/kafka/kafka-log.testing.ts';
import { tradehallTopics } from '#infrastructure/event-log/topic-specs.ts';
import { tradeExecutionOptions } from '#streams/trade-execution/config.ts';
import { createTradeExecutionStream } from '#streams/trade-execution/service.ts';
import { configured, marketEvent, testContext } from '#tests/in-process/platform.ts';

const PARTITIONS = 2;
const BY = { sourceService: 'test' };

function openAccount(partition: number) {
  const accountId = derivedUuid('account', String(partition)) as AccountId;
  const commandId = derivedUuid('command', String(partition)) as CommandId;
  const input = {
    type: 'OpenAccount',
    commandId,
    timeMs: 1_000,
    ingestTimeMs: 0,
    accountId,
    name: 'A',
  } as const;
  return { topic: TOPIC.tradeOrders, partition, key: accountId, value: encodeTradingInput(input, BY) };
}

test('prices are sequenced and partitions executed at once by the next process', {
  timeout: 300_000,
}, async () => {
  const under = await openKafkaLogUnderTest();
  const { log } = under;
  try {
    const forever = { marketDataRetentionMs: 'forever', tradingRetentionMs: 'forever' } as const;
    await log.ensureTopics(tradehallTopics({ partitions: PARTITIONS, ...forever, tombstoneMs: 86_400_000 }));
    const price = encodeMarketEvent(marketEvent('AAPL', 1, '100', 1_000), BY);
    await log.append([
      { topic: TOPIC.marketData, key: 'AAPL', value: price },
      ...Array.from({ length: PARTITIONS }, (_, partition) => openAccount(partition)),
    ]);
    const first = { topic: TOPIC.marketData, partition: 0, offset: 1 };
    await under.leaveTransactionOpen('price-sequencer', 'price-sequencer', first);
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const place = { topic: TOPIC.tradeOrders, partition, offset: 1 };
      await under.leaveTransactionOpen(`trade-execution-${partition}`, 'trade-execution', place);
    }
    const context = testContext();
    const halts = { put: async () => {}, get: async () => null, of: async () => null };
    const config = configured(tradeExecutionOptions);
    const stream = createTradeExecutionStream(context, { log, cache: { halts } }, config);
    await stream.start();
    const isDone = async () => {
      const positions = await log.committedPositions('trade-execution');
      const inputs = await log.extents(TOPIC.tradeOrders);
      return (
        stream.readiness().ready &&
        (await log.committedPositions('price-sequencer')).length > 0 &&
        inputs.every(({ partition, nextOffset }) =>
          positions.some((position) => position.partition === partition && position.offset === nextOffset),
        )
      );
    };
    while (!(await isDone())) {
      assert.deepEqual(context.crashes, []);
      await context.runtime.timers.sleep(20);
    }
    await stream.stop();
    assert.deepEqual(context.crashes, []);
  } finally {
    await under.dispose();
  }
});
