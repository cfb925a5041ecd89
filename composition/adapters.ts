/** URL → adapter: the only place that knows which adapter stands behind which scheme. */
import assert from 'node:assert/strict';
import type { Cache } from '#infrastructure/cache/cache.ts';
import { openMemoryCache } from '#infrastructure/cache/memory/memory-cache.ts';
import { inParallel } from '#infrastructure/common/in-parallel.ts';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import type { DataFolder } from '#infrastructure/core/data-folder.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import type { Metrics } from '#infrastructure/core/metrics.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import { openSqliteEventLog } from '#infrastructure/event-log/sqlite/sqlite-event-log.ts';
import { tradehallTopics } from '#infrastructure/event-log/topic-specs.ts';
import { openDuckDbMarketFiles } from '#infrastructure/market-files/duckdb/duckdb-market-files.ts';
import type { MarketFiles } from '#infrastructure/market-files/market-files.ts';
import type { PortfolioStore } from '#infrastructure/portfolios/portfolios.ts';
import { openSqlitePortfolios } from '#infrastructure/portfolios/sqlite/sqlite-portfolios.ts';
import { openSqliteRelational } from '#infrastructure/relational/sqlite/sqlite-relational.ts';
import type { RelationalStores } from '#infrastructure/relational/stores.ts';
import { openDuckDbTradeAnalytics } from '#infrastructure/trade-analytics/duckdb/duckdb-trade-analytics.ts';
import type { TradeAnalytics } from '#infrastructure/trade-analytics/trade-analytics.ts';
import { openSqliteTradeHistory } from '#infrastructure/trade-history/sqlite/sqlite-trade-history.ts';
import type { TradeHistory } from '#infrastructure/trade-history/trade-history.ts';
import { canBeRebuilt, setAside } from './damaged-stores.ts';
import { DATA_PATHS, STORE_PARTS_FILES } from './data-paths.ts';
import type { AdapterUrl, ProcessConfig } from './options.ts';
import {
  missingStores,
  PROJECTION_STORES,
  type ProjectionStore,
  rewindProjections,
} from './rewind-projections.ts';
import { withPasswordOf } from './server-password.ts';
import { isOnServer, movedStores, noteStores } from './store-places.ts';

export interface Ports {
  readonly log: EventLog;
  readonly cache: Cache;
  readonly portfolios: PortfolioStore;
  readonly history: TradeHistory;
  readonly analytics: TradeAnalytics;
  readonly relational: RelationalStores;
  readonly marketFiles: MarketFiles;
}

export type PortName = keyof Ports;

/** Where replayed files are sorted; emptied at every start. */
const MARKET_FILES_FOLDER = 'market-files.tmp';
const TOMBSTONE_MS = 86_400_000;

export interface AdapterContext {
  readonly folder: Pick<DataFolder, 'file'>;
  readonly config: ProcessConfig;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

interface Choice<Port> {
  /** The option's name. */
  readonly option: string;
  readonly url: AdapterUrl;
  readonly passwordFile?: string | null;
  readonly embedded: () => Promise<Port>;
  /** By scheme. */
  readonly servers?: Readonly<Record<string, (address: ServerAddress) => Promise<Port>>>;
}

/** Of a server that gave no answer of its own, the end of the sentence. */
const WHERE_TO_LOOK =
  ': look whether it runs, at host and port in its URL, and whether it wants TLS (?tls=true) or has none.';

/** What a server answers wrongly, or not at all, ends the start with a sentence that begins with the option. */
async function choose<Port>({ option, url, passwordFile, embedded, servers }: Choice<Port>): Promise<Port> {
  if (url.server === null) return embedded();
  const open = servers?.[url.scheme];
  // The option's declaration refuses what is not here; reaching this line is a bug of ours.
  assert.ok(open !== undefined, `no adapter for ${url.scheme}:`);
  const address = withPasswordOf(option, url.server, passwordFile ?? null);
  try {
    return await open(address);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    const told = error.retry === 'never' ? error.message : error.message.replace(/\.$/, WHERE_TO_LOOK);
    throw new OperatingError(error.code, `The option ${option}: ${told}`, { retry: 'never', cause: error });
  }
}

async function withTopics(log: EventLog, config: ProcessConfig): Promise<EventLog> {
  try {
    await log.ensureTopics(
      tradehallTopics({
        partitions: config.partitions,
        marketDataRetentionMs: config.marketDataRetentionMs,
        tradingRetentionMs: 'forever',
        tombstoneMs: TOMBSTONE_MS,
      }),
    );
    return log;
  } catch (error) {
    await log.close();
    throw error;
  }
}

const OPENERS: { readonly [Name in PortName]: (context: AdapterContext) => Promise<Ports[Name]> } = {
  log: ({ folder, config, runtime, logger, metrics }) =>
    choose<EventLog>({
      option: 'event_log',
      url: config.eventLog,
      passwordFile: config.eventLogPasswordFile,
      embedded: async () =>
        withTopics(
          await openSqliteEventLog({ directory: folder.file(DATA_PATHS.log), runtime, logger }),
          config,
        ),
      servers: {
        kafka: async (address) => {
          const { openKafkaEventLog } = await import('#infrastructure/event-log/kafka/kafka-event-log.ts');
          const directory = folder.file(DATA_PATHS.kafka);
          const log = await openKafkaEventLog({ address, directory, runtime, logger, metrics });
          return withTopics(log, config);
        },
      },
    }),
  cache: ({ config, runtime, metrics, logger }) =>
    choose<Cache>({
      option: 'cache',
      url: config.cache,
      passwordFile: config.cachePasswordFile,
      embedded: async () => openMemoryCache({ runtime }),
      servers: {
        redis: async (address) => {
          const { openRedisCache } = await import('#infrastructure/cache/redis/redis-cache.ts');
          return openRedisCache({ address, runtime, metrics, logger });
        },
      },
    }),
  portfolios: ({ folder, config, runtime, metrics, logger }) =>
    choose<PortfolioStore>({
      option: 'portfolios',
      url: config.portfolios,
      embedded: () => openSqlitePortfolios({ path: folder.file(DATA_PATHS.portfolios) }),
      servers: {
        dynamodb: async (address) => {
          const adapter = await import('#infrastructure/portfolios/dynamodb/dynamodb-portfolios.ts');
          return adapter.openDynamoDbPortfolios({
            address,
            runtime,
            metrics,
            logger,
            noteFile: folder.file(STORE_PARTS_FILES.portfolios),
          });
        },
      },
    }),
  history: ({ folder, config, runtime, metrics, logger }) =>
    choose<TradeHistory>({
      option: 'history',
      url: config.history,
      passwordFile: config.historyPasswordFile,
      embedded: () => openSqliteTradeHistory({ path: folder.file(DATA_PATHS.history) }),
      servers: {
        elasticsearch: async (address) => {
          const adapter = await import('#infrastructure/trade-history/search-index/elasticsearch-client.ts');
          return adapter.openElasticsearchTradeHistory({
            address,
            runtime,
            metrics,
            logger,
            noteFile: folder.file(STORE_PARTS_FILES.history),
          });
        },
        opensearch: async (address) => {
          const adapter = await import('#infrastructure/trade-history/search-index/opensearch-client.ts');
          return adapter.openOpenSearchTradeHistory({
            address,
            runtime,
            metrics,
            logger,
            noteFile: folder.file(STORE_PARTS_FILES.history),
          });
        },
      },
    }),
  analytics: ({ folder, config, runtime, metrics, logger }) =>
    choose<TradeAnalytics>({
      option: 'analytics',
      url: config.analytics,
      passwordFile: config.analyticsPasswordFile,
      embedded: () =>
        openDuckDbTradeAnalytics({
          path: folder.file(DATA_PATHS.analytics),
          memoryLimitMb: config.analyticsMemoryMb,
          threads: config.analyticsThreads,
        }),
      servers: {
        clickhouse: async (address) => {
          const adapter = await import(
            '#infrastructure/trade-analytics/clickhouse/clickhouse-trade-analytics.ts'
          );
          return adapter.openClickHouseTradeAnalytics({
            address,
            runtime,
            metrics,
            logger,
            noteFile: folder.file(STORE_PARTS_FILES.analytics),
          });
        },
      },
    }),
  relational: ({ folder, config, runtime, metrics, logger }) =>
    choose<RelationalStores>({
      option: 'database',
      url: config.database,
      passwordFile: config.databasePasswordFile,
      embedded: () => openSqliteRelational({ path: folder.file(DATA_PATHS.relational) }),
      servers: {
        postgres: async (address) => {
          const { openPostgresRelational } = await import(
            '#infrastructure/relational/postgres/postgres-relational.ts'
          );
          return openPostgresRelational({ address, runtime, metrics, logger });
        },
      },
    }),
  marketFiles: ({ folder, config }) =>
    openDuckDbMarketFiles({
      directory: folder.file(MARKET_FILES_FOLDER),
      memoryLimitMb: config.analyticsMemoryMb,
    }),
};

export interface OpenPorts {
  port<Name extends PortName>(name: Name): Ports[Name];
  close(): Promise<void>;
}

/** What the configuration names, and nothing done about what is in it. */
export function openPort<Name extends PortName>(name: Name, context: AdapterContext): Promise<Ports[Name]> {
  return OPENERS[name](context);
}

async function openOne<Name extends PortName>(
  name: Name,
  context: AdapterContext,
  into: Partial<Ports>,
): Promise<void> {
  into[name] = await openPort(name, context);
}

/** Fills stores from the beginning of the log that lack what their projections have read already. */
async function fillAgain(
  log: EventLog | undefined,
  stores: readonly ProjectionStore[],
  why: string,
  { logger, runtime }: Pick<AdapterContext, 'logger' | 'runtime'>,
): Promise<void> {
  const rebuilt = log === undefined ? [] : await rewindProjections(log, stores, runtime.ids);
  if (rebuilt.length > 0) logger.warn({ stores }, `${why}: built again from the log`);
}

async function emptyOnServers(
  open: Partial<Ports>,
  config: ProcessConfig,
): Promise<readonly ProjectionStore[]> {
  const empty: ProjectionStore[] = [];
  for (const store of PROJECTION_STORES) {
    const port = open[store];
    // The relational database notes by itself how far it is.
    if (port === undefined || !('isEmpty' in port) || !isOnServer(config, store)) continue;
    if (await port.isEmpty()) empty.push(store);
  }
  return empty;
}

/** Opens the named ports; when one fails, those already open are closed again. `close` closes all, the log last. */
export async function openPorts(names: readonly PortName[], context: AdapterContext): Promise<OpenPorts> {
  const open: Partial<Ports> = {};
  async function close(): Promise<void> {
    const { log, ...others } = open;
    const closed = await Promise.allSettled(
      Object.values(others).map((port) => ('close' in port ? port.close() : undefined)),
    );
    await log?.close();
    for (const outcome of closed) {
      if (outcome.status === 'rejected')
        context.logger.error({ error: outcome.reason }, 'a store failed to close');
    }
  }
  try {
    const { folder, config } = context;
    const stores = PROJECTION_STORES.filter((store) => names.includes(store));
    if (names.includes('log')) await openOne('log', context, open);
    // Before a store is opened, since opening makes its file.
    const missing = missingStores(stores, (store) =>
      isOnServer(config, store) ? null : folder.file(DATA_PATHS[store]),
    );
    const lost = new Set([...missing, ...movedStores(folder, config, stores)]);
    await fillAgain(open.log, [...lost], 'stores are missing, or elsewhere than at the last start', context);
    // All at once, since most of it is waiting for threads and servers.
    const others = names.filter((name) => name !== 'log');
    await inParallel(others, others.length, async (name) => {
      try {
        await openOne(name, context, open);
      } catch (error) {
        if (open.log === undefined || !canBeRebuilt(name, error) || isOnServer(config, name)) throw error;
        const aside = setAside(folder.file(DATA_PATHS[name]));
        context.logger.error({ err: error, aside }, 'a damaged store is set aside');
        await fillAgain(open.log, [name], 'a store was damaged', context);
        await openOne(name, context, open);
      }
    });
    await fillAgain(open.log, await emptyOnServers(open, config), 'stores on servers are empty', context);
    noteStores(folder, config, stores);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    port: (name) => {
      const port = open[name];
      assert.ok(port !== undefined, `the port ${name} is not among what the targets declare as needed`);
      return port;
    },
    close,
  };
}
