/**
 * Who opens a socket, by what the opening brings: the Phoenix client's subprotocol (`base64url.bearer.phx.<token>` beside
 * `phoenix`), a single-use `ticket` in the address, or the headers of any request.
 */
import type { IncomingMessage } from 'node:http';
import type { Tickets } from '#infrastructure/cache/cache.ts';
import { problem } from '#infrastructure/core/problem.ts';
import { credentialsOf, type KeyVerifier, parseToken } from './authentication.ts';
import type { Identified } from './sockets.ts';
import { principalOfTicket } from './tickets.ts';

const TOKEN_PROTOCOL = 'base64url.bearer.phx.';
const CREDENTIAL_HEADERS = ['authorization', 'apca-api-key-id', 'apca-api-secret-key'];

const NOT_VALID: Identified = {
  kind: 'refused',
  problem: problem(
    'UNAUTHENTICATED',
    'The ticket or the API key is not valid: get a new ticket (POST /v1/tickets), or check the key.',
  ),
};

/** Throws an `OperatingError` when the key store or the tickets cannot be read. */
export function identifyByCredentials(
  verifier: KeyVerifier,
  tickets: Tickets,
): (request: IncomingMessage, parameters: URLSearchParams) => Promise<Identified> {
  return async (request, parameters) => {
    const ticket = parameters.get('ticket');
    if (ticket !== null) {
      const principal = await principalOfTicket(tickets, ticket);
      return principal !== null && (await verifier.isActive(principal.keyId))
        ? { kind: 'known', principal }
        : NOT_VALID;
    }
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    const token = offered.find((name) => name.startsWith(TOKEN_PROTOCOL));
    if (token === undefined && !CREDENTIAL_HEADERS.some((name) => name in request.headers)) {
      return { kind: 'unknown' };
    }
    const given =
      token === undefined
        ? credentialsOf(request.headers)
        : parseToken(Buffer.from(token.slice(TOKEN_PROTOCOL.length), 'base64').toString('utf8'));
    const principal = given === null ? null : await verifier.verify(given);
    return principal === null ? NOT_VALID : { kind: 'known', principal };
  };
}
