/** Elasticsearch's own client, which refuses a server that is not Elasticsearch. */
import { Client, errors } from '@elastic/elasticsearch';
import type { TradeHistory } from '../trade-history.ts';
import { openSearchIndexTradeHistory } from './search-index-trade-history.ts';
import {
  type ConnectSearchClient,
  connectSearchServer,
  type SearchIndexOptions,
  SearchServerError,
} from './search-server.ts';

export function openElasticsearchTradeHistory(options: SearchIndexOptions): Promise<TradeHistory> {
  return openSearchIndexTradeHistory(connectSearchServer('Elasticsearch', connect, options), options);
}

/** Repeats and time limits are ours, so the client's are off. */
const connect: ConnectSearchClient = ({ username, password }, nodes) => {
  const client = new Client({
    nodes: [...nodes],
    maxRetries: 0,
    ...(username === null ? {} : { auth: { username, password: password ?? '' } }),
  });
  return {
    async request({ method, path, query, body, lines }, signal) {
      try {
        return await client.transport.request(
          {
            method,
            path,
            ...(query === undefined ? {} : { querystring: query }),
            ...(body === undefined ? {} : { body }),
            ...(lines === undefined ? {} : { bulkBody: `${lines.join('\n')}\n` }),
          },
          { signal },
        );
      } catch (error) {
        throw inOurWords(error);
      }
    },
    close: () => client.close(),
  };
};

function inOurWords(error: unknown): unknown {
  if (error instanceof errors.ResponseError) {
    const told = error.body?.error;
    const type = typeof told?.type === 'string' ? told.type : `status ${error.statusCode}`;
    const reason = typeof told?.reason === 'string' ? told.reason : '';
    return new SearchServerError(error.statusCode ?? null, type, reason, error);
  }
  if (error instanceof errors.ProductNotSupportedError) {
    return new SearchServerError(
      null,
      'wrong_product',
      'is no Elasticsearch: opensearch:// is for OpenSearch',
      error,
    );
  }
  if (error instanceof errors.ElasticsearchClientError) {
    return new SearchServerError(null, error.name, error.message, error);
  }
  return error;
}
