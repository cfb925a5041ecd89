/**
 * Headers that mean something to us may stand in a request once. Node joins some that are repeated with a comma and
 * drops the others after the first, so a second idempotency key or credential would be misread without a word.
 */
import type { FieldError } from '#infrastructure/core/http.ts';

const SINGLE: ReadonlySet<string> = new Set([
  'apca-api-key-id',
  'apca-api-secret-key',
  'authorization',
  'content-type',
  'host',
  'traceparent',
  'x-idempotency-key',
  'x-request-id',
]);

interface Headers {
  readonly headers: object;
  /** Name, value, name, value, as they came. */
  readonly rawHeaders: readonly string[];
}

/** An error for each of them that came more than once. */
export function repeatedHeaders({ headers, rawHeaders }: Headers): readonly FieldError[] {
  // Nothing came twice, as nearly always.
  if (rawHeaders.length === 2 * Object.keys(headers).length) return [];
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    if (SINGLE.has(name) && seen.has(name)) repeated.add(name);
    seen.add(name);
  }
  return [...repeated].map((field) => ({ field, rule: 'single', message: 'must be given once' }));
}
