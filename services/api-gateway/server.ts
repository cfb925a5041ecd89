/**
 * Mounts routes on fastify: the one place where the framework and the services' handlers meet.
 *
 * Per request: id → security headers → credentials → rate limits → body → schemas → handler → answer. Nothing is
 * logged for a request that went well, and nothing is awaited that is already known, since orders pass here.
 */
import { createServer as createTlsServer } from 'node:https';
import fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type HTTPMethods,
} from 'fastify';
import type { HttpRequest, HttpResult, Principal, Problem, Route } from '#infrastructure/core/http.ts';
import { readJson } from '#infrastructure/core/json-text.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import { problem } from '#infrastructure/core/problem.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import {
  invalidRequest,
  pathOf,
  problemDocument,
  problemOf,
  sendProblem,
  sentenceOf,
  UnreadableBody,
} from './problem-reply.ts';
import { sha256Of } from './proxy/caller-signature.ts';
import { repeatedHeaders } from './single-headers.ts';
import { bodyValidator, closeObjects, type PartValidator, textValidator } from './validation.ts';

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | null;
    /** As it came; empty when there was none. */
    bodyText: string;
    /** What the body must hash to, when whoever sent it signed that. */
    bodySha256: string | null;
  }
}

export type Admission =
  | { readonly kind: 'admitted'; readonly principal: Principal | null; readonly bodySha256?: string }
  | { readonly kind: 'refused'; readonly problem: Problem };

export interface ServerParts {
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly routes: readonly Route[];
  readonly maxBodyBytes: number;
  readonly maxJsonDepth: number;
  /** Whether a proxy in front says who the client is: then what it added to the headers is believed, nothing before. */
  readonly behindProxy: boolean;
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** Authentication and rate limits; at once where it can be. */
  admit(route: Route, request: FastifyRequest): Admission | Promise<Admission>;
  /** While true, new requests are refused and connections closed. */
  isDraining(): boolean;
  /** Registers what must come before the routes (the OpenAPI document) or beside them (pages). */
  extend(app: FastifyInstance): Promise<void>;
  observe(route: Route, status: number, durationMs: number): void;
}

const REQUEST_TIMEOUT_MS = 15_000;
const HEADERS_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
const LONGEST_PATH_PART = 512;
const SANE_REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

const API_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

interface Validators {
  readonly params: PartValidator | null;
  readonly query: PartValidator;
  readonly headers: PartValidator | null;
  readonly body: PartValidator | null;
}

const NO_FIELDS = { type: 'object', properties: {} };

function validatorsOf(route: Route): Validators {
  const { params, querystring, headers, body } = route.schema;
  return {
    params: params === undefined ? null : textValidator(params, false),
    query: textValidator(querystring ?? NO_FIELDS, false),
    headers: headers === undefined ? null : textValidator(headers, true),
    body: body === undefined ? null : bodyValidator(body),
  };
}

function validated(validators: Validators, request: FastifyRequest): HttpRequest | Problem {
  const { headers } = request;
  const params = validators.params?.(request.params);
  const query = validators.query(request.query);
  const body = validators.body?.(request.body);
  const checkedHeaders = validators.headers?.(headers);
  const errors = [params, query, checkedHeaders, body].flatMap((part) =>
    part?.kind === 'invalid' ? part.errors : [],
  );
  if (validators.body === null && request.body !== undefined && request.body !== null) {
    errors.push({ field: 'body', rule: 'unexpected', message: 'must be empty here' });
  }
  if (errors.length > 0) return invalidRequest(errors);
  return {
    target: request.raw.url ?? '/',
    params: params?.kind === 'valid' ? params.value : {},
    query: query.kind === 'valid' ? query.value : {},
    body: body?.kind === 'valid' ? body.value : undefined,
    headers: headers as Readonly<Record<string, string | undefined>>,
    principal: request.principal,
    requestId: request.id,
    traceparent: headers['traceparent'] as string | undefined,
    isAbandoned: () => request.raw.socket.destroyed,
  };
}

const BODY_NOT_SIGNED = problem('CALLER_NOT_BELIEVED', 'The body is not the one that was signed.');

function bodyAsSigned({ bodySha256, bodyText }: FastifyRequest): boolean {
  return bodySha256 === null || sha256Of(bodyText) === bodySha256;
}

function send(request: FastifyRequest, reply: FastifyReply, result: HttpResult): FastifyReply {
  switch (result.kind) {
    case 'json':
      if (result.headers !== undefined) reply.headers(result.headers);
      return reply
        .code(result.status)
        .header('content-type', 'application/json; charset=utf-8')
        .send(JSON.stringify(result.body));
    case 'text':
      if (result.headers !== undefined) reply.headers(result.headers);
      return reply.code(result.status).header('content-type', result.contentType).send(result.body);
    case 'problem':
      return sendProblem(request, reply, result.problem, result.headers);
  }
}

/** The charset that a content type names, unless it is UTF-8, as which every body is read. */
function foreignCharset(contentType: string): string | null {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(contentType)?.[1];
  return charset === undefined || /^utf-?8$/i.test(charset) ? null : charset.slice(0, 64);
}

function escapeForPattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Which methods an address has, for 405. */
function methodTable(routes: readonly Route[]): (path: string) => readonly string[] {
  const patterns = routes.map((route) => ({
    method: route.method,
    pattern: new RegExp(
      `^${route.path
        .split('/')
        .map((part) => (part.startsWith(':') ? '[^/]+' : escapeForPattern(part)))
        .join('/')}$`,
    ),
  }));
  return (path) => [
    ...new Set(patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)),
  ];
}

/** The answer to bytes that never became a request. */
function answerBrokenClient(
  error: NodeJS.ErrnoException,
  socket: import('node:net').Socket,
  requestId: string,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const given =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? problem('REQUEST_TIMEOUT', 'The request did not arrive in time.')
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? problem('HEADERS_TOO_LARGE', 'The headers are above 16 KiB.')
        : problem('MALFORMED_REQUEST', 'The bytes are no HTTP request.');
  const body = JSON.stringify(problemDocument(given, '', requestId));
  socket.end(
    `HTTP/1.1 ${given.status} ${given.title}\r\ncontent-type: application/problem+json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function mount(app: FastifyInstance, parts: ServerParts, route: Route): void {
  const validators = validatorsOf(route);
  const { clock } = parts.runtime;
  const documented = {
    summary: route.summary,
    tags: [route.tag],
    ...Object.fromEntries(
      Object.entries(route.schema)
        .filter(([part]) => part !== 'response')
        .map(([part, schema]) => [part, part === 'headers' ? schema : closeObjects(schema)]),
    ),
    response: {
      ...route.schema.response,
      ...Object.fromEntries(
        [...new Set([...route.problems, 400, ...(route.access === 'public' ? [] : [401, 429]), 500])]
          .filter((status) => !(status in route.schema.response))
          .map((status) => [
            status,
            {
              description: 'A problem',
              content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
            },
          ]),
      ),
    },
    ...(route.access === 'api-key'
      ? { security: [{ bearer: [] }, { keyId: [], keySecret: [] }] }
      : { security: [] }),
  };
  app.route({
    method: route.method as HTTPMethods,
    url: route.path,
    schema: documented,
    onRequest: (request, reply, done) => {
      if (parts.isDraining()) {
        reply.header('connection', 'close');
        sendProblem(
          request,
          reply,
          problem('SHUTTING_DOWN', 'The program is ending; retry in a moment.', { retryAfterSeconds: 1 }),
        );
        return;
      }
      const repeated = repeatedHeaders(request.raw);
      if (repeated.length > 0) {
        sendProblem(request, reply, invalidRequest(repeated));
        return;
      }
      const settle = (admission: Admission) => {
        if (admission.kind === 'refused') {
          sendProblem(request, reply, admission.problem);
          return;
        }
        request.principal = admission.principal;
        request.bodySha256 = admission.bodySha256 ?? null;
        done();
      };
      const admission = parts.admit(route, request);
      if (admission instanceof Promise) admission.then(settle, done);
      else settle(admission);
    },
    handler: async (request, reply) => {
      const startedMs = clock.monotonicMs();
      const input = bodyAsSigned(request) ? validated(validators, request) : BODY_NOT_SIGNED;
      const result: HttpResult =
        'requestId' in input
          ? await route.handle(input as HttpRequest<never, never, never>)
          : { kind: 'problem', problem: input };
      parts.observe(
        route,
        result.kind === 'problem' ? result.problem.status : result.status,
        clock.monotonicMs() - startedMs,
      );
      // Else the connection would stay open, idle, and hold up the end.
      if (parts.isDraining()) reply.header('connection', 'close');
      return send(request, reply, result);
    },
  });
}

export async function buildServer(parts: ServerParts): Promise<FastifyInstance> {
  const { runtime, logger } = parts;
  const requestIdOf = (header: unknown) =>
    typeof header === 'string' && SANE_REQUEST_ID.test(header) ? header : runtime.ids.uuid();
  const options = {
    logger: false,
    bodyLimit: parts.maxBodyBytes,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    forceCloseConnections: 'idle' as const,
    return503OnClosing: false,
    // Only the one that connects: what stands further left in X-Forwarded-For the client may have written itself.
    trustProxy: parts.behindProxy && ((_address: string, hop: number) => hop === 0),
    routerOptions: { maxParamLength: LONGEST_PATH_PART },
    genReqId: (raw: { headers: Record<string, unknown> }) => requestIdOf(raw.headers['x-request-id']),
    clientErrorHandler: (error: NodeJS.ErrnoException, socket: import('node:net').Socket) =>
      answerBrokenClient(error, socket, runtime.ids.uuid()),
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      reply.headers(API_HEADERS).header('x-request-id', request.id);
      return sendProblem(request, reply, problemOf(error, request.id, logger));
    },
  };
  const { tls } = parts;
  const timeouts = { requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS };
  const app: FastifyInstance = fastify(
    tls === null
      ? options
      : { ...options, serverFactory: (handler) => createTlsServer({ ...tls, ...timeouts }, handler) },
  );
  app.server.headersTimeout = HEADERS_TIMEOUT_MS;
  app.decorateRequest('principal', null);
  app.decorateRequest('bodyText', '');
  app.decorateRequest('bodySha256', null);
  // Validation happens in the handler, all parts at once; answers are plain JSON.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  const headers =
    parts.tls === null ? API_HEADERS : { ...API_HEADERS, 'strict-transport-security': 'max-age=31536000' };
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(headers).header('x-request-id', request.id);
    done();
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    request.bodyText = text as string;
    const charset = foreignCharset(request.headers['content-type'] ?? '');
    if (charset !== null) {
      const sentence = `The charset ${charset} is not read here: send JSON as UTF-8.`;
      done(new UnreadableBody(problem('UNSUPPORTED_MEDIA_TYPE', sentence)));
      return;
    }
    // An empty body is judged by the route: some take none.
    if (text === '') {
      done(null, undefined);
      return;
    }
    const read = readJson(text as string, parts.maxJsonDepth);
    if (read.kind === 'json') done(null, read.value);
    else {
      const errors = [{ field: read.field, rule: read.rule, message: read.message }];
      done(new UnreadableBody(problem('MALFORMED_JSON', sentenceOf(errors), { errors })));
    }
  });
  app.setErrorHandler((error, request, reply) =>
    sendProblem(request, reply, problemOf(error, request.id, logger)),
  );
  const methodsOf = methodTable(parts.routes);
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request.url);
    const methods = methodsOf(path);
    if (methods.length === 0)
      return sendProblem(
        request,
        reply,
        problem('NOT_FOUND', 'Nothing is at this address; /docs lists what there is.'),
      );
    const allowed = methods.includes('GET') ? [...methods, 'HEAD'] : methods;
    return sendProblem(
      request,
      reply,
      problem('METHOD_NOT_ALLOWED', `${request.method} is not offered here, but ${allowed.join(', ')}.`),
      { allow: allowed.join(', ') },
    );
  });
  await parts.extend(app);
  for (const route of parts.routes) mount(app, parts, route);
  return app;
}
