/** API keys. Revoking keeps the row, so that a key id is never given out twice. */
import type { Selectable } from 'kysely';
import type { AccountId } from '#domain/data/identifiers.ts';
import type { ApiKey, ApiKeyStore } from '../stores.ts';
import { readInteger, readIntegerOrNull } from './readers.ts';
import type { RelationalDatabase } from './relational-database.ts';
import type { ApiKeysTable } from './tables.ts';

export function createApiKeyStore({ tables, write }: RelationalDatabase): ApiKeyStore {
  return {
    async add(key) {
      const insert = tables.insertInto('api_keys').values({
        key_id: key.keyId,
        account_id: key.accountId,
        secret_hash: key.secretHash,
        created_at_ms: key.createdAtMs,
        revoked_at_ms: key.revokedAtMs,
      });
      await write([insert]);
    },

    async find(keyId) {
      const row = await tables
        .selectFrom('api_keys')
        .selectAll()
        .where('key_id', '=', keyId)
        .executeTakeFirst();
      return row === undefined ? null : toApiKey(row);
    },

    async revoke(keyId, atMs) {
      const update = tables
        .updateTable('api_keys')
        .set({ revoked_at_ms: atMs })
        .where('key_id', '=', keyId)
        .where('revoked_at_ms', 'is', null);
      const [changed] = await write([update]);
      return changed === 1;
    },

    async listFor(accountId) {
      const rows = await tables
        .selectFrom('api_keys')
        .selectAll()
        .where('account_id', '=', accountId)
        .orderBy('created_at_ms')
        .orderBy('key_id')
        .execute();
      return rows.map(toApiKey);
    },
  };
}

function toApiKey(row: Selectable<ApiKeysTable>): ApiKey {
  return {
    keyId: row.key_id,
    accountId: row.account_id as AccountId,
    secretHash: row.secret_hash,
    createdAtMs: readInteger(row.created_at_ms),
    revokedAtMs: readIntegerOrNull(row.revoked_at_ms),
  };
}
