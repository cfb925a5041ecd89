/** The directory of trading accounts. */
import type { Selectable } from 'kysely';
import type { AccountId } from '#domain/data/identifiers.ts';
import type { AccountDirectory, AccountRecord } from '../stores.ts';
import { readInteger } from './readers.ts';
import type { RelationalDatabase } from './relational-database.ts';
import type { AccountsTable } from './tables.ts';

export function createAccountDirectory({ tables, write }: RelationalDatabase): AccountDirectory {
  return {
    async put(account) {
      const upsert = tables
        .insertInto('accounts')
        .values({ account_id: account.accountId, name: account.name, created_at_ms: account.createdAtMs })
        .onConflict((conflict) =>
          conflict.column('account_id').doUpdateSet((row) => ({ name: row.ref('excluded.name') })),
        );
      await write([upsert]);
    },

    async get(accountId) {
      const row = await tables
        .selectFrom('accounts')
        .selectAll()
        .where('account_id', '=', accountId)
        .executeTakeFirst();
      return row === undefined ? null : toAccount(row);
    },

    async list(after, limit) {
      const rows = await tables
        .selectFrom('accounts')
        .selectAll()
        .where('account_id', '>', after ?? '')
        .orderBy('account_id')
        .limit(limit)
        .execute();
      return rows.map(toAccount);
    },
  };
}

function toAccount(row: Selectable<AccountsTable>): AccountRecord {
  return {
    accountId: row.account_id as AccountId,
    name: row.name,
    createdAtMs: readInteger(row.created_at_ms),
  };
}
