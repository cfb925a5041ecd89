/** The version of the analytics file, kept in it; an older file is upgraded, a newer or foreign one refused. */
import type { DuckDBConnection } from '@duckdb/node-api';
import { OperatingError } from '#infrastructure/core/operating-error.ts';

/** In order; a released step is never edited. Amounts are counts of 10⁻⁹ units, times are ms. */
const STEPS: readonly string[] = [
  `CREATE TABLE trading_trades (
     event_id VARCHAR NOT NULL,
     user_id VARCHAR NOT NULL,
     symbol VARCHAR NOT NULL,
     side VARCHAR NOT NULL,
     quantity BIGINT NOT NULL,
     execution_price BIGINT NOT NULL,
     execution_ms BIGINT NOT NULL
   )`,
];

export async function migrateAnalytics(connection: DuckDBConnection, path: string): Promise<void> {
  const version = await readVersion(connection, path);
  if (version > STEPS.length) {
    throw new OperatingError(
      'STORE_VERSION',
      `The trade analytics at ${path} have format ${version}, written by a newer Tradehall; this one knows up to ` +
        `${STEPS.length}. Start the newer version, or restore a backup made before the upgrade.`,
      { retry: 'never' },
    );
  }
  if (version === STEPS.length) return;
  await connection.run('BEGIN');
  await connection.run('CREATE TABLE IF NOT EXISTS tradehall_format (version INTEGER NOT NULL)');
  for (const step of STEPS.slice(version)) await connection.run(step);
  await connection.run('DELETE FROM tradehall_format');
  await connection.run(`INSERT INTO tradehall_format VALUES (${STEPS.length})`);
  await connection.run('COMMIT');
}

async function readVersion(connection: DuckDBConnection, path: string): Promise<number> {
  const tables = await connection.runAndReadAll('SELECT table_name AS name FROM duckdb_tables()');
  const names = tables.getRowObjects().map((row) => row['name']);
  if (names.length === 0) return 0;
  if (!names.includes('tradehall_format')) {
    throw new OperatingError(
      'STORE_VERSION',
      `${path} is not a file of trade analytics: move it away, or choose another data folder.`,
      { retry: 'never' },
    );
  }
  const [row] = (await connection.runAndReadAll('SELECT version FROM tradehall_format')).getRowObjects();
  return Number(row?.['version']);
}
