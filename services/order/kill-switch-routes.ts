/**
 * The kill switch, on the operator's socket: engage, release, show. A command to execution, which cancels and denies; the
 * answer waits until execution's word is in the cache's mirror.
 */
import { type AccountId, parseAccountId } from '#domain/data/identifiers.ts';
import { fieldsOf, RequestReader } from '#infrastructure/common/request-reader.ts';
import type { HttpRequest, HttpResult, Route, RouteTable } from '#infrastructure/core/http.ts';
import {
  type ControlParts,
  executeAccountControl,
  executeControl,
  guarded,
  noSuchAccount,
  partitionsOf,
} from './operator-commands.ts';
import { KillSwitchBody, KillSwitchResponse, KillSwitchView } from './schemas.ts';

type Request = HttpRequest<never, never, never>;

const shared = { access: 'operator', tag: 'kill switch', path: '/operator/kill-switch' } as const;

export const KILL_SWITCH_ROUTES = {
  show: {
    ...shared,
    method: 'GET',
    summary: 'Which kill switches are engaged, as far as is known at the moment',
    schema: { response: { 200: KillSwitchView } },
    problems: [503],
  },
  set: {
    ...shared,
    method: 'POST',
    summary: 'Engage or release the kill switch, of all accounts or of one',
    schema: { body: KillSwitchBody, response: { 200: KillSwitchResponse } },
    problems: [400, 404, 500, 503],
  },
} as const satisfies RouteTable;

export function killSwitchRoutes(parts: ControlParts): readonly Route[] {
  return [
    { ...KILL_SWITCH_ROUTES.show, handle: () => guarded(parts, () => show(parts)) },
    { ...KILL_SWITCH_ROUTES.set, handle: (request) => guarded(parts, () => set(parts, request)) },
  ];
}

async function show(parts: ControlParts): Promise<HttpResult> {
  const partitions = await Promise.all(
    (await partitionsOf(parts)).map(async (partition) => {
      const halts = await parts.cache.halts.get(partition);
      return {
        partition,
        all: halts === null ? 'UNKNOWN' : halts.all ? 'ENGAGED' : 'RELEASED',
        accounts: (halts?.accounts ?? [])
          .filter(({ killSwitchEngaged }) => killSwitchEngaged)
          .map(({ accountId }) => accountId),
        unlisted: halts?.unlisted ?? 0,
      };
    }),
  );
  return { kind: 'json', status: 200, body: { partitions } };
}

async function set(parts: ControlParts, request: Request): Promise<HttpResult> {
  const reader = new RequestReader();
  const body = fieldsOf(request.body) ?? {};
  reader.onlyKnown(body, new Set(['engaged', 'accountId']));
  const { engaged } = body;
  if (typeof engaged !== 'boolean') reader.refuse('engaged', 'type', 'must be true or false');
  const text = reader.optionalText(body, 'accountId', 36);
  if (reader.failed || typeof engaged !== 'boolean') return reader.problem();
  const accountId = text === null ? null : parseAccountId(text);
  if (text !== null && accountId === null) return noSuchAccount();
  const notDone =
    accountId === null
      ? await executeControl(parts, { kind: 'SetKillSwitch', engaged, accountId })
      : await setOfAccount(parts, engaged, accountId);
  return notDone ?? { kind: 'json', status: 200, body: { engaged, accountId } };
}

async function setOfAccount(
  parts: ControlParts,
  engaged: boolean,
  accountId: AccountId,
): Promise<HttpResult | null> {
  const done = await executeAccountControl(parts, { kind: 'SetKillSwitch', engaged, accountId });
  return done.kind === 'refused' ? done.result : null;
}
