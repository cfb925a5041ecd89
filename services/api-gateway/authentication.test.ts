/** Keys that are remembered for a moment, and forgotten at once when they are revoked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId } from '#domain/data/identifiers.ts';
import type { ApiKey } from '#infrastructure/relational/stores.ts';
import { createKeyVerifier, digestOf } from './authentication.ts';

const GIVEN = { keyId: 'K1', secret: 'secret' };

test('a key that is revoked while it is being read is not remembered', async () => {
  let key: ApiKey = {
    keyId: GIVEN.keyId,
    accountId: '00000000-0000-4000-8000-000000000001' as AccountId,
    secretHash: Buffer.from(digestOf(GIVEN.secret)).toString('hex'),
    createdAtMs: 0,
    revokedAtMs: null,
  };
  let reading = Promise.withResolvers<ApiKey>();
  const store = { find: () => reading.promise };
  const verifier = createKeyVerifier(store, { nowMs: () => 0, monotonicMs: () => 0 });
  const before = verifier.verify(GIVEN);
  const asRead = key;
  key = { ...key, revokedAtMs: 1 };
  verifier.forget(key.keyId);
  reading.resolve(asRead);
  assert.equal((await before)?.keyId, GIVEN.keyId, 'the request came before the revocation');
  reading = Promise.withResolvers<ApiKey>();
  reading.resolve(key);
  assert.equal(await verifier.verify(GIVEN), null);
});
