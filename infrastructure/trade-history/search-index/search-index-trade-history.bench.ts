/**
 * A million trades on Elasticsearch or OpenSearch, as trade-history-load.testing.ts asks, in indices of its own that are
 * dropped after the run.
 */
import { randomUUID } from 'node:crypto';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { NO_METRICS } from '#tests/in-process/platform.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { measureTradeHistory } from '../trade-history-load.testing.ts';
import { openElasticsearchTradeHistory } from './elasticsearch-client.ts';
import { openOpenSearchTradeHistory } from './opensearch-client.ts';

/** A document goes with all the others of the index when its month is older than this. */
const ONE_DAY = '1';

export async function run(
  product: 'elasticsearch' | 'opensearch',
  address: ServerAddress,
  trades = 1_000_000,
): Promise<Readonly<Record<string, number>>> {
  const open = product === 'opensearch' ? openOpenSearchTradeHistory : openElasticsearchTradeHistory;
  const own = { ...address, path: `bench_${randomUUID().slice(0, 8)}` };
  const parts = { runtime: createSystemRuntime(), metrics: NO_METRICS, logger: SILENT };
  const history = await open({ ...parts, address: own });
  try {
    return await measureTradeHistory(history, trades);
  } finally {
    await history.close();
    const parameters = { ...own.parameters, retentionDays: ONE_DAY };
    await (await open({ ...parts, address: { ...own, parameters } })).close();
  }
}
