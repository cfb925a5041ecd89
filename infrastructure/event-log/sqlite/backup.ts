/**
 * A consistent copy of the embedded log while it runs.
 *
 * The heads are copied before the log, so in the copy too they never claim more than the log holds. For the same
 * reason a backup of a whole data folder copies every store that follows the log before the log itself: a restored
 * projection is then behind the log, which is ordinary, and never ahead of it.
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { operatingErrorOf, sqliteCode } from './failures.ts';
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

/** A copy whose first step meets a transaction of its own source fails with a code that says nothing. */
const ATTEMPTS = 20;

/**
 * SQLite copies in steps on another thread and follows what is written meanwhile, except while it begins: `hold` keeps
 * the writer back until the first step is done.
 */
async function copy(source: DatabaseSync, target: string, hold: () => () => void): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const release = hold();
    try {
      await backup(source, target, { rate: PAGES_PER_STEP, progress: release });
      return;
    } catch (error) {
      if (sqliteCode(error) !== 0 || attempt === ATTEMPTS) throw error;
      rmSync(target, { force: true });
    } finally {
      release();
    }
  }
}

export async function backupLogFiles(
  source: { readonly log: DatabaseSync; readonly heads: DatabaseSync },
  targetDirectory: string,
  hold: () => () => void = () => () => {},
): Promise<void> {
  assertNoLogIn(targetDirectory);
  try {
    mkdirSync(targetDirectory, { recursive: true, mode: 0o700 });
    await copy(source.heads, join(targetDirectory, HEADS_FILE), hold);
    await copy(source.log, join(targetDirectory, LOG_FILE), hold);
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
