/** API keys. Revoking keeps the row, so that a key id is never given out twice. */
import type { Kysely, Selectable } from 'kysely';
import type { AccountId } from '#domain/data/identifiers.ts';
import type { ApiKey, ApiKeyStore } from '../stores.ts';
import { readInteger, readIntegerOrNull } from './readers.ts';
import type { ApiKeysTable, Tables } from './tables.ts';

export function createApiKeyStore(database: Kysely<Tables>): ApiKeyStore {
  return {
    async add(key) {
      await database
        .insertInto('api_keys')
        .values({
          key_id: key.keyId,
          account_id: key.accountId,
          secret_hash: key.secretHash,
          created_at_ms: key.createdAtMs,
          revoked_at_ms: key.revokedAtMs,
        })
        .execute();
    },

    async find(keyId) {
      const row = await database
        .selectFrom('api_keys')
        .selectAll()
        .where('key_id', '=', keyId)
        .executeTakeFirst();
      return row === undefined ? null : toApiKey(row);
    },

    async revoke(keyId, atMs) {
      const result = await database
        .updateTable('api_keys')
        .set({ revoked_at_ms: atMs })
        .where('key_id', '=', keyId)
        .where('revoked_at_ms', 'is', null)
        .executeTakeFirst();
      return result.numUpdatedRows > 0n;
    },

    async listFor(accountId) {
      const rows = await database
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
