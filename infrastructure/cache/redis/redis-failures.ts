/** What Redis and its client report, as failures of the cache port. No message of theirs is passed on: it may name keys. */
import { classifyConnectionError } from '#infrastructure/common/connection-errors.ts';
import type { ServerFailure } from '#infrastructure/common/server-calls.ts';

export const UNAVAILABLE = 'CACHE_UNAVAILABLE';

/** The beginning of the error that our own script answers with. */
export const TOO_MANY_SYMBOLS = 'TRADEHALL_TOO_MANY_SYMBOLS';

/** By the first word of an error reply. */
const REPLIES: Readonly<Record<string, ServerFailure>> = {
  [TOO_MANY_SYMBOLS]: { code: 'CACHE_FULL', reason: 'has as many symbols as it may hold', retry: 'never' },
  OOM: { code: 'CACHE_FULL', reason: 'has no memory left (its maxmemory is reached)', retry: 'retry' },
  WRONGPASS: credentials('does not accept the user or password'),
  NOAUTH: credentials('asks for a password'),
  // What a server before version 6 says to a password that is not wanted.
  ERR_AUTH: credentials('takes no password'),
  NOPERM: credentials('does not permit this user what the cache needs'),
  LOADING: down('is still loading its data'),
  MASTERDOWN: down('has lost its primary'),
  READONLY: down('is a replica, which cannot be written to'),
  BUSY: down('is busy with a script'),
};

function credentials(reason: string): ServerFailure {
  return {
    code: 'CACHE_REFUSED',
    reason: `${reason}: correct the URL, or the file that cache_password_file names`,
    retry: 'never',
  };
}

function down(reason: string): ServerFailure {
  return { code: UNAVAILABLE, reason, retry: 'retry' };
}

/** `null` for what no server did. */
export function classifyRedisError(error: unknown): ServerFailure | null {
  if (!(error instanceof Error)) return null;
  if (error.name === 'ReplyError') {
    const [first = ''] = error.message.split(' ', 1);
    const word = /\bAUTH\b/.test(error.message) && first === 'ERR' ? 'ERR_AUTH' : first;
    return REPLIES[word] ?? null;
  }
  const connection = classifyConnectionError(error);
  if (connection !== null) return { code: UNAVAILABLE, ...connection };
  // The client's own words for a command that was never sent, then for one whose answer never came.
  if (/enableOfflineQueue/.test(error.message)) return down('is not connected at the moment');
  if (/Connection is closed|Command timed out|Socket timeout|max retries per request/i.test(error.message)) {
    return { code: UNAVAILABLE, reason: 'lost the connection', retry: 'unknown' };
  }
  return null;
}
