/**
 * The relational stores on PostgreSQL: the same queries and numbered migrations as on SQLite. One instance migrates at a
 * time, under an advisory lock that Kysely takes; the others wait for it.
 */
import { Kysely, PostgresDialect } from 'kysely';
import type { Migration } from 'kysely/migration';
import { describeServer, type ServerAddress } from '#infrastructure/common/server-address.ts';
import { createServerCalls } from '#infrastructure/common/server-calls.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import type { Metrics } from '#infrastructure/core/metrics.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import { migrate } from '../kysely/migrate.ts';
import { createRelationalStores } from '../kysely/relational-stores.ts';
import type { Tables } from '../kysely/tables.ts';
import { migrations as allMigrations } from '../migrations/migrations.ts';
import type { RelationalStores } from '../stores.ts';
import { classifyPostgresError, UNAVAILABLE } from './postgres-failures.ts';
import { forKysely, type PostgresLimits, poolFor, writeAtOnce } from './postgres-pool.ts';

export interface PostgresRelationalOptions {
  readonly address: ServerAddress;
  readonly runtime: Runtime;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Default 10. Each instance has as many. */
  readonly maxConnections?: number;
  /** For one statement. Default 5,000. */
  readonly statementMs?: number;
  /** All of them, unless a test wants a former state. */
  readonly migrations?: Readonly<Record<string, Migration>>;
}

const OLDEST_VERSION = 14;
const MIGRATION_LIMITS: PostgresLimits = { maxConnections: 1, statementMs: 600_000 };

/** Throws an `OperatingError` for a server that cannot be reached, does not let us in, or is too old. */
export async function openPostgresRelational(options: PostgresRelationalOptions): Promise<RelationalStores> {
  const { address, runtime, metrics, logger, statementMs = 5_000 } = options;
  const name = describeServer('PostgreSQL', address);
  const calls = createServerCalls({
    server: 'postgres',
    name,
    unavailable: UNAVAILABLE,
    classify: classifyPostgresError,
    timeoutMs: statementMs,
    runtime,
    metrics,
    logger,
  });

  const first = poolFor(address, MIGRATION_LIMITS, logger);
  const upgrading = new Kysely<Tables>({
    dialect: new PostgresDialect({ pool: forKysely(first, calls, MIGRATION_LIMITS.statementMs) }),
  });
  try {
    await checkVersion(upgrading, name);
    await migrate(upgrading, options.migrations ?? allMigrations, name);
  } finally {
    await upgrading.destroy();
  }

  const pool = poolFor(address, { maxConnections: options.maxConnections ?? 10, statementMs }, logger);
  const tables = new Kysely<Tables>({
    dialect: new PostgresDialect({ pool: forKysely(pool, calls, statementMs) }),
  });
  let closed = false;
  return createRelationalStores({
    tables,
    async write(queries) {
      if (closed) {
        throw new OperatingError('STORE_CLOSED', 'The relational database has been closed.', {
          retry: 'never',
        });
      }
      return writeAtOnce(pool, calls, queries, statementMs);
    },
    async close() {
      closed = true;
      await tables.destroy();
    },
  });
}

async function checkVersion(database: Kysely<Tables>, name: string): Promise<void> {
  const row = await database
    .selectNoFrom((select) =>
      select.fn<string>('current_setting', [select.val('server_version_num')]).as('version'),
    )
    .executeTakeFirstOrThrow();
  const major = Math.floor(Number(row.version) / 10_000);
  if (major >= OLDEST_VERSION) return;
  throw new OperatingError(
    'STORE_VERSION',
    `${name} is version ${major}; the relational database needs ${OLDEST_VERSION} or newer.`,
    { retry: 'never' },
  );
}
