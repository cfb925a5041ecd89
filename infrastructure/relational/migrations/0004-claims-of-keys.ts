/** Idempotency keys that are in use and not in the order index yet, for instances that share the database. */
import { type Kysely, PostgresAdapter, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const claimsOfKeys: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    const isPostgres = database.getExecutor().adapter instanceof PostgresAdapter;
    await database.schema
      .createTable('key_claims')
      .addColumn('order_id', isPostgres ? sql`text collate "C"` : 'text', (column) =>
        column.primaryKey().notNull(),
      )
      .addColumn('body_digest', 'text', (column) => column.notNull())
      .addColumn('holder', 'text', (column) => column.notNull())
      .addColumn('claimed_at_ms', 'bigint', (column) => column.notNull())
      .execute();
  },
};
