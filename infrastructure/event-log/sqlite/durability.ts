/**
 * Makes a committed transaction durable, and copies pages of the write-ahead log back into the database between two
 * transactions. After a sync that failed, what the file holds is not known, so nothing is added to it any more.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Timers } from '#infrastructure/core/runtime.ts';
import { operatingErrorOf } from './failures.ts';
import type { LogSync } from './log-sync.ts';

/** Pages in the write-ahead log, estimated, after which they are copied into the database. */
const CHECKPOINT_PAGES = 1_500;
/** Of B-trees: a leaf and what is above it, for each partition that is written to. */
const PAGES_PER_PARTITION = 2;
const BYTES_PER_PAGE = 4_096;
const ADVICE = 'Look after the disk, then restart the program.';

export class Durability {
  readonly #db: Pick<DatabaseSync, 'exec'>;
  readonly #sync: LogSync;
  readonly #timers: Timers;
  readonly #logger: Logger;
  #pagesToCopy = 0;
  #refusal: OperatingError | null = null;

  constructor(db: Pick<DatabaseSync, 'exec'>, sync: LogSync, timers: Timers, logger: Logger) {
    this.#db = db;
    this.#sync = sync;
    this.#timers = timers;
    this.#logger = logger;
  }

  /** Why nothing can be written any more; `null` while it can. */
  get refusal(): OperatingError | null {
    return this.#refusal;
  }

  /** What to tell the writers when the disk failed: after a restart the transaction may be there, or not. */
  async makeDurable(partitions: number, bytes: number): Promise<OperatingError | null> {
    this.#pagesToCopy += partitions * PAGES_PER_PARTITION + bytes / BYTES_PER_PAGE;
    try {
      await this.#sync.writeAheadLog();
      return null;
    } catch (cause) {
      this.#refuse(cause);
      return new OperatingError(
        'LOG_OUTCOME_UNKNOWN',
        `The disk failed to sync the event log; the records may be there. ${ADVICE}`,
        { retry: 'unknown', cause },
      );
    }
  }

  /**
   * Copies pages back into the database, when there are many. What was committed before is durable without it, but the
   * next transaction waits for it, since it may write over the write-ahead log from its start.
   */
  async copyBack(): Promise<void> {
    if (this.#pagesToCopy < CHECKPOINT_PAGES || this.#refusal !== null) return;
    this.#pagesToCopy = 0;
    // The answers to what is durable go out first.
    await this.#timers.yieldTurn();
    try {
      if (this.#copyPages()) await this.#sync.database();
    } catch (cause) {
      this.#refuse(cause);
    }
  }

  /** False when the disk is full: the write-ahead log keeps them, and is not begun anew before all of it is copied. */
  #copyPages(): boolean {
    try {
      this.#db.exec('PRAGMA synchronous = OFF; PRAGMA wal_checkpoint(PASSIVE)');
      return true;
    } catch (error) {
      const failure = operatingErrorOf(error, false);
      if (failure?.code !== 'LOG_FULL') throw error;
      this.#logger.warn(
        { code: failure.code, error: failure.message },
        'pages of the event log stay in its write-ahead log until there is room',
      );
      return false;
    } finally {
      this.#db.exec('PRAGMA synchronous = FULL');
    }
  }

  #refuse(cause: unknown): void {
    this.#logger.error(
      { err: cause },
      'the event log could not be synced; it takes nothing more until a restart',
    );
    this.#refusal = new OperatingError(
      'LOG_UNAVAILABLE',
      `The event log takes nothing more since the disk failed to sync it. ${ADVICE}`,
      { retry: 'retry', cause },
    );
  }
}
