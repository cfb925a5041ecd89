/** The routes of a service in other processes, as the gateway mounts them: each passes its request on, signed. */
import type { HttpRequest, HttpResult, Route, RouteDeclaration } from '#infrastructure/core/http.ts';
import { problemResult } from '#infrastructure/core/problem.ts';
import type { Ids } from '#infrastructure/core/runtime.ts';
import { CALLER_HEADER, type CallerSigner } from './caller-signature.ts';
import type { InstanceAnswer, InstanceRequest } from './instance.ts';
import type { Sending, Upstream } from './upstream.ts';

export interface ProxyParts {
  readonly upstream: Pick<Upstream, 'name' | 'send'>;
  readonly signer: CallerSigner;
  readonly ids: Ids;
}

type Request = HttpRequest<never, never, never>;

const IDEMPOTENCY_HEADER = 'x-idempotency-key';
/** What a service may want of the client's headers. Credentials stay here. */
const PASSED_ON = [IDEMPOTENCY_HEADER, 'accept', 'traceparent', 'tracestate'];
/** What the client may want of a service's. */
const PASSED_BACK = ['content-disposition', 'link', 'location', 'retry-after', 'x-next-page-token'];

export function proxiedRoutes(
  declarations: readonly RouteDeclaration[],
  parts: ProxyParts,
): readonly Route[] {
  return declarations.map((declaration) => ({
    ...declaration,
    handle: (request: Request) => passOn(declaration, parts, request),
  }));
}

async function passOn(
  declaration: RouteDeclaration,
  { upstream, signer, ids }: ProxyParts,
  request: Request,
): Promise<HttpResult> {
  const headers = passedOn(declaration, request, ids);
  const body = request.body === undefined ? null : JSON.stringify(request.body);
  if (body !== null) headers['content-type'] = 'application/json';
  const make = (instanceId: string): InstanceRequest => {
    const { method } = declaration;
    const { target, requestId } = request;
    const signed = { method, target, requestId, body: body ?? '' };
    return {
      method,
      target,
      body,
      headers: { ...headers, [CALLER_HEADER]: signer.sign(request.principal, signed, instanceId) },
    };
  };
  const key = takesKey(declaration) ? headers[IDEMPOTENCY_HEADER] : undefined;
  const { principal, isAbandoned } = request;
  const affinity = principal?.kind === 'api-key' ? principal.accountId : request.requestId;
  const outcome = await upstream.send({ make, repeat: repeatOf(declaration, key), affinity, isAbandoned });
  switch (outcome.kind) {
    case 'answered':
      return resultOf(outcome.answer);
    case 'abandoned':
    case 'unreachable':
      return problemResult(
        'DEPENDENCY_UNAVAILABLE',
        `The ${upstream.name} service does not answer; nothing happened. Retry in a moment.`,
        { retryAfterSeconds: 1 },
      );
    case 'overloaded':
      return problemResult(
        'OVERLOADED',
        `Too many requests wait for the ${upstream.name} service; nothing happened.`,
        { retryAfterSeconds: 1 },
      );
    case 'unknown': {
      const advice =
        key === undefined ? 'See what came of it before you repeat it' : 'Retry with this idempotency key';
      return problemResult(
        'OUTCOME_UNKNOWN',
        `The ${upstream.name} service did not answer: it may have happened. ${advice}.`,
        { retryAfterSeconds: 1, ...(key === undefined ? {} : { extensions: { idempotencyKey: key } }) },
      );
    }
  }
}

/** A repeated cancel is the same cancel, and with its key a repeated command the same command. */
function repeatOf({ method }: RouteDeclaration, key: string | undefined): Sending['repeat'] {
  if (method === 'GET') return 'safe';
  return method !== 'POST' || key !== undefined ? 'idempotent' : 'neither';
}

/**
 * A command that has room for an idempotency key and came without one gets one here, drawn for this request alone: so
 * it can be sent again when an instance fails in the middle, and is still a new command each time a client sends it.
 */
function passedOn(declaration: RouteDeclaration, request: Request, ids: Ids): Record<string, string> {
  const headers: Record<string, string> = { 'x-request-id': request.requestId };
  for (const name of PASSED_ON) {
    const value = request.headers[name];
    if (value !== undefined) headers[name] = value;
  }
  if (takesKey(declaration)) headers[IDEMPOTENCY_HEADER] ??= ids.uuid();
  return headers;
}

function takesKey({ method, schema }: RouteDeclaration): boolean {
  if (method !== 'POST' || schema.headers === undefined || !('properties' in schema.headers)) return false;
  const { properties } = schema.headers;
  return typeof properties === 'object' && properties !== null && IDEMPOTENCY_HEADER in properties;
}

function resultOf({ status, headers, body }: InstanceAnswer): HttpResult {
  const back: Record<string, string> = {};
  for (const name of PASSED_BACK) {
    const value = headers[name];
    if (typeof value === 'string') back[name] = value;
  }
  const type = headers['content-type'];
  return {
    kind: 'text',
    status,
    contentType: typeof type === 'string' ? type : 'application/octet-stream',
    body,
    headers: back,
  };
}
