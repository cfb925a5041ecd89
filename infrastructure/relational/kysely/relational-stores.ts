/** The stores over any database that Kysely speaks to. `database` is theirs from here on. */
import type { Kysely } from 'kysely';
import type { RelationalStores } from '../stores.ts';
import { createAccountDirectory } from './accounts.ts';
import { createApiKeyStore } from './api-keys.ts';
import { createOrderIndex } from './orders.ts';
import { createStatementStore } from './statements.ts';
import type { Tables } from './tables.ts';

export function createRelationalStores(database: Kysely<Tables>): RelationalStores {
  return {
    apiKeys: createApiKeyStore(database),
    orders: createOrderIndex(database),
    statements: createStatementStore(database),
    accounts: createAccountDirectory(database),
    close: () => database.destroy(),
  };
}
