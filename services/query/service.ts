/** The query service: search in trade history, and aggregates over trade analytics. It only reads. */
import type { Cache } from '#infrastructure/cache/cache.ts';
import type { Service, ServiceContext } from '#infrastructure/core/service.ts';
import type { TradeAnalytics } from '#infrastructure/trade-analytics/trade-analytics.ts';
import type { TradeHistory } from '#infrastructure/trade-history/trade-history.ts';
import { analyticsRoutes } from './analytics-routes.ts';
import type { QueryConfig } from './config.ts';
import { createGuard } from './guard.ts';
import { tradeRoutes } from './trade-routes.ts';

export interface QueryPorts {
  readonly history: TradeHistory;
  readonly analytics: TradeAnalytics;
  /** For market time, where windows end. */
  readonly cache: Cache;
}

export function createQueryService(context: ServiceContext, ports: QueryPorts, config: QueryConfig): Service {
  const guard = createGuard(context.logger.child({ service: 'query' }));
  const { history, analytics, cache } = ports;
  let started = false;

  async function stop(): Promise<void> {
    started = false;
  }

  return {
    name: 'query',
    routes: [
      ...tradeRoutes(history, guard),
      ...analyticsRoutes({ analytics, cache, maxBars: config.maxBars }, guard),
    ],
    socketRoutes: [],
    async start() {
      started = true;
    },
    readiness() {
      return started ? { ready: true } : { ready: false, reasons: ['the query service has not started'] };
    },
    async status() {
      return { started };
    },
    drain: stop,
    stop,
  };
}
