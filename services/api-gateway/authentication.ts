/**
 * Who calls: reads the credentials of a request and verifies them against the key store.
 *
 * Secrets are compared as SHA-256 digests in constant time. Keys found are remembered for a few seconds, so that a
 * request under a known key costs no store read; revoking in this process forgets at once, elsewhere within that time.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import type { Principal } from '#infrastructure/core/http.ts';
import type { Clock } from '#infrastructure/core/runtime.ts';
import type { ApiKeyStore } from '#infrastructure/relational/stores.ts';

export interface Credentials {
  readonly keyId: string;
  readonly secret: string;
}

export type ApiKeyPrincipal = Extract<Principal, { readonly kind: 'api-key' }>;

interface RememberedKey {
  readonly principal: ApiKeyPrincipal;
  readonly digest: Uint8Array;
  readonly atMs: number;
}

const KEY_ID = /^[A-Za-z0-9_-]{1,64}$/;
const LONGEST_SECRET = 128;
const REMEMBER_MS = 3_000;
const MOST_REMEMBERED = 10_000;

function credentials(keyId: string, secret: string): Credentials | null {
  return KEY_ID.test(keyId) && secret.length > 0 && secret.length <= LONGEST_SECRET
    ? { keyId, secret }
    : null;
}

/** `<keyId>.<secret>`, as it stands in a bearer token. */
export function parseToken(token: string): Credentials | null {
  const dot = token.indexOf('.');
  return dot < 0 ? null : credentials(token.slice(0, dot), token.slice(dot + 1));
}

export function credentialsOf(headers: Readonly<Record<string, unknown>>): Credentials | null {
  const authorization = headers['authorization'];
  if (typeof authorization === 'string') {
    return /^bearer /i.test(authorization) ? parseToken(authorization.slice('bearer '.length).trim()) : null;
  }
  const keyId = headers['apca-api-key-id'];
  const secret = headers['apca-api-secret-key'];
  return typeof keyId === 'string' && typeof secret === 'string' ? credentials(keyId, secret) : null;
}

export function digestOf(secret: string): Uint8Array {
  return hash('sha256', secret, 'buffer');
}

export interface KeyVerifier {
  /** The answer at once when the key is remembered, else a promise of it. */
  verify(given: Credentials): ApiKeyPrincipal | null | Promise<ApiKeyPrincipal | null>;
  /** Whether the key is still active, from the store. */
  isActive(keyId: string): Promise<boolean>;
  forget(keyId: string): void;
}

export function createKeyVerifier(store: Pick<ApiKeyStore, 'find'>, clock: Clock): KeyVerifier {
  const remembered = new Map<string, RememberedKey>();
  /** Counts what was forgotten: a key read before must not be remembered after. */
  let forgotten = 0;

  async function load(given: Credentials): Promise<ApiKeyPrincipal | null> {
    const forgottenBefore = forgotten;
    const key = await store.find(given.keyId);
    const digest = digestOf(given.secret);
    if (key === null || key.revokedAtMs !== null) return null;
    const found: RememberedKey = {
      principal: { kind: 'api-key', keyId: key.keyId, accountId: key.accountId },
      digest: Buffer.from(key.secretHash, 'hex'),
      atMs: clock.monotonicMs(),
    };
    if (!matches(found.digest, digest)) return null;
    if (forgotten !== forgottenBefore) return found.principal;
    remembered.delete(key.keyId);
    if (remembered.size >= MOST_REMEMBERED) {
      const oldest = remembered.keys().next();
      if (!oldest.done) remembered.delete(oldest.value);
    }
    remembered.set(key.keyId, found);
    return found.principal;
  }

  return {
    verify(given) {
      const known = remembered.get(given.keyId);
      if (known === undefined || clock.monotonicMs() - known.atMs > REMEMBER_MS) return load(given);
      return matches(known.digest, digestOf(given.secret)) ? known.principal : null;
    },
    async isActive(keyId) {
      const key = await store.find(keyId);
      return key !== null && key.revokedAtMs === null;
    },
    forget: (keyId) => {
      forgotten += 1;
      remembered.delete(keyId);
    },
  };
}

function matches(expected: Uint8Array, given: Uint8Array): boolean {
  return expected.length === given.length && timingSafeEqual(expected, given);
}
