/** Reads an exported log, and damages a log at rest, as someone would who bypasses the program. */
import { cpSync, createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { createGunzip } from 'node:zlib';

export interface ExportedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  /** Parsed JSON; `null` for a tombstone. */
  readonly event: unknown;
}

export async function* exportedRecords(
  file: string,
  topics: ReadonlySet<string>,
): AsyncGenerator<ExportedRecord> {
  const lines = createInterface({ input: createReadStream(file).pipe(createGunzip()), crlfDelay: Infinity });
  for await (const line of lines) {
    const { record } = JSON.parse(line) as {
      record?: { topic: string; partition: number; offset: number; key: string | null; value: string | null };
    };
    if (record === undefined || !topics.has(record.topic)) continue;
    const { value, ...place } = record;
    yield {
      ...place,
      event: value === null ? null : JSON.parse(Buffer.from(value, 'base64').toString('utf8')),
    };
  }
}

/** A copy of the log of a stopped data folder, opened for writing by a stranger. */
export function damagedCopy(dataFolder: string, copy: string, damage: (log: LogOnDisk) => void): void {
  cpSync(join(dataFolder, 'log'), join(copy, 'log'), { recursive: true });
  const database = new DatabaseSync(join(copy, 'log', 'event-log.sqlite'));
  try {
    damage({ database, table: (topic, partition) => tableOf(database, topic, partition) });
  } finally {
    database.close();
  }
}

export interface LogOnDisk {
  readonly database: DatabaseSync;
  table(topic: string, partition: number): string;
}

function tableOf(database: DatabaseSync, topic: string, partition: number): string {
  const row = database
    .prepare('SELECT records FROM record_tables WHERE topic = ? AND partition = ?')
    .get(topic, partition);
  return String(row?.['records']);
}

/** The partition of `topic` with the most records, and how far they go. */
export function fullestPartition(
  dataFolder: string,
  topic: string,
): { readonly partition: number; readonly records: number } {
  const database = new DatabaseSync(join(dataFolder, 'log', 'event-log.sqlite'), { readOnly: true });
  try {
    const row = database
      .prepare(
        `SELECT partition, next_offset FROM partitions JOIN topics ON topics.id = topic_id
         WHERE name = ? ORDER BY next_offset DESC LIMIT 1`,
      )
      .get(topic);
    return { partition: Number(row?.['partition']), records: Number(row?.['next_offset']) };
  } finally {
    database.close();
  }
}
