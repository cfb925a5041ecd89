import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Money } from '#domain/data/decimal.ts';
import type {
  AccountId,
  CommandId,
  EventId,
  ExecutionId,
  OrderId,
  Symbol as Ticker,
} from '#domain/data/identifiers.ts';
import { deadLetterTopic, TOPIC } from '#domain/data/topics.ts';
import type { Recorded, TradeExecuted } from '#domain/data/trading-events.ts';
import { encodeTradingOutput } from '#domain/data/trading-output-codec.ts';
import { derivedUuid } from '#infrastructure/common/derived-id.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { openDeadLetters } from '#infrastructure/event-log/dead-letters.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import type { AnalyticsTrade } from '#infrastructure/trade-analytics/trade-analytics.ts';
import type { TradeDocument } from '#infrastructure/trade-history/trade-history.ts';
import {
  configured,
  openTestLog,
  price,
  quantity,
  temporaryDirectory,
  testContext,
} from '#tests/in-process/platform.ts';
import { tradePersistenceOptions } from './config.ts';
import { createTradePersistenceStream } from './service.ts';
import { historyDocument } from './trade-documents.ts';

const ACCOUNT = derivedUuid('account') as AccountId;

function trade(at: number, outcome: 'EXECUTED' | 'FAILED_INSUFFICIENT_FUNDS'): Recorded<TradeExecuted> {
  return {
    type: 'TradeExecuted',
    eventId: `event-${at}` as EventId,
    cause: derivedUuid('cause', String(at)) as CommandId,
    accountId: ACCOUNT,
    sequence: at + 1,
    timeMs: 1_550_000_000_000 + at,
    ingestTimeMs: 1_600_000_000_000,
    orderId: derivedUuid('order', String(at)) as OrderId,
    symbol: 'AAPL' as Ticker,
    side: 'BUY',
    quantity: quantity('1'),
    outcome:
      outcome === 'EXECUTED'
        ? {
            status: 'EXECUTED',
            executionId: `x${at}` as ExecutionId,
            executionPrice: price('10'),
            fee: 0n as Money,
            priceEventId: null,
            priceTimestampMs: null,
          }
        : { status: outcome, failureReason: 'no funds' },
  };
}

async function appendTrades(log: EventLog, trades: readonly Recorded<TradeExecuted>[]): Promise<void> {
  await log.append(
    trades.map((each) => ({
      topic: TOPIC.tradeExecuted,
      key: ACCOUNT,
      value: encodeTradingOutput(each, { sourceService: 'test' }),
    })),
  );
}

/** Sinks that keep what they are given by event id, and fail while `down` says so. */
function sinks(down: { history: boolean; analytics: boolean }) {
  const documents = new Map<string, TradeDocument>();
  const executed = new Map<string, AnalyticsTrade>();
  const failWhen = (failing: boolean) => {
    if (failing) throw new OperatingError('STORE_UNAVAILABLE', 'test', { retry: 'retry' });
  };
  const history = {
    losses: null,
    async index(trades: readonly TradeDocument[]) {
      failWhen(down.history);
      for (const each of trades) documents.set(each.eventId, each);
    },
  };
  const analytics = {
    losses: null,
    async append(trades: readonly AnalyticsTrade[]) {
      failWhen(down.analytics);
      for (const each of trades) executed.set(each.eventId, each);
    },
  };
  return { history, analytics, documents, executed };
}

async function withLog(run: (log: EventLog) => Promise<void>): Promise<void> {
  const directory = temporaryDirectory();
  const log = await openTestLog(directory.path);
  try {
    await run(log);
  } finally {
    await log.close();
    directory.dispose();
  }
}

async function until(
  look: () => Promise<boolean> | boolean,
  context: ReturnType<typeof testContext>,
): Promise<void> {
  while (!(await look())) {
    assert.deepEqual(context.crashes, []);
    await context.runtime.timers.sleep(2);
  }
}

async function committedCount(log: EventLog, group: string): Promise<number> {
  return (await log.committedPositions(group)).reduce((sum, { offset }) => sum + offset, 0);
}

test('history gets every outcome, analytics executions only, and what cannot be read becomes a dead letter', async () => {
  await withLog(async (log) => {
    const context = testContext();
    const { history, analytics, documents, executed } = sinks({ history: false, analytics: false });
    await appendTrades(log, [trade(0, 'EXECUTED'), trade(1, 'FAILED_INSUFFICIENT_FUNDS')]);
    await log.append([{ topic: TOPIC.tradeExecuted, key: ACCOUNT, value: Buffer.from('garbage') }]);
    await appendTrades(log, [trade(2, 'EXECUTED')]);
    const stream = createTradePersistenceStream(
      context,
      { log, history, analytics },
      configured(tradePersistenceOptions),
    );
    await stream.start();
    await until(() => documents.size === 3 && executed.size === 2, context);
    await stream.stop();
    assert.equal(documents.get('event-1')?.failureReason, 'no funds');
    const readers = (await openDeadLetters(log, { topic: TOPIC.tradeExecuted, limit: 10 })).map(
      ({ reader }) => reader,
    );
    assert.deepEqual(readers.sort(), ['trade-analytics', 'trade-history']);
  });
});

test('while a sink is down its position is kept, the other goes on, and nothing is lost', async () => {
  await withLog(async (log) => {
    const system = testContext().runtime;
    const runtime = { ...system, timers: { ...system.timers, sleep: () => system.timers.yieldTurn() } };
    const context = testContext({ runtime });
    const down = { history: true, analytics: false };
    const { history, analytics, documents, executed } = sinks(down);
    await appendTrades(log, [trade(0, 'EXECUTED'), trade(1, 'EXECUTED')]);
    const stream = createTradePersistenceStream(
      context,
      { log, history, analytics },
      configured(tradePersistenceOptions),
    );
    await stream.start();
    await until(async () => executed.size === 2 && !stream.readiness().ready, context);
    await until(async () => (await committedCount(log, 'trade-analytics')) === 2, context);
    assert.equal(await committedCount(log, 'trade-history'), 0);
    // A stop does not wait for a sink that is down, and commits nothing for it.
    await stream.stop();
    assert.equal(await committedCount(log, 'trade-history'), 0);
    down.history = false;
    const again = createTradePersistenceStream(
      context,
      { log, history, analytics },
      configured(tradePersistenceOptions),
    );
    await again.start();
    await until(() => documents.size === 2, context);
    await again.stop();
    assert.equal(await committedCount(log, 'trade-history'), 2);
  });
});

test('what cannot be read is one dead letter, however often a sink that is down is asked', async () => {
  await withLog(async (log) => {
    const system = testContext().runtime;
    const runtime = { ...system, timers: { ...system.timers, sleep: () => system.timers.yieldTurn() } };
    const context = testContext({ runtime });
    const { history, analytics, documents } = sinks({ history: false, analytics: false });
    await appendTrades(log, [trade(0, 'EXECUTED')]);
    await log.append([{ topic: TOPIC.tradeExecuted, key: ACCOUNT, value: Buffer.from('garbage') }]);
    let failures = 0;
    const failing = {
      ...history,
      async index(trades: readonly TradeDocument[]) {
        failures += 1;
        if (failures < 20) throw new OperatingError('STORE_UNAVAILABLE', 'test', { retry: 'retry' });
        await history.index(trades);
      },
    };
    const stream = createTradePersistenceStream(
      context,
      { log, history: failing, analytics },
      configured(tradePersistenceOptions),
    );
    await stream.start();
    await until(() => documents.size === 1, context);
    await stream.stop();
    const topic = deadLetterTopic(TOPIC.tradeExecuted);
    const letters = await log.read({ topic, partition: 0, offset: 0 }, 100);
    assert.equal(letters.filter(({ key }) => key?.startsWith('trade-history@')).length, 1);
  });
});

test('a sink that was written and then asked again, as after a crash before the commit, holds each trade once', async () => {
  await withLog(async (log) => {
    const context = testContext();
    const { history, analytics, documents } = sinks({ history: false, analytics: false });
    await appendTrades(log, [trade(0, 'EXECUTED')]);
    await history.index([historyDocument(trade(0, 'EXECUTED'))]);
    const stream = createTradePersistenceStream(
      context,
      { log, history, analytics },
      configured(tradePersistenceOptions),
    );
    await stream.start();
    await until(async () => (await committedCount(log, 'trade-history')) === 1, context);
    await stream.stop();
    assert.equal(documents.size, 1);
  });
});
