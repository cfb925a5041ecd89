/**
 * The relational stores on one SQLite file. Commits are synced before they are answered: API keys exist nowhere
 * else, and the projections' consumers commit their positions after their writes.
 */
import { Kysely, SqliteDialect } from 'kysely';
import { openSqliteFile, type SqliteFormat } from '#infrastructure/common/sqlite-file.ts';
import { migrate } from '../kysely/migrate.ts';
import { createRelationalStores } from '../kysely/relational-stores.ts';
import type { Tables } from '../kysely/tables.ts';
import { migrations } from '../migrations/migrations.ts';
import type { RelationalStores } from '../stores.ts';
import { forKysely } from './node-sqlite-database.ts';

export interface SqliteRelationalOptions {
  /** A path, or `:memory:`. */
  readonly path: string;
  /** The file refuses to grow beyond, as it would on a full disk. */
  readonly sizeLimitBytes?: number;
}

const FORMAT: SqliteFormat = {
  name: 'The relational database',
  applicationId: 0x74_68_72_64,
  /** Only marks the file as ours; its tables are numbered by the migrations. */
  steps: ['SELECT 1'],
};

const CACHE_KIB = 16 * 1024;

export async function openSqliteRelational(options: SqliteRelationalOptions): Promise<RelationalStores> {
  const { path, sizeLimitBytes } = options;
  const file = openSqliteFile({
    path,
    format: FORMAT,
    cacheKib: CACHE_KIB,
    ...(sizeLimitBytes === undefined ? {} : { sizeLimitBytes }),
  });
  const database = new Kysely<Tables>({
    dialect: new SqliteDialect({ database: forKysely(file, FORMAT.name, path) }),
  });
  try {
    await migrate(database, migrations, path);
    return createRelationalStores(database);
  } catch (error) {
    await database.destroy();
    throw error;
  }
}
