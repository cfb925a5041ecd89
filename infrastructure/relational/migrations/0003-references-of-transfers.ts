/** Only lines of transfers are looked for by their reference; those of fills, many times as many, need not be indexed. */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

export const referencesOfTransfers: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    await database.schema.dropIndex('statement_lines_by_reference').execute();
    await database.schema
      .createIndex('statement_lines_of_transfer')
      .on('statement_lines')
      .columns(['account_id', 'reference', 'sequence'])
      .where(sql<boolean>`kind not in ('FILL', 'FEE')`)
      .execute();
  },
};
