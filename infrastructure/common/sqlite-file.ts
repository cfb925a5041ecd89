/**
 * Opening a SQLite file the way every embedded store needs it: one place for the pragmas, the version of the
 * format, and the sentences for what can be wrong with a file, a folder or a disk.
 *
 * A file carries its kind in `application_id` and the number of schema steps applied in `user_version`. An older
 * file is upgraded in one transaction; a newer one, or one of another kind, is refused and left untouched.
 *
 * Beside the adapters, this is the only file that may import `node:sqlite`.
 */
import { backup, DatabaseSync } from 'node:sqlite';
import { OperatingError } from '#infrastructure/core/operating-error.ts';

export interface SqliteFormat {
  /** For sentences: `the portfolio store`. */
  readonly name: string;
  /** Marks files of this kind; a positive 31-bit integer, never changed. */
  readonly applicationId: number;
  /** Each step is SQL, run once per file, in order. A step that has been released is never edited. */
  readonly steps: readonly string[];
}

export interface SqliteFileOptions {
  /** A path, or `:memory:`. */
  readonly path: string;
  readonly format: SqliteFormat;
  /** Page cache of this connection. */
  readonly cacheKib: number;
  readonly readOnly?: boolean;
  /** The file refuses to grow beyond, as it would on a full disk. */
  readonly sizeLimitBytes?: number;
}

/** Longest wait for a lock that another process holds (a backup, an offline command). */
const LOCK_WAIT_MS = 2_000;
/** After a checkpoint a grown write-ahead log is cut back to this. */
const WAL_KEPT_BYTES = 16 * 1024 * 1024;

/** As many as are kept: most pages of a projection are written again and again before they are copied back. */
const CHECKPOINT_PAGES = WAL_KEPT_BYTES / 4_096;

/** Opens (and creates or upgrades) the file. Throws `OperatingError`. */
export function openSqliteFile(options: SqliteFileOptions): DatabaseSync {
  const { path, format } = options;
  return guardSqlite(format.name, path, () => {
    const database = new DatabaseSync(path, { readOnly: options.readOnly ?? false, timeout: LOCK_WAIT_MS });
    try {
      database.exec(`PRAGMA cache_size = -${options.cacheKib}`);
      if (options.readOnly === true) {
        requireFormat(database, path, format, 'current');
        return database;
      }
      requireFormat(database, path, format, 'upgradable');
      // A commit returns when it is on disk. Batches amortise the sync.
      database.exec(
        `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = ${WAL_KEPT_BYTES};
         PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`,
      );
      upgrade(database, format);
      if (options.sizeLimitBytes !== undefined) limitSize(database, options.sizeLimitBytes);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/** A consistent copy of a file that another connection may be writing. Throws `OperatingError`. */
export async function copySqliteFile(from: string, to: string): Promise<void> {
  try {
    const source = new DatabaseSync(from, { readOnly: true, timeout: LOCK_WAIT_MS });
    try {
      await backup(source, to);
    } finally {
      source.close();
    }
  } catch (error) {
    throw asOperatingError(error, 'the copy of a store', to);
  }
}

/** Writers take the write lock at once, so that they never fail half-way for want of it. */
export type TransactionStart = 'BEGIN' | 'BEGIN IMMEDIATE';

/** Runs `work` in one transaction. */
export function inTransaction<T>(
  database: DatabaseSync,
  work: () => T,
  begin: TransactionStart = 'BEGIN IMMEDIATE',
): T {
  database.exec(begin);
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    // SQLite itself rolls back on some failures, a full disk among them.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** Runs `work`; failures of SQLite come out as `OperatingError`s that name the store and say what to do. */
export function guardSqlite<T>(name: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asOperatingError(error, name, path);
  }
}

/** Leaves everything that is not SQLite's as it is. */
export function asOperatingError(error: unknown, name: string, path: string): unknown {
  const code = sqliteResultCode(error);
  if (code === null) return error;
  const failure = FAILURES.get(code & 0xff) ?? UNKNOWN_FAILURE;
  const detail = error instanceof Error ? error.message : String(error);
  return new OperatingError(failure.code, `${name} at ${path} ${failure.sentence} (SQLite: ${detail}).`, {
    retry: failure.retry,
    cause: error,
  });
}

interface Failure {
  readonly code: string;
  readonly sentence: string;
  readonly retry: 'retry' | 'never' | 'unknown';
}

/** By SQLite's primary result code. */
const FAILURES: ReadonlyMap<number, Failure> = new Map([
  [
    3,
    {
      code: 'STORE_READ_ONLY',
      sentence: 'may not be written: give this user the right to write the file and its folder',
      retry: 'never',
    },
  ],
  [5, { code: 'STORE_BUSY', sentence: 'is locked by another process: end it, or try again', retry: 'retry' }],
  [
    8,
    {
      code: 'STORE_READ_ONLY',
      sentence: 'is read-only: make the file and its folder writable, or choose another data folder',
      retry: 'never',
    },
  ],
  [
    10,
    {
      code: 'STORE_IO',
      sentence: 'met a failure of the disk: check the disk, then start again',
      retry: 'unknown',
    },
  ],
  [
    11,
    {
      code: 'STORE_DAMAGED',
      sentence: 'is damaged: restore a backup, or delete it if it can be rebuilt from the event log',
      retry: 'never',
    },
  ],
  [13, { code: 'STORE_FULL', sentence: 'cannot grow, the disk is full: free some space', retry: 'retry' }],
  [
    14,
    {
      code: 'STORE_CANNOT_OPEN',
      sentence: 'cannot be opened: its folder must exist and be readable and writable',
      retry: 'never',
    },
  ],
  [
    26,
    {
      code: 'STORE_DAMAGED',
      sentence: 'is not a SQLite file: move it away, or restore a backup',
      retry: 'never',
    },
  ],
]);

const UNKNOWN_FAILURE: Failure = { code: 'STORE_FAILED', sentence: 'failed', retry: 'unknown' };

function sqliteResultCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_SQLITE_ERROR') return null;
  const code = 'errcode' in error ? error.errcode : null;
  // A broken constraint, wrong SQL or a wrong type is a bug of ours, and stays what it is.
  if (typeof code !== 'number' || [1, 19, 20, 21, 25].includes(code & 0xff)) return null;
  return code;
}

function requireFormat(
  database: DatabaseSync,
  path: string,
  format: SqliteFormat,
  demand: 'current' | 'upgradable',
): void {
  const applicationId = readPragma(database, 'application_id');
  const version = readPragma(database, 'user_version');
  const known = format.steps.length;
  if (applicationId !== format.applicationId) {
    const tables = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get();
    if (demand === 'current' || applicationId !== 0 || version !== 0 || Number(tables?.['count']) > 0) {
      throw new OperatingError(
        'STORE_VERSION',
        `${path} is not a file of ${format.name}: move it away, or choose another data folder.`,
        { retry: 'never' },
      );
    }
  }
  if (version > known) {
    throw new OperatingError(
      'STORE_VERSION',
      `${format.name} at ${path} has format ${version}, written by a newer Tradehall; this one knows up to ${known}. ` +
        'Start the newer version, or restore a backup made before the upgrade.',
      { retry: 'never' },
    );
  }
  if (demand === 'current' && version < known) {
    throw new OperatingError(
      'STORE_VERSION',
      `${format.name} at ${path} has format ${version}, and this command needs ${known}. ` +
        'Start this version of Tradehall once on the data folder; it upgrades the file.',
      { retry: 'never' },
    );
  }
}

function upgrade(database: DatabaseSync, format: SqliteFormat): void {
  if (readPragma(database, 'user_version') === format.steps.length) return;
  inTransaction(database, () => {
    const version = readPragma(database, 'user_version');
    for (const step of format.steps.slice(version)) database.exec(step);
    database.exec(
      `PRAGMA application_id = ${format.applicationId}; PRAGMA user_version = ${format.steps.length}`,
    );
  });
}

function limitSize(database: DatabaseSync, sizeLimitBytes: number): void {
  database.exec(`PRAGMA max_page_count = ${Math.floor(sizeLimitBytes / readPragma(database, 'page_size'))}`);
}

function readPragma(database: DatabaseSync, name: 'application_id' | 'user_version' | 'page_size'): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}
