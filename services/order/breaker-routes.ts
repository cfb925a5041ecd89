/**
 * The breakers of accounts, on the operator's socket: trip, reset, show. Execution trips them by itself as well; the answer
 * to a command waits until execution's word is in the cache's mirror.
 */
import type { Breaker } from '#domain/data/account-state.ts';
import { parseAccountId } from '#domain/data/identifiers.ts';
import { formatTimestamp } from '#domain/data/timestamp.ts';
import { MAX_BREAKER_REASON_LENGTH } from '#domain/data/trading-input-codec.ts';
import { fieldsOf, RequestReader } from '#infrastructure/common/request-reader.ts';
import type { HttpRequest, HttpResult, Route, RouteTable } from '#infrastructure/core/http.ts';
import {
  type ControlParts,
  executeAccountControl,
  guarded,
  noSuchAccount,
  partitionsOf,
} from './operator-commands.ts';
import { BreakerBody, BreakerResponse, BreakersView } from './schemas.ts';

type Request = HttpRequest<never, never, never>;

const shared = { access: 'operator', tag: 'breaker', path: '/operator/breaker' } as const;
const ACTIONS = ['TRIP', 'RESET'] as const;
const OPEN: Breaker = { state: 'OPEN' };

export const BREAKER_ROUTES = {
  show: {
    ...shared,
    method: 'GET',
    summary: 'Which breakers are not open, as far as is known at the moment',
    schema: { response: { 200: BreakersView } },
    problems: [503],
  },
  set: {
    ...shared,
    method: 'POST',
    summary: "Trip an account's breaker, or reset it, which begins its quiet period",
    schema: { body: BreakerBody, response: { 200: BreakerResponse } },
    problems: [400, 404, 500, 503],
  },
} as const satisfies RouteTable;

export function breakerRoutes(parts: ControlParts): readonly Route[] {
  return [
    { ...BREAKER_ROUTES.show, handle: () => guarded(parts, () => show(parts)) },
    { ...BREAKER_ROUTES.set, handle: (request) => guarded(parts, () => set(parts, request)) },
  ];
}

async function show(parts: ControlParts): Promise<HttpResult> {
  const partitions = await Promise.all(
    (await partitionsOf(parts)).map(async (partition) => {
      const halts = await parts.cache.halts.get(partition);
      const accounts = (halts?.accounts ?? [])
        .filter(({ breaker }) => breaker.state !== 'OPEN')
        .map(({ accountId, breaker }) => ({ accountId, ...viewOf(breaker) }));
      return { partition, known: halts !== null, accounts, unlisted: halts?.unlisted ?? 0 };
    }),
  );
  return { kind: 'json', status: 200, body: { partitions } };
}

async function set(parts: ControlParts, request: Request): Promise<HttpResult> {
  const reader = new RequestReader();
  const body = fieldsOf(request.body) ?? {};
  reader.onlyKnown(body, new Set(['accountId', 'action', 'reason']));
  const text = reader.text(body, 'accountId', 36);
  const action = ACTIONS.find((known) => known === body['action']);
  if (action === undefined) reader.refuse('action', 'enum', `must be one of ${ACTIONS.join(', ')}`);
  const reason = reader.shownText(body, 'reason', MAX_BREAKER_REASON_LENGTH);
  if (reader.failed || text === null || action === undefined || reason === null) return reader.problem();
  const accountId = parseAccountId(text);
  if (accountId === null) return noSuchAccount();
  const done = await executeAccountControl(parts, { kind: 'SetBreaker', accountId, action, reason });
  if (done.kind === 'refused') return done.result;
  const { account, unlisted } = done.halts;
  const breaker = account?.breaker ?? (unlisted === 0 ? OPEN : null);
  return { kind: 'json', status: 200, body: { accountId, ...viewOf(breaker) } };
}

/** `null`: not known. */
function viewOf(breaker: Breaker | null) {
  const quietUntil = breaker?.state === 'QUIET_PERIOD' ? formatTimestamp(breaker.untilMs) : null;
  return { state: breaker?.state ?? 'UNKNOWN', quietUntil };
}
