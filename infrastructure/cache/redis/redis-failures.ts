/** What Redis and its client report, as failures of the cache port. No message of theirs is passed on: it may name keys. */
import { classifyConnectionError } from '#infrastructure/common/connection-errors.ts';
import type { ServerFailure } from '#infrastructure/common/server-calls.ts';

export const UNAVAILABLE = 'CACHE_UNAVAILABLE';

/** The beginning of the error that our own script answers with. */
export const TOO_MANY_SYMBOLS = 'TRADEHALL_TOO_MANY_SYMBOLS';

/** By the first word of an error reply. */
const REPLIES: Readonly<Record<string, ServerFailure>> = {
  [TOO_MANY_SYMBOLS]: { code: 'CACHE_FULL', reason: 'has as many symbols as it may hold', retry: 'never' },
  OOM: full('has no memory left (its maxmemory is reached)'),
  MISCONF: full(
    'cannot save to its disk and takes no writes until it can (MISCONF): look at its disk and its log',
  ),
  WRONGPASS: credentials('does not accept the user or password'),
  NOAUTH: credentials('asks for a password'),
  NOPERM: credentials('does not permit this user what the cache needs'),
  LOADING: down('is still loading its data'),
  MASTERDOWN: down('has lost its primary'),
  READONLY: down('is a replica, which cannot be written to'),
  BUSY: down('is busy with a script'),
  NOREPLICAS: { ...down('has too few replicas to take writes'), answered: true },
  WRONGTYPE: {
    ...down('has something else under a key of the cache, which somebody has to delete'),
    answered: true,
  },
};

/** Replies that begin with nothing but ERR. */
const ERRORS: readonly (readonly [RegExp, ServerFailure])[] = [
  // What a server before version 6 says to a password that is not wanted.
  [/\bAUTH\b/, credentials('takes no password')],
  [/\bDB index\b/, credentials('has no database of that number')],
  [/\bcluster mode\b/, credentials('is a Redis Cluster, which has only database 0')],
  [/\bmax number of clients\b/, down('has no connection left (its maxclients is reached)')],
];

function credentials(reason: string): ServerFailure {
  return {
    code: 'CACHE_REFUSED',
    reason: `${reason}: correct the URL, or the file that cache_password_file names`,
    retry: 'never',
  };
}

function full(reason: string): ServerFailure {
  return { code: 'CACHE_FULL', reason, retry: 'retry', answered: true };
}

function down(reason: string): ServerFailure {
  return { code: UNAVAILABLE, reason, retry: 'retry' };
}

/** `null` for what no server did. */
export function classifyRedisError(error: unknown): ServerFailure | null {
  if (!(error instanceof Error)) return null;
  if (error.name === 'ReplyError') return classifyReply(error.message);
  const connection = classifyConnectionError(error);
  if (connection !== null) return { code: UNAVAILABLE, ...connection };
  // The client's own words for a command that was never sent, then for one whose answer never came.
  if (/enableOfflineQueue/.test(error.message)) return down('is not connected at the moment');
  if (/Connection is closed|Command timed out|Socket timeout|max retries per request/i.test(error.message)) {
    return { code: UNAVAILABLE, reason: 'lost the connection', retry: 'unknown' };
  }
  if (/\bRESP\b|Protocol error/.test(error.message)) {
    return { code: UNAVAILABLE, reason: 'answers, but not as Redis does', retry: 'unknown' };
  }
  return null;
}

/** Whether it is the answer of a replica to a write. */
export function isFromReplica({ message }: Error): boolean {
  return wordOf(message) === 'READONLY';
}

function wordOf(message: string): string {
  const [first = ''] = message.split(' ', 1);
  // Before version 7 what a script meets stands within its own error.
  return first === 'ERR' ? (/ -([A-Z_]+)\b/.exec(message)?.[1] ?? first) : first;
}

function classifyReply(message: string): ServerFailure {
  const word = wordOf(message);
  const known = REPLIES[word] ?? ERRORS.find(([pattern]) => pattern.test(message))?.[1];
  // It decides nothing, so that what it says is no reason to end the process.
  return known ?? down(`answers with an error (${/^[A-Z]{1,20}$/.test(word) ? word : 'unknown'})`);
}
