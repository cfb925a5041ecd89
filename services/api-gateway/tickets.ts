/** Single-use tickets: what a browser puts into a socket's address instead of its key. */
import { type Static, Type } from 'typebox';
import { Check } from 'typebox/value';
import type { Tickets } from '#infrastructure/cache/cache.ts';
import type { Route } from '#infrastructure/core/http.ts';
import { problemResult } from '#infrastructure/core/problem.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { ApiKeyPrincipal } from './authentication.ts';

const TICKET_BYTES = 32;
const TICKET = /^[A-Za-z0-9_-]{43}$/;

const TicketValue = Type.Object({ keyId: Type.String(), accountId: Type.String() });
type TicketValue = Static<typeof TicketValue>;

/** Uses the ticket up; `null` when it is unknown, expired or used. */
export async function principalOfTicket(tickets: Tickets, ticket: string): Promise<ApiKeyPrincipal | null> {
  if (!TICKET.test(ticket)) return null;
  const text = await tickets.redeem(ticket);
  if (text === null) return null;
  const value: unknown = JSON.parse(text);
  return Check(TicketValue, value)
    ? { kind: 'api-key', keyId: value.keyId, accountId: value.accountId }
    : null;
}

export function ticketRoute(tickets: Tickets, runtime: Runtime, lifetimeMs: number): Route {
  return {
    method: 'POST',
    path: '/v1/tickets',
    access: 'api-key',
    summary: 'A single-use ticket for opening a socket',
    tag: 'sockets',
    schema: {
      body: Type.Optional(Type.Object({})),
      response: {
        201: Type.Object({
          ticket: Type.String(),
          expiresAt: Type.String({ format: 'date-time' }),
          accountId: Type.String(),
        }),
      },
    },
    problems: [503],
    async handle(request) {
      const { principal } = request;
      if (principal?.kind !== 'api-key')
        return problemResult('FORBIDDEN', 'Only an API key can get a ticket.');
      const ticket = Buffer.from(runtime.randomness.bytes(TICKET_BYTES)).toString('base64url');
      const value: TicketValue = { keyId: principal.keyId, accountId: principal.accountId };
      await tickets.put(ticket, JSON.stringify(value), lifetimeMs);
      const expiresAt = new Date(runtime.clock.nowMs() + lifetimeMs).toISOString();
      return { kind: 'json', status: 201, body: { ticket, expiresAt, accountId: principal.accountId } };
    },
  };
}
