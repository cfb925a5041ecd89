/** A log to a file and back. The projections of an imported log are rebuilt by its first start. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import { makeDataFolder, openDataFolder } from '#infrastructure/core/data-folder.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { createLogger } from '#infrastructure/core/pino-logger.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { exportLog, type Progress } from '#infrastructure/event-log/export-log.ts';
import type { LogArchive } from '#infrastructure/event-log/log-archive.ts';
import { openLogArchiveFromDirectory } from '#infrastructure/event-log/sqlite/directory-archive.ts';
import { importLog, openLogArchiveFromExport } from '#infrastructure/event-log/sqlite/import-log.ts';
import { openSqliteEventLog } from '#infrastructure/event-log/sqlite/sqlite-event-log.ts';
import { type LogVerdict, verifyLog } from '#infrastructure/event-log/verify-log.ts';
import { requireEmptyFolder } from './data-folder-copy.ts';
import { DATA_PATHS } from './data-paths.ts';
import { exportLogOnKafka, importLogToKafka } from './kafka-log.ts';
import { PROJECTION_STORES, rewindProjections } from './rewind-projections.ts';

/** Of the log in the folder, or of `server`, with the folder's heads. */
export async function exportDataFolder(
  dataFolder: string,
  server: ServerAddress | null,
  file: string,
  progress: Progress,
): Promise<{ readonly records: number }> {
  let records = 0;
  if (server !== null) {
    await exportLogOnKafka(server, dataFolder, file, (done) => {
      records = done;
      progress(done);
    });
    return { records };
  }
  const archive = openLogArchiveFromDirectory(join(dataFolder, DATA_PATHS.log));
  try {
    await exportLog(archive, file, (done) => {
      records = done;
      progress(done);
    });
  } finally {
    archive.close();
  }
  return { records };
}

/** Into the folder, or to `server`, with the heads in the folder. Nothing is written when the verdict is not sound. */
export async function importDataFolder(
  file: string,
  dataFolder: string,
  server: ServerAddress | null,
  progress: Progress,
): Promise<LogVerdict> {
  return server === null
    ? await importIntoFolder(file, dataFolder, progress)
    : await importToServer(file, dataFolder, server, progress);
}

async function importToServer(
  file: string,
  dataFolder: string,
  server: ServerAddress,
  progress: Progress,
): Promise<LogVerdict> {
  const archive = await openLogArchiveFromExport(file);
  try {
    const verdict = verifyLog(archive);
    if (!verdict.sound) return verdict;
    const used = Object.values(DATA_PATHS).some((path) => existsSync(join(dataFolder, path)));
    if (used) requireSameLog(archive, dataFolder);
    const folder = openDataFolder(dataFolder);
    try {
      await importLogToKafka(archive, server, dataFolder, progress);
    } catch (error) {
      // Else it would not be empty for the next attempt, or have heads of what is not there.
      rmSync(folder.file(DATA_PATHS.kafka), { recursive: true, force: true });
      throw error;
    } finally {
      folder.release();
    }
    return verdict;
  } finally {
    archive.close();
  }
}

/** Its stores are kept, with the API keys, and must hold what this log says. */
function requireSameLog(archive: LogArchive, dataFolder: string): void {
  if (existsSync(join(dataFolder, DATA_PATHS.kafka))) {
    throw new OperatingError(
      'FOLDER_NOT_EMPTY',
      `${dataFolder} has been used with a log on Kafka: choose a new folder.`,
      { retry: 'never' },
    );
  }
  const directory = join(dataFolder, DATA_PATHS.log);
  if (existsSync(directory)) {
    const own = openLogArchiveFromDirectory(directory);
    try {
      if (isDeepStrictEqual(own.partitions(), archive.partitions())) return;
    } finally {
      own.close();
    }
  }
  throw new OperatingError(
    'FOLDER_NOT_EMPTY',
    `${dataFolder} is not empty, and its log is not the one of the file: choose a new folder, or the one that was exported, as it was then.`,
    { retry: 'never' },
  );
}

async function importIntoFolder(file: string, dataFolder: string, progress: Progress): Promise<LogVerdict> {
  requireEmptyFolder(dataFolder);
  makeDataFolder(dataFolder);
  const directory = join(dataFolder, DATA_PATHS.log);
  let imported = false;
  let verdict: LogVerdict;
  try {
    const outcome = await importLog(file, directory, progress);
    verdict = outcome.verdict;
    imported = outcome.kind === 'imported';
  } finally {
    // Else the folder would not be empty for the next attempt.
    if (!imported) rmSync(directory, { recursive: true, force: true });
  }
  if (!imported) return verdict;
  const logger = createLogger({
    level: 'error',
    format: 'text',
    write: (text) => process.stderr.write(text),
  });
  const runtime = createSystemRuntime();
  const log = await openSqliteEventLog({ directory, runtime, logger });
  try {
    await rewindProjections(log, PROJECTION_STORES, runtime.ids);
  } finally {
    await log.close();
  }
  return verdict;
}
