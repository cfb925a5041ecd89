/**
 * Restores an exported log into a folder, the same to the byte: offsets, times, seals, heads, positions. The files
 * appear only when the whole was read and its seals hold.
 */
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { syncFolder } from '#infrastructure/core/durable-files.ts';
import { makeFolder } from '#infrastructure/core/make-folder.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { ExportLine } from '../export-format.ts';
import type { Progress } from '../export-log.ts';
import type { LogArchive } from '../log-archive.ts';
import { readExport } from '../read-export.ts';
import { hashFromText, NO_HASH } from '../seal.ts';
import { type LogVerdict, verifyLog } from '../verify-log.ts';
import { assertNoLogIn } from './backup.ts';
import { openLogArchiveFromDirectory } from './directory-archive.ts';
import { operatingErrorOf, sqliteCode } from './failures.ts';
import { type LogHeads, openLogHeads } from './log-heads.ts';
import { RecordStorage } from './record-storage.ts';
import { HEADS_FILE, LOG_FILE, openLogFile } from './schema.ts';
import { TopicRegistry } from './topic-registry.ts';

export type ImportOutcome =
  | { readonly kind: 'imported'; readonly verdict: LogVerdict }
  /** The seals do not hold; nothing was written. */
  | { readonly kind: 'refused'; readonly verdict: LogVerdict };

const LINES_PER_TRANSACTION = 5000;
const SQLITE_CONSTRAINT = 19;

class Importer {
  readonly #db: DatabaseSync;
  readonly #heads: LogHeads;
  readonly #registry: TopicRegistry;
  readonly #storage: RecordStorage;
  #last: ExportLine['kind'] = 'topic';

  constructor(db: DatabaseSync, heads: LogHeads) {
    this.#db = db;
    this.#heads = heads;
    this.#registry = new TopicRegistry(db);
    this.#storage = new RecordStorage(db);
  }

  put(line: ExportLine): void {
    switch (line.kind) {
      case 'topic':
        this.#registry.ensure([line.body]);
        break;
      case 'partition': {
        const { firstOffset, nextOffset, chainHash } = line.body;
        const { id } = this.#registry.partition(line.body);
        this.#db
          .prepare('UPDATE partitions SET first_offset = ?, next_offset = ?, chain_hash = ? WHERE id = ?')
          .run(firstOffset, nextOffset, chainHash, id);
        break;
      }
      case 'head':
        this.#heads.put([{ ...line.body, chainHash: hashFromText(line.body.chainHash) ?? NO_HASH }]);
        break;
      case 'position': {
        const { id } = this.#registry.partition(line.body);
        this.#db
          .prepare('INSERT OR REPLACE INTO positions VALUES (?, ?, ?)')
          .run(line.body.group, id, line.body.offset);
        break;
      }
      case 'producer':
        this.#db
          .prepare('INSERT OR REPLACE INTO producers VALUES (?, ?)')
          .run(line.body.transactionalId, line.body.epoch);
        break;
      case 'record':
        this.#putRecord(line.body);
        break;
    }
    this.#last = line.kind;
  }

  /** Topics are created in transactions of their own. */
  get mayBegin(): boolean {
    return this.#last !== 'topic';
  }

  #putRecord(body: (ExportLine & { readonly kind: 'record' })['body']): void {
    const partition = this.#registry.partition(body);
    const value = body.value === null ? null : Buffer.from(body.value, 'base64');
    if (partition.topic.spec.cleanup.kind === 'retain') {
      this.#storage.insertOne(partition, { ...body, value }, body.check);
    } else if (body.key !== null) {
      this.#storage.replace(partition, body.offset, body.key, value, body.appendedAtMs);
    } else {
      throw new OperatingError('LOG_EXPORT_UNREADABLE', `A record of ${body.topic} has no key.`, {
        retry: 'never',
      });
    }
  }
}

interface Source {
  /** The file or server, for messages. */
  readonly name: string;
  readonly lines: AsyncIterable<ExportLine>;
}

async function load({ name, lines }: Source, directory: string, progress: Progress): Promise<void> {
  const db = openLogFile({ directory, maxBytes: null });
  let heads: LogHeads | null = null;
  try {
    heads = openLogHeads(directory);
    const importer = new Importer(db, heads);
    let count = 0;
    for await (const line of lines) {
      if (line.kind === 'topic' && db.isTransaction) db.exec('COMMIT');
      importer.put(line);
      count += 1;
      if (count % LINES_PER_TRANSACTION === 0) {
        if (db.isTransaction) db.exec('COMMIT');
        progress(count);
      }
      if (!db.isTransaction && importer.mayBegin) db.exec('BEGIN');
    }
    if (db.isTransaction) db.exec('COMMIT');
  } catch (error) {
    if (((sqliteCode(error) ?? 0) & 0xff) === SQLITE_CONSTRAINT) {
      throw new OperatingError('LOG_EXPORT_UNREADABLE', `${name} holds something twice: ${String(error)}`, {
        retry: 'never',
        cause: error,
      });
    }
    throw operatingErrorOf(error, false) ?? error;
  } finally {
    db.close();
    heads?.close();
  }
}

/** Imports into `directory`, which may hold other files but no log. */
export async function importLog(
  file: string,
  directory: string,
  progress: Progress = () => {},
): Promise<ImportOutcome> {
  assertNoLogIn(directory);
  makeFolder(directory);
  const building = mkdtempSync(join(directory, '.importing-'));
  try {
    await load({ name: file, lines: readExport(file) }, building, progress);
    const archive = openLogArchiveFromDirectory(building);
    let verdict: LogVerdict;
    try {
      verdict = verifyLog(archive);
    } finally {
      archive.close();
    }
    if (!verdict.sound) return { kind: 'refused', verdict };
    // The heads first: a log without heads is refused, heads without a log are a log that lost everything.
    for (const name of [HEADS_FILE, LOG_FILE]) renameSync(join(building, name), join(directory, name));
    syncFolder(directory);
    return { kind: 'imported', verdict };
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}

/** An exported log as an archive, unpacked into a temporary folder that goes when the archive is closed. */
export function openLogArchiveFromExport(file: string, progress: Progress = () => {}): Promise<LogArchive> {
  return openLogArchiveFromLines({ name: file, lines: readExport(file) }, progress);
}

/** The same of a log that is in no file. */
export async function openLogArchiveFromLines(
  source: Source,
  progress: Progress = () => {},
): Promise<LogArchive> {
  const directory = mkdtempSync(join(tmpdir(), 'tradehall-export-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  try {
    await load(source, directory, progress);
    const archive = openLogArchiveFromDirectory(directory);
    return {
      source: source.name,
      topics: () => archive.topics(),
      partitions: () => archive.partitions(),
      heads: () => archive.heads(),
      groupPositions: () => archive.groupPositions(),
      producerEpochs: () => archive.producerEpochs(),
      count: (place) => archive.count(place),
      records: (place) => archive.records(place),
      close: () => {
        archive.close();
        remove();
      },
    };
  } catch (error) {
    remove();
    if (!(error instanceof OperatingError) || error.code !== 'LOG_FULL') throw error;
    throw new OperatingError(
      'LOG_FULL',
      `There is no room for a copy of the log in ${tmpdir()}: name a folder that has it in the variable TMPDIR.`,
      { retry: 'retry', cause: error },
    );
  }
}
