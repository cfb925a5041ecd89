/** The stores over any database that Kysely speaks to. `database` is theirs from here on. */
import type { RelationalStores } from '../stores.ts';
import { createAccountDirectory } from './accounts.ts';
import { createApiKeyStore } from './api-keys.ts';
import { createKeyClaims } from './key-claims.ts';
import { createOrderIndex } from './orders.ts';
import type { RelationalDatabase } from './relational-database.ts';
import { createStatementStore } from './statements.ts';

export function createRelationalStores(database: RelationalDatabase): RelationalStores {
  return {
    apiKeys: createApiKeyStore(database),
    orders: createOrderIndex(database),
    keyClaims: createKeyClaims(database),
    statements: createStatementStore(database),
    accounts: createAccountDirectory(database),
    close: () => database.close(),
  };
}
