/**
 * Trade history on Elasticsearch or OpenSearch: a document per event in an index per month, searched behind one alias.
 *
 * Repeats: the event id is the document's id, and documents are only ever created, so the first write stays. (A version
 * given from outside would do the same, but a document that someone deleted would for a minute refuse to come back.)
 *
 * Pages: the order (time, event id) is total and never changes, so the last trade of a page is all that the next one
 * needs. A point in time would hold every reader's segments, run out while a page is read, and count what was there
 * then, where `totalCount` is of now (decision 0016).
 *
 * Found once indexed: a full batch, which means catching up, refreshes the index at once; a smaller one waits for the
 * next refresh, some 250 ms, in which more trades gather for the next write.
 */
import assert from 'node:assert';
import type { AccountId, EventId } from '#domain/data/identifiers.ts';
import { keepFor } from '#infrastructure/common/retention.ts';
import { WatchedLosses } from '#infrastructure/common/store-losses.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { readPageToken, writePageToken } from '../page-token.ts';
import { searchWords } from '../search-words.ts';
import {
  SEARCH_TEXT_LENGTH_MAX,
  TRADE_PAGE_LIMIT_MAX,
  type TradeDocument,
  type TradeHistory,
  type TradePage,
  type TradeQuery,
} from '../trade-history.ts';
import { type SearchIndexOptions, type SearchServer, SearchServerError } from './search-server.ts';
import {
  DEFAULT_ALIAS,
  dropMonthsBefore,
  indexOf,
  makeIndex,
  monthsOf,
  notBehind,
  requireFitting,
  writeAliasOf,
} from './trade-indices.ts';
import { fromStored, type StoredTrade, toStored } from './trade-mapping.ts';

export async function openSearchIndexTradeHistory(
  server: SearchServer,
  options: SearchIndexOptions,
): Promise<TradeHistory> {
  const { path, parameters } = options.address;
  const alias = path === '' ? DEFAULT_ALIAS : path;
  try {
    await requireFitting(server, alias);
    const days = parameters['retentionDays'];
    const endKeeping = await keepFor(days, 'old trades of the history', options, (beforeMs) =>
      dropMonthsBefore(server, alias, beforeMs, options.logger),
    );
    const losses = new WatchedLosses({
      store: 'The trade history',
      parts: () => monthsOf(server, alias, days === undefined ? null : Number(days)),
      ...options,
    });
    return new SearchIndexTradeHistory(server, alias, losses, endKeeping);
  } catch (error) {
    await server.close();
    throw error;
  }
}

/** In one request; more are sent one after another. */
const DOCUMENTS_MAX = 2_000;
/** From here on a write does not wait for the next refresh. */
const LARGE_WRITE = 1_000;

class SearchIndexTradeHistory implements TradeHistory {
  readonly #server: SearchServer;
  readonly #alias: string;
  readonly #endKeeping: () => void;
  readonly losses: WatchedLosses;
  #closed = false;

  constructor(server: SearchServer, alias: string, losses: WatchedLosses, endKeeping: () => void) {
    this.#server = server;
    this.#alias = alias;
    this.losses = losses;
    this.#endKeeping = endKeeping;
  }

  async index(trades: readonly TradeDocument[]): Promise<void> {
    this.#requireOpen();
    for (let start = 0; start < trades.length; start += DOCUMENTS_MAX) {
      await this.#indexSome(trades.slice(start, start + DOCUMENTS_MAX));
    }
  }

  async isEmpty(): Promise<boolean> {
    return (await this.scan(null, 1)).length === 0;
  }

  async search(query: TradeQuery): Promise<TradePage> {
    requireLimit(query.limit);
    assert((query.text ?? '').length <= SEARCH_TEXT_LENGTH_MAX, 'the caller refuses longer texts');
    this.#requireOpen();
    const cursor = query.pageToken === undefined ? null : readPageToken(query, query.pageToken);
    if (cursor === null && query.pageToken !== undefined) return { kind: 'bad-page-token' };
    const { found, total } = await this.#search(
      'history.search',
      {
        // One more tells whether there is a next page.
        size: query.limit + 1,
        track_total_hits: true,
        query: { bool: { filter: filtersOf(query) } },
        sort: [{ executionTimestamp: 'desc' }, { eventId: 'desc' }],
        ...(cursor === null ? {} : { search_after: [cursor.executionTimestampMs, cursor.eventId] }),
      },
      { userId: query.userId },
    );
    const trades = found.slice(0, query.limit);
    const last = trades.at(-1);
    const nextPageToken =
      found.length > query.limit && last !== undefined ? writePageToken(query, last) : null;
    return { kind: 'page', trades, nextPageToken, totalCount: total };
  }

  async scan(after: EventId | null, limit: number): Promise<readonly TradeDocument[]> {
    requireLimit(limit);
    this.#requireOpen();
    const body = {
      size: limit,
      query: { match_all: {} },
      sort: [{ eventId: 'asc' }],
      ...(after === null ? {} : { search_after: [after] }),
    };
    const { found } = await this.#search('history.scan', body, { patience: 'long' });
    return found;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.losses.stop();
    this.#endKeeping();
    await this.#server.close();
  }

  async #indexSome(trades: readonly TradeDocument[]): Promise<void> {
    const missing = await this.#write(trades);
    for (const index of missing) await makeIndex(this.#server, this.#alias, index);
    const [still] = missing.length === 0 ? [] : await this.#write(trades);
    if (still !== undefined) throw notBehind(writeAliasOf(still), still);
  }

  /** Answers which indices are missing: of their trades none was written. */
  async #write(trades: readonly TradeDocument[]): Promise<readonly string[]> {
    const indices = trades.map(({ executionTimestampMs }) => indexOf(this.#alias, executionTimestampMs));
    const lines = trades.flatMap((trade, at) => [
      JSON.stringify({ create: { _index: writeAliasOf(indices[at] ?? ''), _id: trade.eventId } }),
      JSON.stringify(toStored(trade)),
    ]);
    const refresh = trades.length >= LARGE_WRITE ? 'true' : 'wait_for';
    const request = {
      method: 'POST',
      path: '/_bulk',
      query: { refresh, require_alias: 'true' },
      lines,
    } as const;
    const missing = await this.#server.request('history.index', request, readMissing, 'long');
    return [...new Set(missing.map((at) => indices[at] ?? ''))];
  }

  async #search(
    what: string,
    body: Readonly<Record<string, unknown>>,
    { userId, patience }: { readonly userId?: AccountId; readonly patience?: 'long' },
  ): Promise<Found> {
    const request = {
      method: 'POST',
      path: `/${this.#alias}/_search`,
      query: {
        // Before the first trade there is no index behind the alias.
        ignore_unavailable: 'true',
        allow_no_indices: 'true',
        // The pages of one account come from the same copies, which may differ by one refresh.
        ...(userId === undefined ? {} : { preference: userId }),
      },
      body,
    } as const;
    return this.#server.request(what, request, readFound, patience);
  }

  #requireOpen(): void {
    if (this.#closed)
      throw new OperatingError('STORE_CLOSED', 'The trade history has been closed.', { retry: 'never' });
  }
}

function filtersOf(query: TradeQuery): readonly unknown[] {
  const { userId, symbol, status, startMs, endMs } = query;
  const filters: unknown[] = [{ term: { userId } }];
  if (symbol !== undefined) filters.push({ term: { symbol } });
  if (status !== undefined) filters.push({ term: { status } });
  if (startMs !== undefined || endMs !== undefined) {
    const range = { format: 'epoch_millis', ...(startMs === undefined ? {} : { gte: startMs }) };
    filters.push({
      range: { executionTimestamp: { ...range, ...(endMs === undefined ? {} : { lt: endMs }) } },
    });
  }
  for (const words of new Set(searchWords(query.text ?? ''))) filters.push({ term: { words } });
  return filters;
}

interface BulkAnswer {
  readonly errors: boolean;
  readonly items: readonly {
    readonly create: {
      readonly status: number;
      readonly error?: { readonly type: string; readonly reason?: string };
    };
  }[];
}

const REPEAT = 409;
const NO_INDEX = 'index_not_found_exception';

/**
 * The places of those whose index is missing. A document that is there already is a repeat. With any other failure the whole
 * write is tried again.
 */
function readMissing(answer: unknown): readonly number[] {
  const { errors, items } = answer as BulkAnswer;
  if (!errors) return [];
  const missing: number[] = [];
  for (const [at, { create }] of items.entries()) {
    if (create.error === undefined || create.status === REPEAT) continue;
    if (create.error.type !== NO_INDEX)
      throw new SearchServerError(create.status, create.error.type, create.error.reason ?? '', create.error);
    missing.push(at);
  }
  return missing;
}

interface Found {
  readonly found: readonly TradeDocument[];
  readonly total: number;
}

interface SearchAnswer {
  readonly timed_out: boolean;
  readonly _shards: { readonly failed: number };
  readonly hits: {
    readonly total?: { readonly value: number };
    readonly hits: readonly { readonly _source: StoredTrade }[];
  };
}

function readFound(answer: unknown): Found {
  const { timed_out, _shards, hits } = answer as SearchAnswer;
  // Part of the trades would look like all of them.
  if (timed_out || _shards.failed > 0) {
    throw new SearchServerError(503, 'partial_answer', `${_shards.failed} shards did not answer`, null);
  }
  return { found: hits.hits.map(({ _source }) => fromStored(_source)), total: hits.total?.value ?? 0 };
}

function requireLimit(limit: number): void {
  assert(
    Number.isInteger(limit) && limit >= 1 && limit <= TRADE_PAGE_LIMIT_MAX,
    'a page has 1 to 10,000 trades',
  );
}
