/**
 * Page tokens: the last trade of a page, bound to the query that gave it by a digest. They are not secret; the
 * digest only tells a token of ours, of this query, from anything else.
 */
import { createHash } from 'node:crypto';
import type { TradeQuery } from './trade-history.ts';

export interface PageCursor {
  readonly executionTimestampMs: number;
  readonly eventId: string;
}

const TOKEN_LENGTH_MAX = 1_024;

export function writePageToken(query: TradeQuery, cursor: PageCursor): string {
  const place = [cursor.executionTimestampMs, cursor.eventId] as const;
  return Buffer.from(JSON.stringify([...place, digest(query, cursor)])).toString('base64url');
}

/** `null` when it is not one of ours, or another query's. */
export function readPageToken(query: TradeQuery, token: string): PageCursor | null {
  if (token.length > TOKEN_LENGTH_MAX) return null;
  const decoded = parseJson(Buffer.from(token, 'base64url').toString('utf8'));
  if (!Array.isArray(decoded) || decoded.length !== 3) return null;
  const [executionTimestampMs, eventId, check]: unknown[] = decoded;
  if (!Number.isSafeInteger(executionTimestampMs) || typeof eventId !== 'string') return null;
  const cursor = { executionTimestampMs: Number(executionTimestampMs), eventId };
  return check === digest(query, cursor) ? cursor : null;
}

/** The page size may change from page to page; every filter must stay. */
function digest(query: TradeQuery, cursor: PageCursor): string {
  const { userId, symbol, status, startMs, endMs, text } = query;
  const bound = [1, userId, symbol ?? null, status ?? null, startMs ?? null, endMs ?? null, text ?? null];
  return createHash('sha256')
    .update(JSON.stringify([bound, cursor.executionTimestampMs, cursor.eventId]))
    .digest('base64url')
    .slice(0, 16);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON is one way of not being a token of ours.
    return null;
  }
}
