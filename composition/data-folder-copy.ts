/**
 * Backup and restore of a data folder.
 *
 * A backup holds what cannot be had from elsewhere: the log, the heads kept outside it, and the relational database
 * with the API keys, unless that is on a server, where it is backed up. Every projection is rebuilt from the log by the first start after a restore, so that none can be
 * ahead of the log or behind its noted position.
 *
 * The relational database is copied before the log: what it projects is then behind the log, never ahead.
 */
import { copyFileSync, cpSync, existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { copySqliteFile } from '#infrastructure/common/sqlite-file.ts';
import {
  DATA_FORMAT,
  FORMAT_FILE,
  makeDataFolder,
  RESTORING_FILE,
} from '#infrastructure/core/data-folder.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import { makeFolder } from '#infrastructure/core/make-folder.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import { countRecords } from '#infrastructure/event-log/log-archive.ts';
import { openLogArchiveFromDirectory } from '#infrastructure/event-log/sqlite/directory-archive.ts';
import {
  openSqliteEventLog,
  type SqliteEventLog,
} from '#infrastructure/event-log/sqlite/sqlite-event-log.ts';
import { DATA_PATHS } from './data-paths.ts';
import { PROJECTION_STORES, rewindProjections } from './rewind-projections.ts';

const MANIFEST_FILE = 'backup.json';

function refusal(code: string, sentence: string): OperatingError {
  return new OperatingError(code, sentence, { retry: 'never' });
}

/** What the file system refused, as a sentence; anything else as it is. */
function failure(code: string, what: string, error: unknown): unknown {
  const errno = (error as NodeJS.ErrnoException).code;
  if (error instanceof OperatingError || errno === undefined || !/^E[A-Z]+$/.test(errno)) return error;
  return new OperatingError(code, `${what} failed (${errno}): nothing is left of it.`, {
    retry: 'never',
    cause: error,
  });
}

function reading<Result>(folder: string, look: () => Result): Result {
  try {
    return look();
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code;
    if (errno !== 'EACCES' && errno !== 'EPERM') throw error;
    throw new OperatingError(
      'FOLDER_UNREADABLE',
      `${folder} may not be read by this user: change its owner or mode, or choose another.`,
      { retry: 'never', cause: error },
    );
  }
}

/** Throws an `OperatingError` with a sentence unless `folder` is empty, or is not there. */
export function requireEmptyFolder(folder: string): void {
  reading(folder, () => {
    const state = statSync(folder, { throwIfNoEntry: false });
    if (state === undefined) return;
    if (!state.isDirectory()) throw refusal('NOT_A_FOLDER', `${folder} is not a folder: choose another.`);
    if (readdirSync(folder).length > 0)
      throw refusal('FOLDER_NOT_EMPTY', `${folder} is not empty: choose a new folder.`);
  });
}

function isBackup(folder: string): boolean {
  return reading(
    folder,
    () => statSync(join(folder, MANIFEST_FILE), { throwIfNoEntry: false }) !== undefined,
  );
}

function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

function isEmbedded(log: EventLog): log is SqliteEventLog {
  return 'backup' in log;
}

/** Called within the running instance. What it began and could not finish is removed. */
export async function backUpDataFolder(
  dataFolder: string,
  log: EventLog,
  target: string,
  nowMs: number,
): Promise<{ readonly bytes: number }> {
  const folder = resolve(target);
  if (!isEmbedded(log)) throw refusal('BACKUP_ELSEWHERE', 'The event log is on a server: back it up there.');
  requireEmptyFolder(folder);
  const existed = existsSync(folder);
  try {
    makeFolder(folder);
    copyFileSync(join(dataFolder, FORMAT_FILE), join(folder, FORMAT_FILE));
    const relational = join(dataFolder, DATA_PATHS.relational);
    if (existsSync(relational)) await copySqliteFile(relational, join(folder, DATA_PATHS.relational));
    await log.backup(join(folder, DATA_PATHS.log));
    const manifest = { kind: 'tradehall-backup', format: DATA_FORMAT, at: new Date(nowMs).toISOString() };
    writeFileSync(join(folder, MANIFEST_FILE), `${JSON.stringify(manifest)}\n`);
    return { bytes: bytesIn(folder) };
  } catch (error) {
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
      rmSync(join(folder, name), { recursive: true, force: true });
    }
    if (!existed) rmSync(folder, { recursive: true, force: true });
    throw failure('BACKUP_FAILED', `The backup into ${folder}`, error);
  }
}

/** Makes `dataFolder` (new or empty) from a backup. Its first start rebuilds the projections. */
export async function restoreDataFolder(
  backupFolder: string,
  dataFolder: string,
  parts: { readonly runtime: Runtime; readonly logger: Logger },
): Promise<{ readonly records: number }> {
  const source = resolve(backupFolder);
  const target = resolve(dataFolder);
  if (!isBackup(source)) {
    throw refusal('NOT_A_BACKUP', `${source} holds no finished backup: it has no ${MANIFEST_FILE}.`);
  }
  requireEmptyFolder(target);
  makeDataFolder(target);
  const marker = join(target, RESTORING_FILE);
  writeFileSync(marker, '');
  try {
    cpSync(source, target, { recursive: true, filter: (path) => path !== join(source, MANIFEST_FILE) });
    const directory = join(target, DATA_PATHS.log);
    const log = await openSqliteEventLog({ directory, ...parts });
    let records: number;
    try {
      await rewindProjections(log, PROJECTION_STORES, parts.runtime.ids);
    } finally {
      await log.close();
    }
    const archive = openLogArchiveFromDirectory(directory);
    try {
      records = countRecords(archive);
    } finally {
      archive.close();
    }
    rmSync(marker);
    return { records };
  } catch (error) {
    for (const name of readdirSync(target)) rmSync(join(target, name), { recursive: true, force: true });
    throw failure('RESTORE_FAILED', `The restore into ${target}`, error);
  }
}
