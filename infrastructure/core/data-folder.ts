/**
 * The data folder: one folder, one running instance, one format version.
 *
 * The lock is a transaction held open on a small SQLite file: the operating system drops it with the process,
 * however that ends, so a stale lock cannot be. `format.json` says which version wrote the folder.
 */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { replaceFile } from './durable-files.ts';
import { makeFolder } from './make-folder.ts';
import { OperatingError } from './operating-error.ts';

/** Raised with every change that an older program could not read; `upgrade` then knows how to get there. */
export const DATA_FORMAT = 1;

export const FORMAT_FILE = 'format.json';
/** There while a backup is copied into the folder: what was interrupted is not whole. */
export const RESTORING_FILE = 'restoring';
const LOCK_FILE = 'lock.sqlite';
const HOLDER_FILE = 'holder.pid';
const SQLITE_BUSY = 5;

export interface DataFolder {
  /** Absolute. */
  readonly path: string;
  file(name: string): string;
  /** Gives the lock back. */
  release(): void;
}

function unusable(path: string, reason: string, cause?: unknown): OperatingError {
  return new OperatingError('DATA_FOLDER_UNUSABLE', `The data folder ${path} ${reason}`, {
    retry: 'never',
    cause,
  });
}

function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'may not be written by this user: change its owner or mode, or choose another with --data.',
  EPERM: 'may not be written by this user: change its owner or mode, or choose another with --data.',
  EROFS: 'is on a read-only file system: choose another with --data.',
  ENOSPC: 'is on a full disk: free some space, or choose another with --data.',
  ENOTDIR: 'is not a folder: choose another with --data.',
  EEXIST: 'is not a folder: choose another with --data.',
};

function writable<Result>(path: string, work: () => Result): Result {
  try {
    return work();
  } catch (cause) {
    const code = errnoOf(cause);
    throw unusable(path, REASONS[code] ?? `cannot be used (${code}).`, cause);
  }
}

function holderOf(path: string): string {
  try {
    return ` (process ${readFileSync(join(path, HOLDER_FILE), 'utf8').trim()})`;
  } catch {
    return ''; // Only a hint for the sentence; without it the sentence is still true.
  }
}

function takeLock(path: string): DatabaseSync {
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(join(path, LOCK_FILE), { timeout: 0 });
  } catch (cause) {
    throw unusable(
      path,
      `cannot be locked: its ${LOCK_FILE} may not be written. Change the owner or mode of that file, or choose another folder with --data.`,
      cause,
    );
  }
  try {
    database.exec('BEGIN EXCLUSIVE');
    return database;
  } catch (cause) {
    database.close();
    if ((cause as { errcode?: number }).errcode === SQLITE_BUSY) {
      throw new OperatingError(
        'DATA_FOLDER_IN_USE',
        `The data folder ${path} is in use by another instance${holderOf(path)}: stop that one, or choose another folder with --data.`,
        { retry: 'never', cause },
      );
    }
    throw unusable(path, `cannot be locked (${(cause as Error).message}): it must be writable.`, cause);
  }
}

function checkFormat(path: string): void {
  if (existsSync(join(path, RESTORING_FILE)))
    throw unusable(path, 'was being restored and is not whole: empty it, and restore again.');
  const file = join(path, FORMAT_FILE);
  if (!existsSync(file)) {
    replaceFile(file, `${JSON.stringify({ format: DATA_FORMAT })}\n`);
    return;
  }
  let format: unknown;
  try {
    format = (JSON.parse(readFileSync(file, 'utf8')) as { format?: unknown }).format;
  } catch (cause) {
    throw unusable(path, `has an unreadable ${FORMAT_FILE}: restore the folder from a backup.`, cause);
  }
  if (format === DATA_FORMAT) return;
  if (typeof format !== 'number' || !Number.isInteger(format) || format < 1) {
    throw unusable(path, `has no version in its ${FORMAT_FILE}: restore the folder from a backup.`);
  }
  throw unusable(
    path,
    format > DATA_FORMAT
      ? `was written by a newer version (format ${format}, this one knows ${DATA_FORMAT}): run that version or a later one.`
      : `has format ${format}, which this version cannot upgrade: run the last version that could, first.`,
  );
}

/** Throws an `OperatingError` with a sentence when there can be no folder, or nothing can be written into it. */
export function makeDataFolder(path: string): void {
  writable(path, () => {
    makeFolder(path);
    // Tried, since SQLite does not say why it cannot open its first file there.
    rmdirSync(mkdtempSync(join(path, '.tried-')));
  });
}

/** Creates what is missing (0700), takes the lock, checks the format. Throws an `OperatingError` with a sentence. */
export function openDataFolder(path: string): DataFolder {
  const absolute = resolve(path);
  makeDataFolder(absolute);
  const lock = takeLock(absolute);
  try {
    writable(absolute, () => {
      writeFileSync(join(absolute, HOLDER_FILE), `${process.pid}\n`);
      chmodSync(join(absolute, HOLDER_FILE), 0o600);
    });
    checkFormat(absolute);
  } catch (error) {
    lock.close();
    throw error;
  }
  return {
    path: absolute,
    file: (name) => join(absolute, name),
    release: () => {
      try {
        rmSync(join(absolute, HOLDER_FILE), { force: true });
      } catch {
        // Only a hint, and the folder may have become read-only: whoever takes the lock next writes its own.
      }
      lock.close();
    },
  };
}
