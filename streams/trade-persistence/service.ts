/**
 * trade-persistence: folds `trade_executed` into trade history and trade analytics.
 *
 * Two groups, so that one sink being down does not hold back the other. Both sinks ignore a repeat by event id,
 * which makes at-least-once delivery enough.
 */
import { TOPIC } from '#domain/data/topics.ts';
import type { Recorded, TradeExecuted } from '#domain/data/trading-events.ts';
import type { StoreLosses } from '#infrastructure/common/store-losses.ts';
import type { Service, ServiceContext } from '#infrastructure/core/service.ts';
import { type ConsumerLoop, createConsumerLoop } from '#infrastructure/event-log/consumer-loop.ts';
import { readTradeExecuted } from '#infrastructure/event-log/decode-once.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import { readRecords } from '#infrastructure/event-log/read-records.ts';
import type { TradeAnalytics } from '#infrastructure/trade-analytics/trade-analytics.ts';
import type { TradeHistory } from '#infrastructure/trade-history/trade-history.ts';
import type { TradePersistenceConfig } from './config.ts';
import { analyticsTrade, historyDocument } from './trade-documents.ts';

export interface TradePersistencePorts {
  readonly log: EventLog;
  readonly history: Pick<TradeHistory, 'index' | 'losses'>;
  readonly analytics: Pick<TradeAnalytics, 'append' | 'losses'>;
}

export function createTradePersistenceStream(
  context: ServiceContext,
  ports: TradePersistencePorts,
  config: TradePersistenceConfig,
): Service {
  const logger = context.logger.child({ service: 'trade-persistence' });

  function loop(
    group: string,
    lingerMs: number,
    losses: StoreLosses | null,
    store: (events: readonly Recorded<TradeExecuted>[]) => Promise<void>,
  ): ConsumerLoop {
    return createConsumerLoop({
      log: ports.log,
      runtime: context.runtime,
      logger,
      metrics: context.metrics,
      group,
      topics: [TOPIC.tradeExecuted],
      maxRecords: config.batchSize,
      lingerMs,
      losses,
      read: (records) => readRecords(ports.log, group, records, readTradeExecuted),
      async store(events, stretches) {
        if (events.length > 0) await store(events.map(({ value }) => value));
        return stretches;
      },
      crash: context.crash,
    });
  }

  const loops = [
    loop('trade-history', config.historyLingerMs, ports.history.losses, (events) =>
      ports.history.index(events.map(historyDocument)),
    ),
    loop('trade-analytics', config.analyticsLingerMs, ports.analytics.losses, async (events) => {
      const trades = events.map(analyticsTrade).filter((trade) => trade !== null);
      if (trades.length > 0) await ports.analytics.append(trades);
    }),
  ];

  async function stopLoops(): Promise<void> {
    await Promise.all(loops.map((each) => each.stop()));
  }

  return {
    name: 'trade-persistence',
    routes: [],
    socketRoutes: [],
    async start() {
      for (const each of loops) each.start();
    },
    readiness() {
      const reasons = loops.map((each) => each.trouble()).filter((reason) => reason !== null);
      return reasons.length === 0 ? { ready: true } : { ready: false, reasons };
    },
    async status() {
      return { consumers: await Promise.all(loops.map((each) => each.status())) };
    },
    // What execution still commits while it drains is stored before the stop.
    async drain() {},
    stop: stopLoops,
  };
}
