/** API keys, the order index, statements and the account directory. */
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** A migration knows the tables of its own time only, so none are typed. */
export const firstTables: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    await database.schema
      .createTable('api_keys')
      .addColumn('key_id', 'text', (column) => column.primaryKey().notNull())
      .addColumn('account_id', 'text', (column) => column.notNull())
      .addColumn('secret_hash', 'text', (column) => column.notNull())
      .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
      .addColumn('revoked_at_ms', 'bigint')
      .execute();
    await database.schema.createIndex('api_keys_of_account').on('api_keys').column('account_id').execute();

    await database.schema
      .createTable('orders')
      .addColumn('order_id', 'text', (column) => column.primaryKey().notNull())
      .addColumn('user_id', 'text', (column) => column.notNull())
      .addColumn('symbol', 'text', (column) => column.notNull())
      .addColumn('side', 'text', (column) => column.notNull())
      .addColumn('type', 'text', (column) => column.notNull())
      .addColumn('time_in_force', 'text', (column) => column.notNull())
      .addColumn('quantity', 'bigint')
      .addColumn('notional', 'bigint')
      .addColumn('limit_price', 'bigint')
      .addColumn('client_order_id', 'text')
      .addColumn('status', 'text', (column) => column.notNull())
      .addColumn('filled_quantity', 'bigint', (column) => column.notNull())
      .addColumn('average_fill_price', 'bigint')
      .addColumn('reason', 'text')
      .addColumn('body_digest', 'text', (column) => column.notNull())
      .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
      .addColumn('updated_at_ms', 'bigint', (column) => column.notNull())
      .addColumn('account_sequence', 'bigint', (column) => column.notNull())
      .execute();
    await database.schema
      .createIndex('orders_of_user')
      .on('orders')
      .columns(['user_id', 'created_at_ms', 'order_id'])
      .execute();

    await database.schema
      .createTable('statement_lines')
      .addColumn('entry_id', 'text', (column) => column.primaryKey().notNull())
      .addColumn('account_id', 'text', (column) => column.notNull())
      .addColumn('sequence', 'bigint', (column) => column.notNull())
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('reference', 'text', (column) => column.notNull())
      .addColumn('symbol', 'text')
      .addColumn('cash_change', 'bigint', (column) => column.notNull())
      .addColumn('quantity_change', 'bigint')
      .addColumn('price', 'bigint')
      .addColumn('cash_after', 'bigint', (column) => column.notNull())
      .addColumn('at_ms', 'bigint', (column) => column.notNull())
      .addColumn('note', 'text')
      .execute();
    await database.schema
      .createIndex('statement_lines_of_account')
      .on('statement_lines')
      .columns(['account_id', 'sequence'])
      .execute();
    await database.schema
      .createIndex('statement_lines_by_reference')
      .on('statement_lines')
      .columns(['account_id', 'reference'])
      .execute();

    await database.schema
      .createTable('accounts')
      .addColumn('account_id', 'text', (column) => column.primaryKey().notNull())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
      .execute();
  },
};
