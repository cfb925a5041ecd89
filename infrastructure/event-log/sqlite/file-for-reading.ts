/**
 * Opens a SQLite file of a stopped instance for reading.
 *
 * Writable to SQLite where it can be, since a write-ahead log left by a crash is part of the file. Exclusive: then it
 * keeps its index in memory and needs no file for it, which a full disk would refuse. On read-only media SQLite must
 * be told that nothing can change, or it refuses; a write-ahead log that is left there could not be taken in.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { OperatingError } from '#infrastructure/core/operating-error.ts';

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function addressOf(path: string): string | URL {
  if (isWritable(dirname(path)) && isWritable(path)) return path;
  if (existsSync(`${path}-wal`)) {
    throw new OperatingError(
      'LOG_UNAVAILABLE',
      `${path} is in use or was not stopped in order, and may not be written: stop the instance, or copy the data folder to where it may be written.`,
      { retry: 'never' },
    );
  }
  const url = pathToFileURL(path);
  url.searchParams.set('immutable', '1');
  return url;
}

export function openFileForReading(path: string): DatabaseSync {
  const db = new DatabaseSync(addressOf(path), { timeout: 0 });
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA query_only = ON');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}
