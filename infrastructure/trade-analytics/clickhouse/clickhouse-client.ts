/** The client of the analytics database, behind the time limits, repeats and breaker that every server gets. */
import { type ClickHouseClient, createClient } from '@clickhouse/client';
import { describeServer, type ServerAddress } from '#infrastructure/common/server-address.ts';
import { createServerCalls, type ServerCalls } from '#infrastructure/common/server-calls.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import type { Metrics } from '#infrastructure/core/metrics.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import { classifyClickHouseError } from './clickhouse-errors.ts';

export interface ClickHouseOptions {
  /** The path is the database; `retentionDays` the days of market time that are kept. */
  readonly address: ServerAddress;
  readonly runtime: Pick<Runtime, 'clock' | 'timers' | 'randomness'>;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Where its parts are noted (store-losses.ts). */
  readonly noteFile?: string;
  /** For one attempt of a query; a write gets three times as long. Default 5,000. */
  readonly timeoutMs?: number;
}

export type Row = Readonly<Record<string, unknown>>;

/** The server as the adapter uses it. */
export interface ClickHouse {
  /** Rows of a query; parameters are sent beside it, never within. */
  query(
    what: string,
    sql: string,
    parameters: Readonly<Record<string, unknown>>,
    patience?: 'long',
  ): Promise<readonly Row[]>;
  command(what: string, sql: string): Promise<void>;
  insert(what: string, table: string, rows: readonly Row[]): Promise<void>;
  close(): Promise<void>;
}

const TIMEOUT_MS = 5_000;
const CONNECTIONS_MAX = 10;
/** For what reads the whole table, which only verification does. */
const LONG_MS = 600_000;

export function connectClickHouse(options: ClickHouseOptions): ClickHouse {
  const { address, timeoutMs = TIMEOUT_MS } = options;
  const [{ host, port }] = address.hosts;
  const calls: ServerCalls = createServerCalls({
    server: 'clickhouse',
    name: `The trade analytics (${describeServer('ClickHouse', address)})`,
    unavailable: 'STORE_UNAVAILABLE',
    classify: classifyClickHouseError,
    timeoutMs,
    runtime: options.runtime,
    metrics: options.metrics,
    logger: options.logger,
  });
  const client: ClickHouseClient = createClient({
    url: `${address.tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    username: address.username ?? 'default',
    password: address.password ?? '',
    ...(address.path === '' ? {} : { database: address.path }),
    application: 'tradehall',
    max_open_connections: CONNECTIONS_MAX,
    // Ours are shorter; this one only keeps a socket from hanging for ever.
    request_timeout: 2 * LONG_MS,
    // Failures are told by what is thrown, and the logger of the client knows nothing of secrets.
    log: { level: 127 },
  });
  const writing = { repeatable: true, timeoutMs: 3 * timeoutMs };
  return {
    query(what, query, query_params, patience) {
      const limitMs = patience === 'long' ? LONG_MS : timeoutMs;
      return calls.call(
        what,
        async (abort_signal) => {
          const answer = await client.query({
            query,
            query_params: { ...query_params },
            format: 'JSONEachRow',
            abort_signal,
            clickhouse_settings: {
              // Repeats collapse while reading; a repeat carries the same time, so it is in the same partition.
              final: 1,
              do_not_merge_across_partitions_select_final: 1,
              // The server ends it too, should we be gone.
              max_execution_time: Math.ceil(limitMs / 1_000),
              cancel_http_readonly_queries_on_client_close: 1,
            },
          });
          return answer.json<Row>();
        },
        { repeatable: true, timeoutMs: limitMs },
      );
    },
    command: (what, query) =>
      calls.call(
        what,
        async (abort_signal) => {
          await client.command({ query, abort_signal });
        },
        writing,
      ),
    insert: (what, table, rows) =>
      calls.call(
        what,
        async (abort_signal) => {
          await client.insert({
            table,
            values: rows,
            format: 'JSONEachRow',
            abort_signal,
            // Answered once the rows are in a part on the disk.
            clickhouse_settings: { async_insert: 0 },
          });
        },
        writing,
      ),
    close: () => client.close(),
  };
}
