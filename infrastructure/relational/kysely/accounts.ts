/** The directory of trading accounts. */
import type { Insertable, Selectable } from 'kysely';
import type { AccountId } from '#domain/data/identifiers.ts';
import type { AccountDirectory, AccountRecord } from '../stores.ts';
import { readInteger } from './readers.ts';
import type { RelationalDatabase } from './relational-database.ts';
import { rowStatement } from './row-statement.ts';
import type { AccountsTable } from './tables.ts';

const COLUMNS = ['account_id', 'name', 'created_at_ms'] as const;

export function createAccountDirectory({ tables, write }: RelationalDatabase): AccountDirectory {
  const upsert = rowStatement(COLUMNS, (row: Insertable<AccountsTable>) =>
    tables
      .insertInto('accounts')
      .values(row)
      .onConflict((conflict) =>
        conflict.column('account_id').doUpdateSet((column) => ({ name: column.ref('excluded.name') })),
      ),
  );

  return {
    async put(accounts) {
      if (accounts.length === 0) return;
      await write(
        accounts.map(({ accountId, name, createdAtMs }) =>
          upsert({ account_id: accountId, name, created_at_ms: createdAtMs }),
        ),
      );
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
