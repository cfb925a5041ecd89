/**
 * Makes what SQLite has written durable, on libuv's threads: the thread that answers orders never waits for the disk.
 *
 *   COMMIT (no sync) ─▶ sync of the write-ahead log ─▶ answers, and consumers hear of it
 *   now and then, after the answers and before the next transaction: pages into the database (no sync) ─▶ sync of the database
 *
 * SQLite itself would do both within COMMIT. The order is the same here: nothing is answered or read before the
 * write-ahead log is on disk, and that is written over from its start only once the database is.
 */
import { closeSync, fdatasync, openSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LOG_FILE } from './schema.ts';

const sync = promisify(fdatasync);

export interface LogSync {
  /** Resolves when every transaction committed before the call is durable. */
  writeAheadLog(): Promise<void>;
  /** Resolves when every page copied into the database before the call is durable. */
  database(): Promise<void>;
  /** Only after SQLite has closed the file: closing another handle of it would give up SQLite's lock. */
  close(): void;
}

/** After SQLite has opened the log and written to it once, so that both files are there. */
export function openLogSync(directory: string): LogSync {
  // Windows syncs through handles that may write.
  const writeAheadLog = openSync(join(directory, `${LOG_FILE}-wal`), 'r+');
  let database: number;
  try {
    database = openSync(join(directory, LOG_FILE), 'r+');
  } catch (error) {
    closeSync(writeAheadLog);
    throw error;
  }
  return {
    writeAheadLog: () => sync(writeAheadLog),
    database: () => sync(database),
    close() {
      closeSync(writeAheadLog);
      closeSync(database);
    },
  };
}
