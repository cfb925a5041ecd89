/** What the store of API keys must do on every database: a part of the contract of the relational stores. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AccountId } from '#domain/data/identifiers.ts';
import type { ApiKey, ApiKeyStore } from './stores.ts';

const START_MS = 1_549_895_400_000;
const ADA = '00000000-0000-4000-8000-000000000001' as AccountId;
const BOB = '00000000-0000-4000-8000-000000000002' as AccountId;

export function apiKey(keyId: string, overrides: Partial<ApiKey> = {}): ApiKey {
  return {
    keyId,
    accountId: ADA,
    secretHash: `hash of ${keyId}`,
    createdAtMs: START_MS,
    revokedAtMs: null,
    ...overrides,
  };
}

/** `apiKeys` answers those of the store that is open now. */
export function registerApiKeysContract(apiKeys: () => ApiKeyStore, reopen: () => Promise<void>): void {
  describe('API keys', () => {
    test('a key is found until the end of time, and listed for its account only', async () => {
      await apiKeys().add(apiKey('k2', { createdAtMs: START_MS + 1 }));
      await apiKeys().add(apiKey('k1', { createdAtMs: START_MS + 2 }));
      await apiKeys().add(apiKey('k3', { accountId: BOB }));
      await reopen();
      assert.deepEqual(await apiKeys().find('k2'), apiKey('k2', { createdAtMs: START_MS + 1 }));
      assert.equal(await apiKeys().find('k9'), null);
      const listed = await apiKeys().listFor(ADA);
      assert.deepEqual(
        listed.map(({ keyId }) => keyId),
        ['k2', 'k1'],
      );
    });

    test('a key is revoked once, and keeps the time of it', async () => {
      await apiKeys().add(apiKey('k1'));
      assert.equal(await apiKeys().revoke('k1', START_MS + 5), true);
      assert.equal(await apiKeys().revoke('k1', START_MS + 6), false);
      assert.equal(await apiKeys().revoke('k9', START_MS), false);
      assert.deepEqual(await apiKeys().find('k1'), apiKey('k1', { revokedAtMs: START_MS + 5 }));
    });

    test('a key id is never given out twice', async () => {
      await apiKeys().add(apiKey('k1'));
      await assert.rejects(apiKeys().add(apiKey('k1', { accountId: BOB, secretHash: 'other' })));
      assert.deepEqual(await apiKeys().find('k1'), apiKey('k1'));
    });
  });
}
