/**
 * What the gateway tells a service about the caller, signed, so that a service reached around the gateway believes
 * nothing.
 *
 * One header carries it: `v1;keyId;timeMs;nonce;bodySha256;principal;mac`. The MAC (HMAC-SHA256) covers all of these
 * and besides the method, the address with its query, the request id and the instance that is meant: an instance draws
 * its id at each start and tells it with its readiness, so what was signed for one process is worth nothing at another,
 * nor at the same one after a restart. Within an instance each nonce passes once.
 *
 * Keys rotate: the first of the list signs, every one of it is believed. Add the new key everywhere at the end, then
 * move it to the front, then take the old one away.
 */
import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import type { Principal } from '#infrastructure/core/http.ts';
import type { Clock, Randomness } from '#infrastructure/core/runtime.ts';

export interface ServiceKey {
  readonly keyId: string;
  readonly secret: string;
}

/** What a signature is about. */
export interface SignedRequest {
  readonly method: string;
  /** Path and query, as sent. */
  readonly target: string;
  readonly requestId: string;
  /** `''` when there is none. */
  readonly body: string;
}

export type SignedCaller = {
  readonly principal: Principal | null;
  /** Of the body that was signed: to be compared once the body is here. */
  readonly bodySha256: string;
};

export type Verification =
  | ({ readonly kind: 'believed' } & SignedCaller)
  | { readonly kind: 'refused'; readonly reason: string };

export const CALLER_HEADER = 'x-tradehall-caller';
/** Header of an answer to `/readyz`: the id of the instance that answered. */
export const INSTANCE_HEADER = 'x-tradehall-instance';

const VERSION = 'v1';
const NONCE_BYTES = 16;
/** How far the clocks of two machines may be apart. */
const MAX_SKEW_MS = 10_000;
/** Nonces live in two generations of so long, so that each is remembered longer than its signature is believed. */
const GENERATION_MS = 3 * MAX_SKEW_MS;
const MAX_NONCES_PER_GENERATION = 1_000_000;
const NONCE = /^[A-Za-z0-9_-]{22}$/;
const SHA256 = /^[0-9a-f]{64}$/;
const TIME = /^[0-9]{1,15}$/;

export function sha256Of(body: string): string {
  return hash('sha256', body, 'hex');
}

interface Fields {
  readonly keyId: string;
  readonly timeMs: string;
  readonly nonce: string;
  readonly bodySha256: string;
  readonly principal: string;
}

function macOf(
  secret: string,
  fields: Fields,
  request: Pick<SignedRequest, 'method' | 'target' | 'requestId'>,
  instanceId: string,
): Buffer {
  // No field can hold a line feed: methods, addresses and request ids come from parsed HTTP, the rest is checked here.
  const text = [
    VERSION,
    fields.keyId,
    fields.timeMs,
    fields.nonce,
    fields.bodySha256,
    fields.principal,
    request.method,
    request.target,
    request.requestId,
    instanceId,
  ].join('\n');
  return createHmac('sha256', secret).update(text).digest();
}

export interface CallerSigner {
  /** The value of the header for a request to the instance `instanceId`. */
  sign(principal: Principal | null, request: SignedRequest, instanceId: string): string;
}

export function createCallerSigner(
  key: ServiceKey,
  runtime: { readonly clock: Clock; readonly randomness: Randomness },
): CallerSigner {
  return {
    sign(principal, request, instanceId) {
      const fields: Fields = {
        keyId: key.keyId,
        timeMs: String(runtime.clock.nowMs()),
        nonce: Buffer.from(runtime.randomness.bytes(NONCE_BYTES)).toString('base64url'),
        bodySha256: sha256Of(request.body),
        principal: Buffer.from(JSON.stringify(principal)).toString('base64url'),
      };
      const mac = macOf(key.secret, fields, request, instanceId).toString('base64url');
      return [
        VERSION,
        fields.keyId,
        fields.timeMs,
        fields.nonce,
        fields.bodySha256,
        fields.principal,
        mac,
      ].join(';');
    },
  };
}

export interface CallerVerifier {
  /** Believes a header once. `request` is without the body, which arrives later: compare its hash then. */
  verify(header: unknown, request: Omit<SignedRequest, 'body'>): Verification;
}

export function createCallerVerifier(
  keys: readonly ServiceKey[],
  instanceId: string,
  clock: Clock,
): CallerVerifier {
  const secrets = new Map(keys.map(({ keyId, secret }) => [keyId, secret]));
  let current = new Set<string>();
  let former = new Set<string>();
  let turnsAtMs = clock.monotonicMs() + GENERATION_MS;

  function firstUse(nonce: string): 'yes' | 'no' | 'full' {
    const nowMs = clock.monotonicMs();
    if (nowMs >= turnsAtMs) {
      // After a pause longer than a generation, the current one is old too.
      former = nowMs >= turnsAtMs + GENERATION_MS ? new Set() : current;
      current = new Set();
      turnsAtMs = nowMs + GENERATION_MS;
    }
    if (current.has(nonce) || former.has(nonce)) return 'no';
    if (current.size >= MAX_NONCES_PER_GENERATION) return 'full';
    current.add(nonce);
    return 'yes';
  }

  return {
    verify(header, request) {
      const refused = (reason: string): Verification => ({ kind: 'refused', reason });
      if (typeof header !== 'string') return refused('the request is not signed by a gateway');
      const parts = header.split(';');
      const [version, keyId, timeMs, nonce, bodySha256, principal, mac] = parts;
      if (
        parts.length !== 7 ||
        version !== VERSION ||
        keyId === undefined ||
        timeMs === undefined ||
        nonce === undefined ||
        bodySha256 === undefined ||
        principal === undefined ||
        mac === undefined ||
        !TIME.test(timeMs) ||
        !NONCE.test(nonce) ||
        !SHA256.test(bodySha256)
      ) {
        return refused('the signature cannot be read');
      }
      const secret = secrets.get(keyId);
      if (secret === undefined) return refused('the signature is by a key that is not among service_keys');
      const expected = macOf(secret, { keyId, timeMs, nonce, bodySha256, principal }, request, instanceId);
      const given = Buffer.from(mac, 'base64url');
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
        return refused('the signature is not of this request to this instance');
      }
      if (Math.abs(clock.nowMs() - Number(timeMs)) > MAX_SKEW_MS) {
        return refused(
          `the signature is more than ${MAX_SKEW_MS / 1_000} s from this clock: set both machines' clocks`,
        );
      }
      const use = firstUse(nonce);
      if (use !== 'yes') {
        return refused(use === 'no' ? 'the signature was used before' : 'too many signatures to remember');
      }
      // Signed by a key of ours, so it is what a gateway wrote.
      return {
        kind: 'believed',
        bodySha256,
        principal: JSON.parse(Buffer.from(principal, 'base64url').toString('utf8')) as Principal | null,
      };
    },
  };
}
