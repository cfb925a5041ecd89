/**
 * Connections to PostgreSQL: a few, each with time limits on both sides, and each use of one a call that is counted.
 *
 * Reads come from Kysely, which takes a connection and asks. A write is one transaction, sent as a whole without waiting
 * for answers in between (the client's pipeline mode): a batch of a thousand rows costs one round trip, not a thousand.
 */
import assert from 'node:assert/strict';
import type {
  Compilable,
  PostgresCursor,
  PostgresPool,
  PostgresPoolClient,
  PostgresQueryResult,
} from 'kysely';
import { Pool, type PoolClient, type PoolConfig } from 'pg';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import type { CallOptions, ServerCalls } from '#infrastructure/common/server-calls.ts';
import { tlsOf } from '#infrastructure/common/server-tls.ts';
import type { Logger } from '#infrastructure/core/log.ts';

export interface PostgresLimits {
  readonly maxConnections: number;
  /** For one statement. */
  readonly statementMs: number;
}

const CONNECT_MS = 3_000;
const IDLE_MS = 30_000;
/** The client waits a little longer than the server works, so that the server's own word comes first. */
const GRACE_MS = 500;

export function poolFor(
  address: ServerAddress,
  { maxConnections, statementMs }: PostgresLimits,
  logger: Logger,
): Pool {
  const [{ host, port }] = address.hosts;
  const config: PoolConfig = {
    host,
    port,
    ...(address.username === null ? {} : { user: address.username }),
    ...(address.password === null ? {} : { password: address.password }),
    database: address.path || 'tradehall',
    ssl: tlsOf(address) ?? false,
    application_name: 'tradehall',
    max: maxConnections,
    connectionTimeoutMillis: CONNECT_MS,
    idleTimeoutMillis: IDLE_MS,
    keepAlive: true,
    statement_timeout: statementMs,
    lock_timeout: statementMs,
    idle_in_transaction_session_timeout: statementMs,
    query_timeout: statementMs + GRACE_MS,
    pipeline: true,
  };
  const pool = new Pool(config);
  // Whoever uses the connection is told by the call; without listeners the process would end.
  const note = (error: Error): void => {
    logger.debug({ error: error.message }, 'a connection to PostgreSQL ended');
  };
  pool.on('error', note);
  pool.on('connect', (client) => client.on('error', note));
  return pool;
}

/** The pool as Kysely takes it. */
export function forKysely(pool: Pool, calls: ServerCalls, statementMs: number): PostgresPool {
  return {
    connect: async () => new Reading(await connect(pool, calls), calls, statementMs),
    end: () => pool.end(),
    options: pool.options,
  };
}

/** Every query that comes this way is a read, so it may be repeated. */
class Reading implements PostgresPoolClient {
  readonly #client: PoolClient;
  readonly #calls: ServerCalls;
  readonly #options: CallOptions;

  constructor(client: PoolClient, calls: ServerCalls, statementMs: number) {
    this.#client = client;
    this.#calls = calls;
    // Again on the same connection would be of no use.
    this.#options = { repeatable: true, attempts: 1, timeoutMs: statementMs + 2 * GRACE_MS };
  }

  query<Row>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<Row>>;
  query<Row>(cursor: PostgresCursor<Row>): PostgresCursor<Row>;
  query<Row>(
    given: string | PostgresCursor<Row>,
    parameters: readonly unknown[] = [],
  ): Promise<PostgresQueryResult<Row>> | PostgresCursor<Row> {
    assert(typeof given === 'string', 'nothing here reads by cursor');
    const read = async (): Promise<PostgresQueryResult<Row>> => {
      const result = await this.#client.query(given, [...parameters]);
      // What a row holds, the caller knows from the query that it built.
      const rows: unknown[] = result.rows;
      return {
        command: result.command as PostgresQueryResult<Row>['command'],
        rowCount: result.rowCount ?? 0,
        rows: rows as Row[],
      };
    };
    return this.#calls.call('read', read, this.#options);
  }

  release(): void {
    this.#client.release();
  }
}

function connect(pool: Pool, calls: ServerCalls): Promise<PoolClient> {
  return calls.call('connect', () => pool.connect(), { repeatable: true, timeoutMs: CONNECT_MS + GRACE_MS });
}

/** One transaction. Answers how many rows each query changed. */
export async function writeAtOnce(
  pool: Pool,
  calls: ServerCalls,
  queries: readonly Compilable[],
  statementMs: number,
): Promise<readonly number[]> {
  const client = await connect(pool, calls);
  let failed = true;
  try {
    const changed = await calls.call('write', () => inPipeline(client, queries), {
      attempts: 1,
      timeoutMs: statementMs + 2 * GRACE_MS,
    });
    failed = false;
    return changed;
  } finally {
    // After a failure nobody knows which statements it has prepared, or what it is still waiting for.
    client.release(failed);
  }
}

async function inPipeline(client: PoolClient, queries: readonly Compilable[]): Promise<readonly number[]> {
  const begin = client.query('BEGIN');
  const steps = queries.map((query) => {
    const { sql, parameters } = query.compile();
    return client.query({ name: nameOf(sql), text: sql, values: [...parameters] });
  });
  const commit = client.query('COMMIT');
  const outcomes = await Promise.allSettled([begin, ...steps, commit]);
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  const results = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  // A transaction that failed answers its COMMIT with ROLLBACK; then a step has been rejected above.
  assert.equal(results.at(-1)?.command, 'COMMIT');
  return results.slice(1, -1).map(({ rowCount }) => rowCount ?? 0);
}

const names = new Map<string, string>();

/** Of a prepared statement: few texts, each repeated with the values of every row. */
function nameOf(sql: string): string {
  const known = names.get(sql);
  if (known !== undefined) return known;
  const name = `tradehall-${names.size + 1}`;
  names.set(sql, name);
  return name;
}
