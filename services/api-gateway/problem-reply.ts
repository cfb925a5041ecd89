/** Writes problems as HTTP answers, and turns whatever the framework or a handler throws into one. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FieldError, Problem } from '#infrastructure/core/http.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { type ProblemCode, problem } from '#infrastructure/core/problem.ts';

/** A body that is not JSON as we read it. */
export class UnreadableBody extends Error {
  readonly problem: Problem;

  constructor(given: Problem) {
    super(given.detail);
    this.name = 'UnreadableBody';
    this.problem = given;
  }
}

export function sentenceOf(errors: readonly FieldError[]): string {
  return errors.map((error) => `${error.field} ${error.message}.`).join(' ');
}

export function invalidRequest(errors: readonly FieldError[]): Problem {
  return problem('INVALID_REQUEST', sentenceOf(errors), { errors });
}

/** The document of RFC 9457 that stands for `given`. */
export function problemDocument(
  given: Problem,
  instance: string,
  requestId: string,
): Record<string, unknown> {
  return {
    ...given.extensions,
    type: `/docs/errors#${given.code}`,
    title: given.title,
    status: given.status,
    detail: given.detail,
    instance,
    code: given.code,
    ...(given.errors === undefined ? {} : { errors: given.errors }),
    requestId,
  };
}

export function pathOf(url: string): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}

export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  given: Problem,
  headers?: Readonly<Record<string, string>>,
): FastifyReply {
  reply.code(given.status).header('content-type', 'application/problem+json; charset=utf-8');
  if (headers !== undefined) reply.headers(headers);
  if (given.retryAfterSeconds !== undefined) reply.header('retry-after', String(given.retryAfterSeconds));
  if (given.status === 401) reply.header('www-authenticate', 'Bearer realm="tradehall"');
  return reply.send(JSON.stringify(problemDocument(given, pathOf(request.url), request.id)));
}

const FRAMEWORK_ERRORS: Readonly<Record<string, readonly [ProblemCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['BODY_TOO_LARGE', 'The body is above the limit (max_body_bytes).'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['UNSUPPORTED_MEDIA_TYPE', 'Set Content-Type: application/json.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['MALFORMED_JSON', 'The body is empty, but declared as JSON.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'MALFORMED_REQUEST',
    'The body is not as long as Content-Length says.',
  ],
  FST_ERR_BAD_URL: ['MALFORMED_REQUEST', 'The address cannot be decoded.'],
  FST_ERR_MAX_PARAM_LENGTH: ['URI_TOO_LONG', 'A part of the address is too long.'],
};

/** Codes of servers that let this program in no more. Its operator has to act; for clients they are away. */
const SHUT_OUT: ReadonlySet<string> = new Set([
  'STORE_REFUSED',
  'CACHE_REFUSED',
  'LOG_UNAUTHENTICATED',
  'LOG_FORBIDDEN',
]);

function fromOperatingError(error: OperatingError): Problem {
  switch (SHUT_OUT.has(error.code) ? 'retry' : error.retry) {
    case 'retry':
      return problem(
        'DEPENDENCY_UNAVAILABLE',
        'A store that the answer needs cannot be reached; nothing happened. Retry in a moment.',
        {
          retryAfterSeconds: 1,
        },
      );
    case 'unknown':
      return problem(
        'OUTCOME_UNKNOWN',
        'A store did not answer in time: it may have happened. Retry with the same idempotency key.',
        {
          retryAfterSeconds: 1,
        },
      );
    case 'never':
      return problem('INTERNAL', "The request cannot be served; the log says why, under the request's id.");
  }
}

/** The problem that a thrown value becomes. What is not the caller's doing is logged. */
export function problemOf(error: unknown, requestId: string, logger: Logger): Problem {
  if (error instanceof UnreadableBody) return error.problem;
  if (error instanceof OperatingError) {
    logger.warn({ error, requestId, code: error.code }, 'a request failed on a store');
    return fromOperatingError(error);
  }
  const { code, statusCode } = error as { readonly code?: unknown; readonly statusCode?: unknown };
  const known = typeof code === 'string' ? FRAMEWORK_ERRORS[code] : undefined;
  if (known !== undefined) return problem(known[0], known[1]);
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return problem('MALFORMED_REQUEST', 'The request cannot be read.');
  }
  logger.error({ error, requestId }, 'a request met a bug');
  return problem('INTERNAL', "A bug on our side; the log has it under the request's id.");
}
