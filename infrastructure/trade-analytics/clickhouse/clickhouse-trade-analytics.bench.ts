/**
 * Ten million trades on ClickHouse, as trade-analytics-load.testing.ts asks, in a database of its own that is dropped
 * after the run.
 */
import { randomUUID } from 'node:crypto';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { NO_METRICS } from '#tests/in-process/platform.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { measureTradeAnalytics } from '../trade-analytics-load.testing.ts';
import { connectClickHouse } from './clickhouse-client.ts';
import { openClickHouseTradeAnalytics } from './clickhouse-trade-analytics.ts';

export async function run(
  address: ServerAddress,
  trades = 10_000_000,
): Promise<Readonly<Record<string, number>>> {
  const database = `bench_${randomUUID().slice(0, 8)}`;
  const parts = { runtime: createSystemRuntime(), metrics: NO_METRICS, logger: SILENT };
  const server = connectClickHouse({ ...parts, address });
  const open = () => openClickHouseTradeAnalytics({ ...parts, address: { ...address, path: database } });
  try {
    await server.command('bench.create', `CREATE DATABASE ${database}`);
    return await measureTradeAnalytics(await open(), trades, async (before) => {
      await before.close();
      return await open();
    });
  } finally {
    await server.command('bench.drop', `DROP DATABASE IF EXISTS ${database}`);
    await server.close();
  }
}
