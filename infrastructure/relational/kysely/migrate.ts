/** Brings a database to this version's tables, or refuses one that a newer version has changed. */
import type { Kysely } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Tables } from './tables.ts';

const MIGRATIONS_TABLE = 'tradehall_migrations';
const LOCK_TABLE = 'tradehall_migrations_lock';

/** `where` names the database in sentences. Throws `OperatingError`. */
export async function migrate(
  database: Kysely<Tables>,
  migrations: Readonly<Record<string, Migration>>,
  where: string,
): Promise<void> {
  const unknown = (await executedMigrations(database)).filter((name) => !Object.hasOwn(migrations, name));
  if (unknown.length > 0) {
    throw new OperatingError(
      'STORE_VERSION',
      `The database at ${where} was changed by a newer Tradehall (${unknown.join(', ')}). ` +
        'Start the newer version, or restore a backup made before the upgrade.',
      { retry: 'never' },
    );
  }
  const migrator = new Migrator({
    db: database,
    provider: { getMigrations: async () => ({ ...migrations }) },
    migrationTableName: MIGRATIONS_TABLE,
    migrationLockTableName: LOCK_TABLE,
  });
  const { error, results } = await migrator.migrateToLatest();
  if (error === undefined) return;
  if (error instanceof OperatingError) throw error;
  const failed =
    results?.find((result) => result.status === 'Error')?.migrationName ?? 'before the first step';
  throw new OperatingError(
    'STORE_UPGRADE_FAILED',
    `The database at ${where} could not be upgraded (${failed}): ${error instanceof Error ? error.message : String(error)}. ` +
      'It was left as it was.',
    { retry: 'never', cause: error },
  );
}

async function executedMigrations(database: Kysely<Tables>): Promise<readonly string[]> {
  const tables = await database.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((table) => table.name === MIGRATIONS_TABLE)) return [];
  const rows = await database
    .withTables<{ [MIGRATIONS_TABLE]: { name: string } }>()
    .selectFrom(MIGRATIONS_TABLE)
    .select('name')
    .orderBy('name')
    .execute();
  return rows.map((row) => row.name);
}
