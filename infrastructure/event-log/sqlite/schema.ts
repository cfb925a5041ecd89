/**
 * The files of the embedded log, their format and its migrations.
 *
 *   event-log.sqlite   everything; opened exclusively, so a second process is refused
 *   log-heads.sqlite   how far the log reached, kept apart so that a cut tail shows (log-heads.ts)
 *
 * Each partition's records are in a table of their own, `records_<id>`, made when its topic is created; the view
 * `record_tables` says which is whose.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeFolder } from '#infrastructure/core/make-folder.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { operatingErrorOf } from './failures.ts';
import { openFileForReading } from './file-for-reading.ts';

export const LOG_FILE = 'event-log.sqlite';
export const HEADS_FILE = 'log-heads.sqlite';

/** Partitions of all topics together. */
export const MAX_PARTITIONS = 1024;

/** Small: a transaction writes whole pages, and most add little to each of many. */
const PAGE_BYTES = 4096;

export function recordsTable(partitionId: number): string {
  return `records_${partitionId}`;
}

/**
 * Records of a topic that keeps all until they expire. `record_check`: of the record, where sealed (seal.ts). `packed`: how
 * many records the row holds, its value being their pack (record-pack.ts), and its offset and check those of the first;
 * NULL where the row is one record.
 */
export const RETAINED_COLUMNS =
  '(offset INTEGER PRIMARY KEY, key TEXT, value BLOB, appended_at INTEGER NOT NULL, record_check INTEGER, packed INTEGER) STRICT';
/** Records of a topic that keeps the last of each key. */
export const COMPACTED_COLUMNS =
  '(offset INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value BLOB, appended_at INTEGER NOT NULL) STRICT';

/** Number n (from 1) leads from format n - 1 to n. Never change one that was released: add another. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE topics (
     id INTEGER PRIMARY KEY,
     name TEXT NOT NULL UNIQUE,
     partitions INTEGER NOT NULL,
     cleanup TEXT NOT NULL CHECK (cleanup IN ('retain', 'compact')),
     retention_ms INTEGER,  -- NULL: for ever
     tombstone_ms INTEGER,
     sealed INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE partitions (
     id INTEGER PRIMARY KEY,
     topic_id INTEGER NOT NULL REFERENCES topics (id),
     partition INTEGER NOT NULL,
     first_offset INTEGER NOT NULL,
     next_offset INTEGER NOT NULL,
     chain_hash TEXT NOT NULL,
     UNIQUE (topic_id, partition)
   ) STRICT;
   CREATE VIEW record_tables AS
     SELECT name AS topic, partition, 'records_' || partitions.id AS records
     FROM partitions JOIN topics ON topics.id = topic_id;
   CREATE TABLE positions (
     consumer_group TEXT NOT NULL,
     partition_id INTEGER NOT NULL REFERENCES partitions (id),
     next_offset INTEGER NOT NULL,
     PRIMARY KEY (consumer_group, partition_id)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE producers (
     transactional_id TEXT PRIMARY KEY,
     epoch INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;`,
];

export const FORMAT_VERSION = MIGRATIONS.length;

function pragmaNumber(db: DatabaseSync, name: string): number {
  const row: Record<string, unknown> = db.prepare(`PRAGMA ${name}`).get() ?? {};
  return Number(Object.values(row)[0]);
}

/** Refuses a folder written by a newer version; tells whether migrations are needed. */
export function formatVersionOf(db: DatabaseSync, path: string): number {
  const version = pragmaNumber(db, 'user_version');
  if (version > FORMAT_VERSION) {
    throw new OperatingError(
      'LOG_FORMAT_NEWER',
      `${path} has format ${version}, written by a newer Tradehall; this one knows up to ${FORMAT_VERSION}. Use that version.`,
      { retry: 'never' },
    );
  }
  return version;
}

/** Brings `db` to the current format, one migration a transaction. */
export function migrate(db: DatabaseSync, path: string): void {
  for (let version = formatVersionOf(db, path); version < FORMAT_VERSION; version += 1) {
    db.exec('BEGIN');
    try {
      db.exec(`${MIGRATIONS[version]}; PRAGMA user_version = ${version + 1};`);
      db.exec('COMMIT');
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }
}

export interface LogFileOptions {
  readonly directory: string;
  /** The log refuses to grow past this; `null`: only the disk limits it. */
  readonly maxBytes: number | null;
}

/** Opens the log's file for this process alone, creating or upgrading it. */
export function openLogFile(options: LogFileOptions): DatabaseSync {
  const path = join(options.directory, LOG_FILE);
  let db: DatabaseSync | null = null;
  try {
    makeFolder(options.directory);
    db = new DatabaseSync(path, { timeout: 0 });
    db.exec(`PRAGMA page_size = ${PAGE_BYTES};
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA cache_size = -16384;
      PRAGMA wal_autocheckpoint = 1000;
      PRAGMA journal_size_limit = 67108864;
      PRAGMA temp_store = MEMORY;`);
    // Takes the lock now, so that a second process fails here and not in the middle of its work.
    db.exec('BEGIN IMMEDIATE; COMMIT;');
    migrate(db, path);
    if (options.maxBytes !== null) {
      db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(options.maxBytes / PAGE_BYTES))}`);
    }
    return db;
  } catch (error) {
    db?.close();
    if (error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EROFS')) {
      throw new OperatingError(
        'LOG_UNAVAILABLE',
        `${options.directory} is not writable. Make it writable or choose another folder.`,
        {
          retry: 'never',
          cause: error,
        },
      );
    }
    throw operatingErrorOf(error, false) ?? error;
  }
}

/** Opens the log's file of a stopped instance for reading. */
export function openLogFileReadOnly(directory: string): DatabaseSync {
  const path = join(directory, LOG_FILE);
  if (!existsSync(path)) {
    throw new OperatingError('LOG_NOT_FOUND', `There is no event log in ${directory}.`, { retry: 'never' });
  }
  let db: DatabaseSync | null = null;
  try {
    db = openFileForReading(path);
    db.exec('SELECT count(*) FROM sqlite_schema');
    const version = formatVersionOf(db, path);
    if (version === 0) {
      throw new OperatingError('LOG_NOT_FOUND', `${path} is empty: there is no event log in it.`, {
        retry: 'never',
      });
    }
    if (version < FORMAT_VERSION) {
      throw new OperatingError(
        'LOG_FORMAT_OLDER',
        `${path} has format ${version}; start this version of Tradehall once to upgrade it to ${FORMAT_VERSION}.`,
        { retry: 'never' },
      );
    }
    return db;
  } catch (error) {
    db?.close();
    throw operatingErrorOf(error, false) ?? error;
  }
}
