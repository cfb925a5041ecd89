/** OpenSearch's own client. */
import { Client, errors } from '@opensearch-project/opensearch';
import type { TradeHistory } from '../trade-history.ts';
import { openSearchIndexTradeHistory } from './search-index-trade-history.ts';
import {
  type ConnectSearchClient,
  connectSearchServer,
  type SearchIndexOptions,
  SearchServerError,
} from './search-server.ts';

export function openOpenSearchTradeHistory(options: SearchIndexOptions): Promise<TradeHistory> {
  return openSearchIndexTradeHistory(connectSearchServer('OpenSearch', connect, options), options);
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
      const asked = client.transport.request({
        method,
        path,
        ...(query === undefined ? {} : { querystring: { ...query } }),
        ...(body === undefined ? {} : { body: { ...body } }),
        ...(lines === undefined ? {} : { bulkBody: `${lines.join('\n')}\n` }),
      });
      // What `abort` answers is the promise again, which must not be given on: Node would throw what it rejects with.
      const abort = () => {
        asked.abort();
      };
      signal.addEventListener('abort', abort, { once: true });
      try {
        return (await asked).body;
      } catch (error) {
        throw inOurWords(error);
      } finally {
        signal.removeEventListener('abort', abort);
      }
    },
    close: () => client.close(),
  };
};

function inOurWords(error: unknown): unknown {
  if (error instanceof errors.ResponseError) {
    const told = error.body['error'];
    const type = typeof told?.type === 'string' ? told.type : `status ${error.statusCode}`;
    const reason = typeof told?.reason === 'string' ? told.reason : '';
    return new SearchServerError(error.statusCode, type, reason, error);
  }
  if (error instanceof errors.OpenSearchClientError) {
    return new SearchServerError(null, error.name, error.message, error);
  }
  return error;
}
