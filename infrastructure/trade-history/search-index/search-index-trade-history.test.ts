import { randomUUID } from 'node:crypto';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import type { StoreUnderTest } from '#infrastructure/common/store-under-test.ts';
import { createLogger } from '#infrastructure/core/pino-logger.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { registerTradeHistoryContract } from '../trade-history.contract.ts';
import type { TradeHistory } from '../trade-history.ts';
import { openElasticsearchTradeHistory } from './elasticsearch-client.ts';
import { openOpenSearchTradeHistory } from './opensearch-client.ts';
import type { SearchIndexOptions } from './search-server.ts';

const SERVERS = [
  { product: 'OpenSearch', open: openOpenSearchTradeHistory, port: 18126 },
  { product: 'Elasticsearch', open: openElasticsearchTradeHistory, port: 18127 },
] as const;

function options(port: number, alias: string, changes: Partial<ServerAddress> = {}): SearchIndexOptions {
  return {
    address: {
      hosts: [{ host: '127.0.0.1', port }],
      username: null,
      password: null,
      path: alias,
      tls: false,
      parameters: {},
      ...changes,
    },
    runtime: createSystemRuntime(),
    metrics: createPrometheusMetrics({ processFigures: false }),
    logger: createLogger({ level: 'silent', format: 'json', write: () => {} }),
  };
}

for (const { product, open, port } of SERVERS) {
  registerTradeHistoryContract(product, async (): Promise<StoreUnderTest<TradeHistory>> => {
    const alias = `trades_${randomUUID()}`;
    let store = await open(options(port, alias));
    return {
      get store() {
        return store;
      },
      async reopen() {
        await store.close();
        store = await open(options(port, alias));
      },
      async dispose() {
        await store.close();
        await fetch(`http://127.0.0.1:${port}/${alias}-*`, { method: 'DELETE' });
        await fetch(`http://127.0.0.1:${port}/_index_template/${alias}`, { method: 'DELETE' });
      },
    };
  });
}
