import { randomUUID } from 'node:crypto';
import { createClient } from '@clickhouse/client';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import type { StoreUnderTest } from '#infrastructure/common/store-under-test.ts';
import { createLogger } from '#infrastructure/core/pino-logger.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { registerTradeAnalyticsContract } from '../trade-analytics.contract.ts';
import type { TradeAnalytics } from '../trade-analytics.ts';
import { openClickHouseTradeAnalytics } from './clickhouse-trade-analytics.ts';

const PORT = 18124;

function options(database: string, changes: Partial<ServerAddress> = {}) {
  const address: ServerAddress = {
    hosts: [{ host: '127.0.0.1', port: PORT }],
    username: null,
    password: null,
    path: database,
    tls: false,
    parameters: {},
    ...changes,
  };
  return {
    address,
    runtime: createSystemRuntime(),
    metrics: createPrometheusMetrics({ processFigures: false }),
    logger: createLogger({ level: 'silent', format: 'json', write: () => {} }),
  };
}

async function execute(sql: string): Promise<void> {
  const client = createClient({ url: `http://127.0.0.1:${PORT}` });
  await client.command({ query: sql });
  await client.close();
}

async function newDatabase(): Promise<string> {
  const name = `t_${randomUUID().replaceAll('-', '')}`;
  await execute(`CREATE DATABASE ${name}`);
  return name;
}

async function openSubject(): Promise<StoreUnderTest<TradeAnalytics>> {
  const database = await newDatabase();
  let store = await openClickHouseTradeAnalytics(options(database));
  return {
    get store() {
      return store;
    },
    async reopen() {
      await store.close();
      store = await openClickHouseTradeAnalytics(options(database));
    },
    async dispose() {
      await store.close();
      await execute(`DROP DATABASE ${database}`);
    },
  };
}

registerTradeAnalyticsContract('ClickHouse', openSubject);
