/** DuckDB's failures as `OperatingError`s. It gives text only, so the kinds are told by their words. */
import { AssertionError } from 'node:assert';
import { OperatingError } from '#infrastructure/core/operating-error.ts';

interface Failure {
  readonly pattern: RegExp;
  readonly code: string;
  readonly sentence: string;
  readonly retry: 'retry' | 'never' | 'unknown';
}

/** The first that matches. */
const FAILURES: readonly Failure[] = [
  {
    pattern: /Could not set lock|Conflicting lock/i,
    code: 'STORE_BUSY',
    sentence: 'are open in another process: end it first',
    retry: 'never',
  },
  {
    pattern: /No space left|disk quota|not enough disk space|max_temp_directory_size/i,
    code: 'STORE_FULL',
    sentence: 'cannot grow, the disk is full: free some space',
    retry: 'retry',
  },
  {
    pattern: /Permission denied|Read-only file system|read-only mode|Operation not permitted/i,
    code: 'STORE_READ_ONLY',
    sentence: 'may not be written: make the file and its folder writable, or choose another data folder',
    retry: 'never',
  },
  {
    pattern: /newer version of DuckDB|older version of DuckDB|storage version/i,
    code: 'STORE_VERSION',
    sentence:
      'were written by another version of DuckDB: start the version of Tradehall that wrote them, or delete the file; it can be rebuilt from the event log',
    retry: 'never',
  },
  {
    pattern: /not a valid DuckDB database file|Corrupt|checksum|Serialization Error/i,
    code: 'STORE_DAMAGED',
    sentence: 'are damaged: restore a backup, or delete the file; it can be rebuilt from the event log',
    retry: 'never',
  },
  {
    pattern: /Cannot open file|No such file or directory/i,
    code: 'STORE_CANNOT_OPEN',
    sentence: 'cannot be opened: the folder must exist and be readable and writable',
    retry: 'never',
  },
  {
    pattern: /Out of Memory/i,
    code: 'STORE_OUT_OF_MEMORY',
    sentence: 'need more memory than their limit: ask for a smaller range, or raise the limit',
    retry: 'retry',
  },
  {
    pattern: /FATAL|invalidated/i,
    code: 'STORE_FAILED',
    sentence: 'met a failure they cannot go on from: restart',
    retry: 'unknown',
  },
];

export function asAnalyticsError(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || error instanceof OperatingError || error instanceof AssertionError)
    return error;
  const failure = FAILURES.find(({ pattern }) => pattern.test(error.message));
  const code = failure?.code ?? 'STORE_FAILED';
  const sentence = failure?.sentence ?? 'failed';
  const firstLine = error.message.split('\n', 1)[0] ?? '';
  return new OperatingError(code, `The trade analytics at ${path} ${sentence} (DuckDB: ${firstLine}).`, {
    retry: failure?.retry ?? 'unknown',
    cause: error,
  });
}
