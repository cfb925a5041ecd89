import { openOpenSearchTradeHistory } from './opensearch-client.ts';
import { registerSearchIndexTests } from './search-index.testing.ts';

await registerSearchIndexTests('OpenSearch', openOpenSearchTradeHistory);
