/** market-data on a real embedded log in a temporary folder and a memory cache, for tests. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeFeedPosition } from '#domain/data/feed-position-codec.ts';
import type { MarketEvent } from '#domain/data/market-event.ts';
import { encodeMarketEvent } from '#domain/data/market-event-codec.ts';
import { TOPIC } from '#domain/data/topics.ts';
import type { Cache } from '#infrastructure/cache/cache.ts';
import { openMemoryCache } from '#infrastructure/cache/memory/memory-cache.ts';
import type { Metrics } from '#infrastructure/core/metrics.ts';
import type { Service } from '#infrastructure/core/service.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import type { EventLog, NewRecord } from '#infrastructure/event-log/event-log.ts';
import { openSqliteEventLog } from '#infrastructure/event-log/sqlite/sqlite-event-log.ts';
import { tradehallTopics } from '#infrastructure/event-log/topic-specs.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { type MarketDataConfig, marketDataOptions } from './config.ts';
import { createMarketDataService } from './service.ts';

const unmeasured: Metrics = {
  counter: () => ({ increment() {} }),
  gauge: () => ({ set() {} }),
  histogram: () => ({ observe() {} }),
};

/** Every option at its default. */
export function defaultConfig(overrides: Partial<MarketDataConfig> = {}): MarketDataConfig {
  const read = Object.entries(marketDataOptions).map(([name, option]) => {
    const parsed = option.parse(option.defaultText);
    if (parsed.kind === 'refused') throw new Error(`${option.name}: ${parsed.message}`);
    return [name, parsed.value] as const;
  });
  return { ...(Object.fromEntries(read) as MarketDataConfig), ...overrides };
}

export interface Opened {
  readonly log: EventLog;
  readonly cache: Cache;
  readonly crashes: unknown[];
  /** A service on this log and, unless another is given, this cache. Stopped with the rest. */
  service(options?: { readonly cache?: Cache; readonly config?: Partial<MarketDataConfig> }): Service;
  dispose(): Promise<void>;
}

export async function openParts(): Promise<Opened> {
  const directory = await mkdtemp(join(tmpdir(), 'market-data-'));
  const runtime = createSystemRuntime();
  const log = await openSqliteEventLog({ directory, runtime, logger: SILENT });
  await log.ensureTopics(
    tradehallTopics({
      partitions: 2,
      marketDataRetentionMs: 'forever',
      tradingRetentionMs: 'forever',
      tombstoneMs: 0,
    }),
  );
  const cache = openMemoryCache({ runtime });
  const crashes: unknown[] = [];
  const services: Service[] = [];
  return {
    log,
    cache,
    crashes,
    service(options = {}) {
      const context = {
        runtime,
        logger: SILENT,
        metrics: unmeasured,
        crash: (error: unknown) => void crashes.push(error),
      };
      const ports = { log, cache: options.cache ?? cache };
      const service = createMarketDataService(context, ports, defaultConfig(options.config));
      services.push(service);
      return service;
    },
    async dispose() {
      for (const service of services) await service.stop();
      await cache.close();
      await log.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** As ingestion writes them, in one batch: the events, and each symbol's last in `feed_positions`. */
export function ingested(events: readonly MarketEvent[], withPositions = true): readonly NewRecord[] {
  const last = new Map(events.map((event) => [event.symbol, event]));
  const positions = [...last.values()].map((lastEvent) => ({
    topic: TOPIC.feedPositions,
    key: `symbol/${lastEvent.symbol}`,
    value: encodeFeedPosition({ kind: 'symbol', lastEvent }),
  }));
  const records = events.map((event) => ({
    topic: TOPIC.marketData,
    key: event.symbol,
    value: encodeMarketEvent(event, { sourceService: 'test' }),
  }));
  return withPositions ? [...records, ...positions] : records;
}

/** Resolves once the cache has `symbol` at `sequence` or later. */
export async function priceReaches(cache: Cache, symbol: string, sequence: number): Promise<void> {
  const reached = Promise.withResolvers<void>();
  const look = (prices: readonly MarketEvent[]) => {
    if (prices.some((price) => price.symbol === symbol && price.sequence >= sequence)) reached.resolve();
  };
  const unsubscribe = await cache.prices.subscribe(look);
  look(await cache.prices.all());
  await reached.promise;
  await unsubscribe();
}

/** Resolves once the service is ready. */
export async function untilReady(service: Service): Promise<void> {
  while (!service.readiness().ready) await new Promise((resolve) => setImmediate(resolve));
}
