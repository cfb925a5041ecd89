/** The stores over any database that Kysely speaks to. `database` is theirs from here on. */
import type { RelationalStores } from '../stores.ts';
import { createAccountDirectory } from './accounts.ts';
import { createApiKeyStore } from './api-keys.ts';
import { createKeyClaims } from './key-claims.ts';
import { createOrderIndex } from './orders.ts';
import type { RelationalDatabase } from './relational-database.ts';
import { createStatementStore } from './statements.ts';

export function createRelationalStores(database: RelationalDatabase): RelationalStores {
  const orders = createOrderIndex(database);
  const statements = createStatementStore(database);
  return {
    apiKeys: createApiKeyStore(database),
    orders,
    keyClaims: createKeyClaims(database),
    statements,
    accounts: createAccountDirectory(database),
    async isEmpty() {
      const [someOrders, someLines] = await Promise.all([orders.scan(null, 1), statements.scan(null, 1)]);
      return someOrders.length === 0 && someLines.length === 0;
    },
    close: () => database.close(),
  };
}
