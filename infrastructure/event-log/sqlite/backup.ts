/**
 * A consistent copy of the embedded log while it runs.
 *
 * The heads are copied before the log, so in the copy too they never claim more than the log holds. For the same
 * reason a backup of a whole data folder copies every store that follows the log before the log itself: a restored
 * projection is then behind the log, which is ordinary, and never ahead of it.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { operatingErrorOf } from './failures.ts';
import { HEADS_FILE, LOG_FILE, openLogFileReadOnly } from './schema.ts';

const PAGES_PER_STEP = 256;

export function assertNoLogIn(directory: string): void {
  for (const file of [LOG_FILE, HEADS_FILE]) {
    if (existsSync(join(directory, file))) {
      throw new OperatingError(
        'LOG_EXISTS',
        `${directory} already holds an event log. Choose an empty folder.`,
        {
          retry: 'never',
        },
      );
    }
  }
}

export async function backupLogFiles(
  source: { readonly log: DatabaseSync; readonly heads: DatabaseSync },
  targetDirectory: string,
): Promise<void> {
  assertNoLogIn(targetDirectory);
  try {
    mkdirSync(targetDirectory, { recursive: true, mode: 0o700 });
    await backup(source.heads, join(targetDirectory, HEADS_FILE), { rate: PAGES_PER_STEP });
    await backup(source.log, join(targetDirectory, LOG_FILE), { rate: PAGES_PER_STEP });
  } catch (error) {
    throw operatingErrorOf(error, false) ?? error;
  }
}

/** Copies the log of a stopped instance. A running one is copied by `SqliteEventLog.backup`. */
export async function backupLogDirectory(directory: string, targetDirectory: string): Promise<void> {
  const log = openLogFileReadOnly(directory);
  try {
    const heads = new DatabaseSync(join(directory, HEADS_FILE), { readOnly: true });
    try {
      await backupLogFiles({ log, heads }, targetDirectory);
    } finally {
      heads.close();
    }
  } catch (error) {
    throw operatingErrorOf(error, false) ?? error;
  } finally {
    log.close();
  }
}
