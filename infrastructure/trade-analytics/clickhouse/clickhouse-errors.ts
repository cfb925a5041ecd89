/** What ClickHouse's client throws, as failures that say whether a repeat helps. */
import { ClickHouseError } from '@clickhouse/client';
import { classifyConnectionError } from '#infrastructure/common/connection-errors.ts';
import type { ServerFailure } from '#infrastructure/common/server-calls.ts';

const TOO_OLD: ServerFailure = {
  code: 'STORE_VERSION',
  reason: 'is too old: version 22.11 or newer is needed',
  retry: 'never',
};

/** By the server's own numbers. */
const BY_CODE: Readonly<Record<string, ServerFailure>> = {
  '60': missing(
    'has lost its table: it is made and filled from the log within seconds, or at the next start',
  ),
  '81': missing('has no such database: create it, or name another in the address'),
  '192': notAllowed('refuses the credentials'),
  '193': notAllowed('refuses the credentials'),
  '194': notAllowed('asks for a password'),
  '497': notAllowed(
    'does not let this user do that: it needs SELECT, INSERT, CREATE TABLE and ALTER in its database',
  ),
  '516': notAllowed('refuses the credentials'),
  // What came last of all that is used: the setting `final`, and positiveModulo.
  '115': TOO_OLD,
  '46': TOO_OLD,
  '164': { code: 'STORE_READ_ONLY', reason: 'lets this user only read', retry: 'never' },
  '202': forNow('STORE_BUSY', 'has too many queries at once'),
  '241': forNow(
    'STORE_OUT_OF_MEMORY',
    'needs more memory than it may take: ask for a smaller range, or raise its limit',
  ),
  '242': forNow('STORE_UNAVAILABLE', 'is a replica that cannot write for now'),
  '243': forNow('STORE_FULL', 'has no space left on its disk'),
  '252': forNow('STORE_BUSY', 'has too many parts to merge and takes no more for now'),
};

/** Other calls than this one it may well answer. */
function forNow(code: string, reason: string): ServerFailure {
  return { code, reason, retry: 'retry', answered: true };
}

function missing(reason: string): ServerFailure {
  return { code: 'STORE_MISSING', reason, retry: 'never' };
}

function notAllowed(reason: string): ServerFailure {
  return { code: 'STORE_NOT_ALLOWED', reason, retry: 'never' };
}

export function classifyClickHouseError(error: unknown): ServerFailure | null {
  if (!(error instanceof Error)) return null;
  if (error instanceof ClickHouseError) {
    const told = BY_CODE[error.code];
    if (told !== undefined) return { ...told, reason: `${told.reason} (${error.type ?? error.code})` };
    return {
      code: 'STORE_FAILED',
      reason: `failed (${error.type ?? error.code}: ${firstLine(error.message)})`,
      retry: 'unknown',
    };
  }
  const connection = classifyConnectionError(error);
  if (connection !== null) return { code: 'STORE_UNAVAILABLE', ...connection };
  // The client gives what it cannot read, such as a proxy's page, or a broken connection, as a plain error.
  if (Object.getPrototypeOf(error) === Error.prototype) {
    return {
      code: 'STORE_UNAVAILABLE',
      reason: `gave no answer of its own (${firstLine(error.message)})`,
      retry: 'unknown',
    };
  }
  return null;
}

const SHOWN_MAX = 200;

function firstLine(text: string): string {
  return (text.split('\n', 1)[0] ?? '').slice(0, SHOWN_MAX);
}
