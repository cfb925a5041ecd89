/** A log to a file and back. The projections of an imported log are rebuilt by its first start. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import { makeDataFolder } from '#infrastructure/core/data-folder.ts';
import { createLogger } from '#infrastructure/core/pino-logger.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { exportLog, type Progress } from '#infrastructure/event-log/export-log.ts';
import { openLogArchiveFromDirectory } from '#infrastructure/event-log/sqlite/directory-archive.ts';
import { importLog } from '#infrastructure/event-log/sqlite/import-log.ts';
import { openSqliteEventLog } from '#infrastructure/event-log/sqlite/sqlite-event-log.ts';
import type { LogVerdict } from '#infrastructure/event-log/verify-log.ts';
import { requireEmptyFolder } from './data-folder-copy.ts';
import { DATA_PATHS } from './data-paths.ts';
import { exportLogOnKafka } from './kafka-log.ts';
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

/** Nothing is written when the verdict is not sound. */
export async function importDataFolder(
  file: string,
  dataFolder: string,
  progress: Progress,
): Promise<LogVerdict> {
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
  const log = await openSqliteEventLog({ directory, runtime: createSystemRuntime(), logger });
  try {
    await rewindProjections(log, PROJECTION_STORES);
  } finally {
    await log.close();
  }
  return verdict;
}
