/**
 * How far the log reached, kept in a file of its own: per partition the next offset and the last chain hash.
 *
 * Written after each commit of the log and never before it, so the heads may lag behind the log but are never ahead
 * of it. A log that ends before its heads has lost its tail.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { TOPIC } from '#domain/data/topics.ts';
import type { LogHead } from '../log-archive.ts';
import { hashFromText, hashToText, NO_HASH } from '../seal.ts';
import { operatingErrorOf } from './failures.ts';
import { HEADS_FILE } from './schema.ts';

export interface LogHeads {
  /** Notes, durably, that there are heads: from then on a file without any has lost them. */
  begin(): void;
  put(heads: readonly LogHead[]): void;
  all(): readonly LogHead[];
  file(): DatabaseSync;
  close(): void;
}

/** None from a file that is empty. */
export function readHeads(db: DatabaseSync): readonly LogHead[] {
  if (db.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'heads'`).get() === undefined) return [];
  return db
    .prepare('SELECT topic, partition, next_offset, chain_hash FROM heads ORDER BY topic, partition')
    .all()
    .map((row) => ({
      topic: String(row['topic']),
      partition: Number(row['partition']),
      nextOffset: Number(row['next_offset']),
      chainHash: hashFromText(String(row['chain_hash'])) ?? NO_HASH,
    }));
}

export function headsExist(directory: string): boolean {
  return existsSync(join(directory, HEADS_FILE));
}

export function openLogHeads(directory: string): LogHeads {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  let db: DatabaseSync;
  try {
    db = new DatabaseSync(join(directory, HEADS_FILE), { timeout: 0 });
    // NORMAL: no sync per write. A power cut may take the heads back a little, never ahead of the log.
    db.exec(`PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      PRAGMA cache_size = -1024;
      PRAGMA journal_size_limit = 1048576;
      CREATE TABLE IF NOT EXISTS heads (
        topic TEXT NOT NULL,
        partition INTEGER NOT NULL,
        next_offset INTEGER NOT NULL,
        chain_hash TEXT NOT NULL,
        PRIMARY KEY (topic, partition)
      ) STRICT, WITHOUT ROWID;`);
  } catch (error) {
    throw operatingErrorOf(error, false) ?? error;
  }
  const upsert = db.prepare(
    `INSERT INTO heads VALUES (?, ?, ?, ?)
     ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset, chain_hash = excluded.chain_hash`,
  );
  return {
    begin() {
      db.exec('PRAGMA synchronous = FULL');
      upsert.run(TOPIC.logSeals, 0, 0, hashToText(NO_HASH));
      db.exec('PRAGMA synchronous = NORMAL');
    },
    put(heads) {
      db.exec('BEGIN');
      try {
        for (const head of heads) {
          upsert.run(head.topic, head.partition, head.nextOffset, hashToText(head.chainHash));
        }
        db.exec('COMMIT');
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK');
        throw error;
      }
    },
    all: () => readHeads(db),
    file: () => db,
    close: () => db.close(),
  };
}
