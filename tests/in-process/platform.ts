/**
 * The five services of trading in one process on embedded adapters, without HTTP: handlers are called as the gateway
 * would call them, and prices are appended to the log as ingestion would.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Price, parsePrice, parseQuantity, type Quantity } from '#domain/data/decimal.ts';
import type { EventId, Symbol as Ticker } from '#domain/data/identifiers.ts';
import type { MarketEvent } from '#domain/data/market-event.ts';
import { encodeMarketEvent } from '#domain/data/market-event-codec.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { openMemoryCache } from '#infrastructure/cache/memory/memory-cache.ts';
import type { HttpResult, Principal, Route } from '#infrastructure/core/http.ts';
import type { Metrics } from '#infrastructure/core/metrics.ts';
import type { ConfigurationOf, OptionRecord } from '#infrastructure/core/options.ts';
import type { Service, ServiceContext } from '#infrastructure/core/service.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import { openSqliteEventLog } from '#infrastructure/event-log/sqlite/sqlite-event-log.ts';
import { tradehallTopics } from '#infrastructure/event-log/topic-specs.ts';
import { openSqlitePortfolios } from '#infrastructure/portfolios/sqlite/sqlite-portfolios.ts';
import { openSqliteRelational } from '#infrastructure/relational/sqlite/sqlite-relational.ts';
import { openDuckDbTradeAnalytics } from '#infrastructure/trade-analytics/duckdb/duckdb-trade-analytics.ts';
import { openSqliteTradeHistory } from '#infrastructure/trade-history/sqlite/sqlite-trade-history.ts';
import { orderOptions } from '#services/order/config.ts';
import { createOrderService } from '#services/order/service.ts';
import { portfolioOptions } from '#services/portfolio/config.ts';
import { createPortfolioService } from '#services/portfolio/service.ts';
import { queryOptions } from '#services/query/config.ts';
import { createQueryService } from '#services/query/service.ts';
import { tradeExecutionOptions } from '#streams/trade-execution/config.ts';
import { createTradeExecutionStream } from '#streams/trade-execution/service.ts';
import { tradePersistenceOptions } from '#streams/trade-persistence/config.ts';
import { createTradePersistenceStream } from '#streams/trade-persistence/service.ts';
import { SILENT } from '#tests/support/silent-logger.ts';

export const NO_METRICS: Metrics = {
  counter: () => ({ increment() {} }),
  gauge: () => ({ set() {} }),
  histogram: () => ({ observe() {} }),
};

/** The configuration that the defaults give, some options overridden by their texts. */
export function configured<Options extends OptionRecord>(
  options: Options,
  overrides: Readonly<Record<string, string>> = {},
): ConfigurationOf<Options> {
  const entries = Object.entries(options).map(([key, option]) => {
    const parsed = option.parse(overrides[option.name] ?? option.defaultText);
    assert.equal(parsed.kind, 'value', option.name);
    return [key, parsed.kind === 'value' ? parsed.value : undefined];
  });
  return Object.fromEntries(entries) as ConfigurationOf<Options>;
}

export function price(text: string): Price {
  const parsed = parsePrice(text);
  assert(parsed.kind === 'decimal');
  return parsed.value;
}

export function quantity(text: string): Quantity {
  const parsed = parseQuantity(text);
  assert(parsed.kind === 'decimal');
  return parsed.value;
}

export function marketEvent(
  symbol: string,
  sequence: number,
  at: string,
  feedTimestampMs: number,
  more: Partial<MarketEvent> = {},
): MarketEvent {
  return {
    eventId: `test:${symbol}:${sequence}` as EventId,
    symbol: symbol as Ticker,
    sequence,
    price: price(at),
    feedTimestampMs,
    bid: null,
    bidSize: null,
    ask: null,
    askSize: null,
    size: null,
    volume: null,
    ...more,
  };
}

export async function openTestLog(directory: string, partitions = 2): Promise<EventLog> {
  const log = await openSqliteEventLog({ directory, runtime: createSystemRuntime(), logger: SILENT });
  await log.ensureTopics(
    tradehallTopics({
      partitions,
      marketDataRetentionMs: 'forever',
      tradingRetentionMs: 'forever',
      tombstoneMs: 86_400_000,
    }),
  );
  return log;
}

export function temporaryDirectory(): { readonly path: string; dispose(): void } {
  const path = mkdtempSync(join(tmpdir(), 'tradehall-test-'));
  return { path, dispose: () => rmSync(path, { recursive: true, force: true }) };
}

export function testContext(
  overrides: Partial<ServiceContext> = {},
): ServiceContext & { readonly crashes: unknown[] } {
  const crashes: unknown[] = [];
  return {
    runtime: createSystemRuntime(),
    logger: SILENT,
    metrics: NO_METRICS,
    crash: (error) => void crashes.push(error),
    crashes,
    ...overrides,
  };
}

export type Caller = (
  method: Route['method'],
  path: string,
  request?: {
    readonly body?: unknown;
    readonly query?: Record<string, unknown>;
    readonly headers?: Record<string, string>;
    readonly principal?: Principal | null;
  },
) => Promise<HttpResult>;

/** Finds the route of a path as the gateway would, and calls its handler. */
export function callerOf(services: readonly Pick<Service, 'routes'>[]): Caller {
  const routes = services.flatMap((service) => service.routes);
  return async (method, path, request = {}) => {
    for (const route of routes) {
      const params = route.method === method ? matched(route.path, path) : null;
      if (params === null) continue;
      const handle = route.handle as (request: unknown) => Promise<HttpResult>;
      return handle({
        params,
        query: request.query ?? {},
        body: request.body,
        headers: request.headers ?? {},
        principal: request.principal === undefined ? { kind: 'operator' } : request.principal,
        requestId: 'test',
        target: '/',
        traceparent: undefined,
        isAbandoned: () => false,
      });
    }
    throw new Error(`no route ${method} ${path}`);
  };
}

function matched(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [at, part] of wanted.entries()) {
    const text = given[at] ?? '';
    if (part.startsWith(':')) params[part.slice(1)] = text;
    else if (part !== text) return null;
  }
  return params;
}

export async function openPlatform(
  options: { readonly directory?: string; readonly overrides?: Record<string, string> } = {},
) {
  const own = options.directory === undefined ? temporaryDirectory() : null;
  const directory = options.directory ?? own?.path ?? '';
  const context = testContext();
  const log = await openTestLog(join(directory));
  const cache = openMemoryCache({ runtime: context.runtime });
  const portfolios = await openSqlitePortfolios({ path: join(directory, 'portfolios.sqlite') });
  const history = await openSqliteTradeHistory({ path: join(directory, 'history.sqlite') });
  const analytics = await openDuckDbTradeAnalytics({
    path: join(directory, 'analytics.duckdb'),
    memoryLimitMb: 64,
    threads: 1,
  });
  const relational = await openSqliteRelational({ path: join(directory, 'relational.sqlite') });
  const { overrides } = options;
  const execution = createTradeExecutionStream(
    context,
    { log, cache },
    configured(tradeExecutionOptions, overrides),
  );
  const services: readonly Service[] = [
    execution,
    createTradePersistenceStream(
      context,
      { log, history, analytics },
      configured(tradePersistenceOptions, overrides),
    ),
    createPortfolioService(
      context,
      { log, portfolios, statements: relational.statements, cache },
      configured(portfolioOptions, overrides),
    ),
    createOrderService(
      context,
      {
        log,
        cache,
        portfolios,
        orders: relational.orders,
        keyClaims: relational.keyClaims,
        statements: relational.statements,
        accounts: relational.accounts,
      },
      configured(orderOptions, overrides),
    ),
    createQueryService(context, { history, analytics, cache }, configured(queryOptions, overrides)),
  ];
  for (const service of services) await service.start();
  const call = callerOf(services);

  return {
    directory,
    context,
    log,
    cache,
    portfolios,
    history,
    analytics,
    relational,
    services,
    call,
    /** As ingestion and market-data would. */
    async feed(events: readonly MarketEvent[]): Promise<void> {
      await log.append(
        events.map((event) => ({
          topic: TOPIC.marketData,
          key: event.symbol,
          value: encodeMarketEvent(event, { sourceService: 'test' }),
        })),
      );
      await cache.prices.put(events);
    },
    /** Waits until `look` gives something; the test's own time limit ends a wait in vain. */
    async until<Found>(look: () => Promise<Found | null | undefined | false>): Promise<Found> {
      for (;;) {
        const found = await look();
        if (found !== null && found !== undefined && found !== false) return found;
        assert.deepEqual(context.crashes, []);
        await context.runtime.timers.sleep(2);
      }
    },
    async close(): Promise<void> {
      for (const service of services) await service.drain();
      for (const service of services) await service.stop();
      await log.close();
      await Promise.all([
        portfolios.close(),
        history.close(),
        analytics.close(),
        relational.close(),
        cache.close(),
      ]);
      own?.dispose();
      assert.deepEqual(context.crashes, []);
    },
  };
}

export type Platform = Awaited<ReturnType<typeof openPlatform>>;

export function bodyOf(result: HttpResult): Record<string, unknown> {
  assert(result.kind === 'json', JSON.stringify(result));
  return result.body as Record<string, unknown>;
}

export function statusOf(result: HttpResult): number {
  return result.kind === 'problem' ? result.problem.status : result.status;
}

export function keyOf(accountId: string): Principal {
  return { kind: 'api-key', keyId: 'test', accountId };
}
