/**
 * The relational stores on one SQLite file: short reads here, writes on a thread of their own.
 *
 * Commits are synced before they are answered: API keys exist nowhere else, and the projections' consumers
 * commit their positions after their writes.
 */
import { type DialectAdapter, Kysely, SqliteAdapter, SqliteDialect } from 'kysely';
import {
  openSqliteFile,
  type SqliteFileOptions,
  type SqliteFormat,
} from '#infrastructure/common/sqlite-file.ts';
import { openSqliteThread } from '#infrastructure/common/sqlite-thread.ts';
import { migrate } from '../kysely/migrate.ts';
import { createRelationalStores } from '../kysely/relational-stores.ts';
import type { Tables } from '../kysely/tables.ts';
import { migrations } from '../migrations/migrations.ts';
import type { RelationalStores } from '../stores.ts';
import { bound, forKysely } from './node-sqlite-database.ts';

export interface SqliteRelationalOptions {
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

const READER_CACHE_KIB = 8 * 1024;
const WRITER_CACHE_KIB = 16 * 1024;

/** Kysely runs migrations of SQLite statement by statement: one that was cut off could not be begun again. SQLite can do better. */
class WholeUpgrades extends SqliteDialect {
  override createAdapter(): DialectAdapter {
    return new TransactionalAdapter();
  }
}

class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

export async function openSqliteRelational(options: SqliteRelationalOptions): Promise<RelationalStores> {
  const { path, sizeLimitBytes } = options;
  const file: Omit<SqliteFileOptions, 'cacheKib'> = {
    path,
    format: FORMAT,
    ...(sizeLimitBytes === undefined ? {} : { sizeLimitBytes }),
  };
  const reader = openSqliteFile({ ...file, cacheKib: READER_CACHE_KIB });
  const tables = new Kysely<Tables>({
    dialect: new WholeUpgrades({ database: forKysely(reader, FORMAT.name, path) }),
  });
  try {
    await migrate(tables, migrations, path);
    const writer = await openSqliteThread({ ...file, cacheKib: WRITER_CACHE_KIB });
    return createRelationalStores({
      tables,
      async write(queries) {
        const steps = queries.map((query) => {
          const { sql, parameters } = query.compile();
          return { sql, values: bound(parameters) };
        });
        return (await writer.write(steps)).map(({ changes }) => changes);
      },
      async close() {
        await writer.close();
        await tables.destroy();
      },
    });
  } catch (error) {
    await tables.destroy();
    throw error;
  }
}
