/** API keys, on the operator's socket: add (the secret is shown once), list, revoke. */
import { Type } from 'typebox';
import type { AccountId } from '#domain/data/identifiers.ts';
import { parseAccountId, UUID_PATTERN } from '#domain/data/identifiers.ts';
import type { HttpRequest, Route } from '#infrastructure/core/http.ts';
import { problemResult } from '#infrastructure/core/problem.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { AccountDirectory, ApiKeyStore } from '#infrastructure/relational/stores.ts';
import { digestOf } from './authentication.ts';

const KEY_ID_BYTES = 10;
const SECRET_BYTES = 32;

const AccountParams = Type.Object({ accountId: Type.String({ pattern: UUID_PATTERN }) });
const KeyParams = Type.Object({ keyId: Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$' }) });
const KeyView = Type.Object({
  keyId: Type.String(),
  accountId: Type.String(),
  createdAt: Type.String({ format: 'date-time' }),
  revokedAt: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
});

export interface KeyRouteParts {
  readonly apiKeys: ApiKeyStore;
  readonly accounts: Pick<AccountDirectory, 'get'>;
  readonly runtime: Runtime;
  readonly maxKeysPerAccount: number;
  onRevoked(keyId: string): void;
}

function isoOf(timeMs: number | null): string | null {
  return timeMs === null ? null : new Date(timeMs).toISOString();
}

export function keyRoutes({
  apiKeys,
  accounts,
  runtime,
  maxKeysPerAccount,
  onRevoked,
}: KeyRouteParts): readonly Route[] {
  const shared = { access: 'operator', tag: 'keys' } as const;

  /** Null when the directory has no such account: a key for nobody would only hide a mistyped id. */
  async function accountIn(request: HttpRequest<never, never, never>): Promise<AccountId | null> {
    const id = parseAccountId((request.params as { readonly accountId: string }).accountId);
    return id !== null && (await accounts.get(id)) !== null ? id : null;
  }

  return [
    {
      ...shared,
      method: 'POST',
      path: '/operator/accounts/:accountId/keys',
      summary: 'A new API key of an account; the secret is shown this once',
      schema: {
        params: AccountParams,
        response: {
          201: Type.Object({ keyId: Type.String(), secret: Type.String(), accountId: Type.String() }),
        },
      },
      problems: [404, 429],
      async handle(request) {
        const accountId = await accountIn(request);
        if (accountId === null) return problemResult('ACCOUNT_NOT_FOUND', 'There is no such account.');
        const active = (await apiKeys.listFor(accountId)).filter((key) => key.revokedAtMs === null);
        if (active.length >= maxKeysPerAccount) {
          return problemResult(
            'LIMIT_REACHED',
            `The account has ${active.length} active keys already: revoke one first.`,
          );
        }
        const keyId = `TH${Buffer.from(runtime.randomness.bytes(KEY_ID_BYTES)).toString('hex').toUpperCase()}`;
        const secret = Buffer.from(runtime.randomness.bytes(SECRET_BYTES)).toString('base64url');
        await apiKeys.add({
          keyId,
          accountId,
          secretHash: Buffer.from(digestOf(secret)).toString('hex'),
          createdAtMs: runtime.clock.nowMs(),
          revokedAtMs: null,
        });
        return { kind: 'json', status: 201, body: { keyId, secret, accountId } };
      },
    },
    {
      ...shared,
      method: 'GET',
      path: '/operator/accounts/:accountId/keys',
      summary: 'The keys of an account, without their secrets',
      schema: { params: AccountParams, response: { 200: Type.Object({ keys: Type.Array(KeyView) }) } },
      problems: [404],
      async handle(request) {
        const accountId = await accountIn(request);
        if (accountId === null) return problemResult('ACCOUNT_NOT_FOUND', 'There is no such account.');
        const keys = (await apiKeys.listFor(accountId)).map((key) => ({
          keyId: key.keyId,
          accountId: key.accountId,
          createdAt: isoOf(key.createdAtMs),
          revokedAt: isoOf(key.revokedAtMs),
        }));
        return { kind: 'json', status: 200, body: { keys } };
      },
    },
    {
      ...shared,
      method: 'DELETE',
      path: '/operator/keys/:keyId',
      summary: 'Revokes a key; its sockets are closed',
      schema: {
        params: KeyParams,
        response: { 200: Type.Object({ keyId: Type.String(), revoked: Type.Literal(true) }) },
      },
      problems: [404],
      async handle(request) {
        const { keyId } = request.params as { readonly keyId: string };
        const revoked = await apiKeys.revoke(keyId, runtime.clock.nowMs());
        onRevoked(keyId);
        if (!revoked) return problemResult('KEY_NOT_FOUND', `There is no active key ${keyId}.`);
        return { kind: 'json', status: 200, body: { keyId, revoked: true } };
      },
    },
  ];
}
