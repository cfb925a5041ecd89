/** What PostgreSQL and its client report, as failures of the stores. Their messages may hold values, so none is passed on. */
import { classifyConnectionError } from '#infrastructure/common/connection-errors.ts';
import type { ServerFailure } from '#infrastructure/common/server-calls.ts';

export const UNAVAILABLE = 'STORE_UNAVAILABLE';

const HELP = 'correct the URL, or the file that database_password_file names';

/** By SQLSTATE, else by its first two characters. */
const STATES: Readonly<Record<string, ServerFailure>> = {
  '28000': {
    code: 'STORE_REFUSED',
    reason:
      'does not let this user in from here, or only with TLS: put ?tls=true into the URL, or look into its pg_hba.conf',
    retry: 'never',
  },
  '28': { code: 'STORE_REFUSED', reason: `does not accept the user or password: ${HELP}`, retry: 'never' },
  '3D000': {
    code: 'STORE_REFUSED',
    reason: 'has no database of that name: create it (CREATE DATABASE), or correct the URL',
    retry: 'never',
  },
  '42501': {
    code: 'STORE_REFUSED',
    reason: 'does not permit this user to make and change tables: GRANT it, or use another user',
    retry: 'never',
  },
  '53300': busy('has no connection left (max_connections)'),
  '53': { ...busy('has no disk or memory left'), code: 'STORE_FULL' },
  '57P03': { code: UNAVAILABLE, reason: 'is starting or shutting down', retry: 'retry' },
  // The statement was given up and its transaction with it.
  '57014': { code: UNAVAILABLE, reason: 'took too long and gave up (statement_timeout)', retry: 'retry' },
  '57': { code: UNAVAILABLE, reason: 'shut down', retry: 'unknown' },
  '08': { code: UNAVAILABLE, reason: 'lost the connection', retry: 'unknown' },
  // Deadlocks and serialisation failures take everything back.
  '40': busy('met another writer of the same rows'),
  '55P03': busy('is locked by another (lock_timeout)'),
  '25006': { code: 'STORE_READ_ONLY', reason: 'is a standby, which cannot be written to', retry: 'retry' },
  '22': { code: 'STORE_FAILED', reason: 'refused a value', retry: 'never' },
  '23': { code: 'STORE_FAILED', reason: 'refused a row that breaks a rule of its table', retry: 'never' },
};

/** Other statements than this one it may well take. */
function busy(reason: string): ServerFailure {
  return { code: 'STORE_BUSY', reason, retry: 'retry', answered: true };
}

/** `null` for what no server did. */
export function classifyPostgresError(error: unknown): ServerFailure | null {
  if (!(error instanceof Error)) return null;
  const { code } = error as { readonly code?: unknown };
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && /[0-9]/.test(code)) {
    const known = STATES[code] ?? STATES[code.slice(0, 2)];
    if (known === undefined)
      return { code: 'STORE_FAILED', reason: `failed (SQLSTATE ${code})`, retry: 'unknown' };
    return { ...known, reason: `${known.reason} (SQLSTATE ${code})` };
  }
  const connection = classifyConnectionError(error);
  if (connection !== null) return { code: UNAVAILABLE, ...connection };
  // The client's own words; it has no codes for them.
  if (/timeout exceeded when trying to connect|connection error and is not queryable/.test(error.message)) {
    return { code: UNAVAILABLE, reason: 'gave no connection in time', retry: 'retry' };
  }
  if (/Connection terminated|Query read timeout|Client was closed/.test(error.message)) {
    return { code: UNAVAILABLE, reason: 'lost the connection, or did not answer in time', retry: 'unknown' };
  }
  if (/establishing an SSL connection|authenticationOk/.test(error.message)) {
    return { code: UNAVAILABLE, reason: 'answers, but not as PostgreSQL does', retry: 'unknown' };
  }
  if (/client password must be/.test(error.message)) {
    return { code: 'STORE_REFUSED', reason: `asks for a password: ${HELP}`, retry: 'never' };
  }
  if (error.message.startsWith('SASL')) {
    return {
      code: 'STORE_REFUSED',
      reason:
        'does not finish the login as PostgreSQL does: look into its pg_hba.conf, or at what stands between',
      retry: 'never',
    };
  }
  if (/does not support SSL/.test(error.message)) {
    return {
      code: 'STORE_REFUSED',
      reason: 'offers no TLS: leave out tls=true, or switch it on there',
      retry: 'never',
    };
  }
  return null;
}
