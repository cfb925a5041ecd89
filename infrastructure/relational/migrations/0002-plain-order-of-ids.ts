/**
 * Ids are ordered by their bytes, as SQLite does and programs that page through them expect; PostgreSQL would order them
 * by the rules of the language that its database was made for.
 */
import { type Kysely, PostgresAdapter, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const IDS = [
  ['api_keys', 'key_id'],
  ['orders', 'order_id'],
  ['statement_lines', 'entry_id'],
  ['accounts', 'account_id'],
] as const;

export const plainOrderOfIds: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    if (!(database.getExecutor().adapter instanceof PostgresAdapter)) return;
    for (const [table, column] of IDS) {
      await sql`alter table ${sql.table(table)} alter column ${sql.ref(column)} type text collate "C"`.execute(
        database,
      );
    }
  },
};
