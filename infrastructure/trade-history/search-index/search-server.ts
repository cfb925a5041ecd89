/**
 * What the adapter asks of a search server, and how it goes wrong. Elasticsearch and OpenSearch speak the same few calls;
 * each has a client of its own, since either refuses the other's server.
 */
import { describeServer, type ServerAddress } from '#infrastructure/common/server-address.ts';
import {
  createServerCalls,
  type ServerCalls,
  type ServerFailure,
} from '#infrastructure/common/server-calls.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import type { Metrics } from '#infrastructure/core/metrics.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';

export interface SearchRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
  /** Instead of a body: lines of JSON. */
  readonly lines?: readonly string[];
}

/** A vendor's client, as thin as it can be. Rejects with `SearchServerError`s, and bugs as they are. */
export interface SearchClient {
  request(request: SearchRequest, signal: AbortSignal): Promise<unknown>;
  close(): Promise<void>;
}

export type ConnectSearchClient = (address: ServerAddress, nodes: readonly string[]) => SearchClient;

/** The server answered with an error, or did not answer. */
export class SearchServerError extends Error {
  /** `null` without an answer. */
  readonly status: number | null;
  /** The server's word, such as `index_not_found_exception`. */
  readonly type: string;

  constructor(status: number | null, type: string, reason: string, cause: unknown) {
    super(reason, { cause });
    this.name = 'SearchServerError';
    this.status = status;
    this.type = type;
  }
}

export interface SearchIndexOptions {
  /** The path is the alias; `retentionDays` the days of market time that are kept. */
  readonly address: ServerAddress;
  readonly runtime: Pick<Runtime, 'clock' | 'timers' | 'randomness'>;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Where its parts are noted (store-losses.ts). */
  readonly noteFile?: string;
  /** For one attempt of a search; writes and scans get three times as long. Default 5,000. */
  readonly timeoutMs?: number;
}

export interface SearchServer {
  /**
   * Every request of ours may be repeated. `what` names it in metrics; what `read` makes of the answer is part of the
   * call, so that an answer that is a failure is one.
   */
  request<Value>(
    what: string,
    request: SearchRequest,
    read: (answer: unknown) => Value,
    patience?: 'long',
  ): Promise<Value>;
  close(): Promise<void>;
}

const TIMEOUT_MS = 5_000;
const SHOWN_MAX = 200;
/**
 * For writes, which may make an index first and wait for a refresh, and for verification: nobody else waits for them. A
 * write that was caught on a dead connection must end, and be repeated, within 30 s of the server's return.
 */
const LONG_FACTOR = 3;

export function connectSearchServer(
  product: 'Elasticsearch' | 'OpenSearch',
  connect: ConnectSearchClient,
  options: SearchIndexOptions,
): SearchServer {
  const { address, timeoutMs = TIMEOUT_MS } = options;
  const scheme = address.tls ? 'https' : 'http';
  const nodes = address.hosts.map(
    ({ host, port }) => `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`,
  );
  const calls: ServerCalls = createServerCalls({
    server: product.toLowerCase(),
    name: `The trade history (${describeServer(product, address)})`,
    unavailable: 'STORE_UNAVAILABLE',
    classify: classifySearchError,
    timeoutMs,
    runtime: options.runtime,
    metrics: options.metrics,
    logger: options.logger,
  });
  const client = connect(address, nodes);
  return {
    request: (what, request, read, patience) =>
      calls.call(what, async (signal) => read(await client.request(request, signal)), {
        repeatable: true,
        timeoutMs: patience === 'long' ? LONG_FACTOR * timeoutMs : timeoutMs,
      }),
    close: () => client.close(),
  };
}

export function classifySearchError(error: unknown): ServerFailure | null {
  if (!(error instanceof SearchServerError)) return null;
  const { status, type } = error;
  const [message = ''] = error.message.trim().split('\n', 1);
  const said = message === '' || message === type ? type : `${type}: ${message.slice(0, SHOWN_MAX)}`;
  if (type === 'wrong_product') return { code: 'STORE_VERSION', reason: error.message, retry: 'never' };
  if (type === 'media_type_header_exception') {
    const reason = `is of another version than this client speaks (${said})`;
    return { code: 'STORE_VERSION', reason, retry: 'never' };
  }
  if (status === null)
    return { code: 'STORE_UNAVAILABLE', reason: `gave no answer (${said})`, retry: 'unknown' };
  if (status === 401) return { code: 'STORE_NOT_ALLOWED', reason: 'refuses the credentials', retry: 'never' };
  // A disk above its watermark makes indices read-only; that is no matter of rights, nor of too many requests.
  if (type === 'cluster_block_exception' && (status === 403 || status === 429)) {
    return { code: 'STORE_FULL', reason: `takes no writes (${said})`, retry: 'retry', answered: true };
  }
  if (status === 403) {
    return { code: 'STORE_NOT_ALLOWED', reason: `does not let this user do that (${said})`, retry: 'never' };
  }
  if (status === 408 || status === 429 || status >= 500) {
    const reason = `cannot do it for now (${said})`;
    // Too many calls at once, or one that needs too much memory.
    return { code: 'STORE_UNAVAILABLE', reason, retry: 'unknown', answered: status === 429 };
  }
  return { code: 'STORE_FAILED', reason: `refuses the call (${said})`, retry: 'never' };
}
