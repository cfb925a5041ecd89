import { openElasticsearchTradeHistory } from './elasticsearch-client.ts';
import { registerSearchIndexTests } from './search-index.testing.ts';

await registerSearchIndexTests('Elasticsearch', openElasticsearchTradeHistory);
