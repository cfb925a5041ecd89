/** What a failure of SQLite means to a caller: nothing was written, or it may have been. */
import { OperatingError } from '#infrastructure/core/operating-error.ts';

const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;
const SQLITE_IOERR_WRITE = 778;

/** The extended result code of an error thrown by node:sqlite; `null` for anything else. */
export function sqliteCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return null;
  return error.errcode;
}

/**
 * `atCommit`: the failure came from COMMIT itself. A full disk or a failed write leaves no commit mark in the
 * write-ahead log, so nothing happened; a failed sync may have left one.
 */
export function operatingErrorOf(error: unknown, atCommit: boolean): OperatingError | null {
  const code = sqliteCode(error);
  if (code === null) return null;
  const primary = code & 0xff;
  if (primary === SQLITE_FULL) {
    return new OperatingError(
      'LOG_FULL',
      'The event log cannot grow: the disk is full or its size limit is reached. Free space, or shorten retention.',
      { retry: 'retry', cause: error },
    );
  }
  if (primary === SQLITE_CORRUPT || primary === SQLITE_NOTADB) {
    return new OperatingError(
      'LOG_DAMAGED',
      'A file of the event log is damaged: restore the data folder from a backup.',
      { retry: 'never', cause: error },
    );
  }
  if (primary === SQLITE_READONLY || primary === SQLITE_CANTOPEN) {
    return new OperatingError('LOG_UNAVAILABLE', 'The event log is read-only. Make its folder writable.', {
      retry: 'retry',
      cause: error,
    });
  }
  if (primary === SQLITE_BUSY) {
    return new OperatingError('LOG_IN_USE', 'Another process has this event log open. Stop it first.', {
      retry: 'retry',
      cause: error,
    });
  }
  if (atCommit && !(primary === SQLITE_IOERR && code === SQLITE_IOERR_WRITE)) {
    return new OperatingError(
      'LOG_OUTCOME_UNKNOWN',
      'The event log failed while committing; the records may be there.',
      {
        retry: 'unknown',
        cause: error,
      },
    );
  }
  return new OperatingError('LOG_UNAVAILABLE', `The event log could not be used: ${String(error)}`, {
    retry: 'retry',
    cause: error,
  });
}

/** Runs `task`, turning a failure of SQLite into an `OperatingError`. */
export function translating<Value>(task: () => Value): Value {
  try {
    return task();
  } catch (error) {
    throw operatingErrorOf(error, false) ?? error;
  }
}
