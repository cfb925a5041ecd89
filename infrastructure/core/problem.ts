/**
 * Problem details (RFC 9457): the table of every code a client can meet, and the builder of problems.
 *
 * docs/errors.md explains the same table to people; a test holds the two together. A code keeps its meaning for
 * ever: add one rather than bend one.
 */
import type { FieldError, HttpResult, Problem } from './http.ts';

interface ProblemKind {
  readonly status: number;
  readonly title: string;
}

export const PROBLEMS = {
  INVALID_REQUEST: { status: 400, title: 'The request breaks a rule' },
  MALFORMED_JSON: { status: 400, title: 'The body is not JSON that can be read' },
  MALFORMED_REQUEST: { status: 400, title: 'The request is not HTTP that can be read' },
  BAD_PAGE_TOKEN: { status: 400, title: 'The page token is not one of this query' },
  UNAUTHENTICATED: { status: 401, title: 'No valid credentials' },
  CALLER_NOT_BELIEVED: { status: 401, title: 'Not signed by a gateway that is believed here' },
  INSUFFICIENT_FUNDS: { status: 402, title: 'Not enough cash' },
  FORBIDDEN: { status: 403, title: 'Not yours to use' },
  TRADING_HALTED: { status: 403, title: 'Trading is halted' },
  ONLY_SALES: { status: 403, title: 'The account may only sell' },
  ORIGIN_NOT_ALLOWED: { status: 403, title: 'Another site may not open this socket' },
  NOT_FOUND: { status: 404, title: 'Nothing at this address' },
  ACCOUNT_NOT_FOUND: { status: 404, title: 'No such account' },
  ORDER_NOT_FOUND: { status: 404, title: 'No such order' },
  SYMBOL_NOT_FOUND: { status: 404, title: 'No such symbol' },
  KEY_NOT_FOUND: { status: 404, title: 'No such active API key' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'This address has no such method' },
  REQUEST_TIMEOUT: { status: 408, title: 'The request took too long to arrive' },
  IDEMPOTENCY_KEY_REUSED: { status: 409, title: 'The idempotency key belongs to another request' },
  ORDER_TERMINAL: { status: 409, title: 'The order has already ended' },
  CONFLICT: { status: 409, title: 'The state does not allow this' },
  BODY_TOO_LARGE: { status: 413, title: 'The body is too large' },
  URI_TOO_LONG: { status: 414, title: 'The address is too long' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'The body must be JSON' },
  INSUFFICIENT_SHARES: { status: 422, title: 'Not enough shares' },
  ORDER_DENIED: { status: 422, title: 'The order breaks a limit' },
  NOT_SUPPORTED: { status: 422, title: 'Known, but not offered yet' },
  RATE_LIMITED: { status: 429, title: 'Too many requests' },
  LIMIT_REACHED: { status: 429, title: 'A limit is reached' },
  HEADERS_TOO_LARGE: { status: 431, title: 'The headers are too large' },
  INTERNAL: { status: 500, title: 'A bug on our side' },
  LOG_UNWRITABLE: { status: 500, title: 'The event log cannot be written' },
  NOT_READY: { status: 503, title: 'Not ready to serve' },
  SHUTTING_DOWN: { status: 503, title: 'Shutting down' },
  OVERLOADED: { status: 503, title: 'Too much work waiting' },
  PRICE_UNAVAILABLE: { status: 503, title: 'No price to judge by' },
  PORTFOLIO_UNAVAILABLE: { status: 503, title: 'The portfolio cannot be read' },
  DEPENDENCY_UNAVAILABLE: { status: 503, title: 'A store cannot be reached' },
  OUTCOME_UNKNOWN: { status: 503, title: 'It may or may not have been accepted' },
} as const satisfies Readonly<Record<string, ProblemKind>>;

export type ProblemCode = keyof typeof PROBLEMS;

export interface ProblemExtras {
  readonly errors?: readonly FieldError[];
  readonly retryAfterSeconds?: number;
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** `detail` is a sentence for the person who made this request. */
export function problem(code: ProblemCode, detail: string, extras: ProblemExtras = {}): Problem {
  const { status, title } = PROBLEMS[code];
  return { status, code, title, detail, ...extras };
}

/** The same as a handler's result. */
export function problemResult(code: ProblemCode, detail: string, extras: ProblemExtras = {}): HttpResult {
  return { kind: 'problem', problem: problem(code, detail, extras) };
}
