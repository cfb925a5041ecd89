/** How far the order index and the statements have come in the log. A position goes with the row that was written with it. */
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

const POSITIONS = [
  ['order_positions', 'orders.order_id'],
  ['statement_positions', 'statement_lines.entry_id'],
] as const;

export const positions: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    for (const [table, row] of POSITIONS) {
      await database.schema
        .createTable(table)
        .addColumn('topic', 'text', (column) => column.notNull())
        .addColumn('partition', 'bigint', (column) => column.notNull())
        .addColumn('next_offset', 'bigint', (column) => column.notNull())
        .addColumn('last_row', 'text', (column) => column.references(row).onDelete('cascade'))
        .addPrimaryKeyConstraint(`${table}_place`, ['topic', 'partition'])
        .execute();
    }
  },
};
