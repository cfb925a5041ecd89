/** Who may pass, and how often: credentials first, then the rate limits of the key and of the network address. */
import type { FastifyRequest } from 'fastify';
import type { RateDecision, RateLimits } from '#infrastructure/cache/cache.ts';
import type { Route } from '#infrastructure/core/http.ts';
import { problem } from '#infrastructure/core/problem.ts';
import { type ApiKeyPrincipal, credentialsOf, type KeyVerifier } from './authentication.ts';
import type { ApiGatewayConfig } from './config.ts';
import type { Admission } from './server.ts';

const WINDOW_MS = 1_000;

export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^(::ffff:)?127\./.test(address);
}

/** Of this machine, by its connection: a header can say anything. */
function isLocal({ ip, ips }: FastifyRequest): boolean {
  const forwarded = ips !== undefined && ips.length > 1;
  return !forwarded && isLoopback(ip);
}

export interface AdmissionParts {
  readonly verifier: KeyVerifier;
  readonly rateLimits: RateLimits;
  readonly config: Pick<ApiGatewayConfig, 'rateLimitPerKey' | 'rateLimitPerAddress'>;
}

function limited(
  decision: Extract<RateDecision, { readonly kind: 'limited' }>,
  limit: number,
  of: string,
): Admission {
  return {
    kind: 'refused',
    problem: problem('RATE_LIMITED', `More than ${limit} requests per second from one ${of}.`, {
      retryAfterSeconds: Math.max(1, Math.ceil(decision.retryAfterMs / 1_000)),
    }),
  };
}

const UNAUTHENTICATED: Admission = {
  kind: 'refused',
  problem: problem(
    'UNAUTHENTICATED',
    'Send `Authorization: Bearer <keyId>.<secret>`, or the headers APCA-API-KEY-ID and APCA-API-SECRET-KEY, of an active key.',
  ),
};

export function createAdmission(
  parts: AdmissionParts,
): (route: Route, request: FastifyRequest) => Admission | Promise<Admission> {
  const { verifier, rateLimits, config } = parts;

  async function underKeyLimit(principal: ApiKeyPrincipal | null): Promise<Admission> {
    if (principal === null) return UNAUTHENTICATED;
    const decision = await rateLimits.take(`key:${principal.keyId}`, config.rateLimitPerKey, WINDOW_MS);
    if (decision.kind === 'limited') return limited(decision, config.rateLimitPerKey, 'key');
    return { kind: 'admitted', principal };
  }

  function identify(route: Route, request: FastifyRequest): Admission | Promise<Admission> {
    if (route.access === 'public') return { kind: 'admitted', principal: null };
    const given = credentialsOf(request.headers);
    if (given === null) return UNAUTHENTICATED;
    const verified = verifier.verify(given);
    return verified instanceof Promise ? verified.then(underKeyLimit) : underKeyLimit(verified);
  }

  return (route, request) => {
    if (config.rateLimitPerAddress === 0 || isLocal(request)) return identify(route, request);
    return rateLimits
      .take(`address:${request.ip}`, config.rateLimitPerAddress, WINDOW_MS)
      .then((decision) =>
        decision.kind === 'limited'
          ? limited(decision, config.rateLimitPerAddress, 'address')
          : identify(route, request),
      );
  };
}
