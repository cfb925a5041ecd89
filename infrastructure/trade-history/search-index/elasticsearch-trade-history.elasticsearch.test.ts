import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { serverOptions } from '#tests/support/store-faults.ts';
import { openElasticsearchTradeHistory } from './elasticsearch-client.ts';
import { registerSearchIndexTests } from './search-index.testing.ts';

await registerSearchIndexTests('Elasticsearch', openElasticsearchTradeHistory);

test('a server that is no Elasticsearch is named, and so is what it may be', async () => {
  const other = createServer((_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end('{}');
  });
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  const address = other.address();
  assert(typeof address === 'object' && address !== null);
  await assert.rejects(
    openElasticsearchTradeHistory(serverOptions(`elasticsearch://127.0.0.1:${address.port}`)),
    {
      code: 'STORE_VERSION',
      retry: 'never',
      message: /is no Elasticsearch: opensearch:\/\/ is for OpenSearch/,
    },
  );
  other.closeAllConnections();
  other.close();
});
