/**
 * What a process notes in a file beside it and may note later: a disk that is full, or takes nothing, delays the note and
 * ends nothing.
 */
import type { Logger } from './log.ts';

export class LaggingNote {
  readonly #what: string;
  readonly #logger: Logger;
  #isLate = false;

  /** `what` begins a sentence. */
  constructor(what: string, logger: Logger) {
    this.#what = what;
    this.#logger = logger;
  }

  /** The last one was not written: it is to be tried again. */
  get isLate(): boolean {
    return this.#isLate;
  }

  /** Tells when writing begins to fail, and when it has succeeded again. Throws what is not of the disk. */
  write(task: () => void): void {
    try {
      task();
    } catch (error) {
      if (!isOfDisk(error)) throw error;
      if (!this.#isLate)
        this.#logger.error({ error }, `${this.#what} cannot be noted: tried again until it is`);
      this.#isLate = true;
      return;
    }
    if (this.#isLate) this.#logger.info({}, `${this.#what} is noted again`);
    this.#isLate = false;
  }
}

/** Of the operating system, or of SQLite. */
function isOfDisk(error: unknown): boolean {
  return (
    error instanceof Error && ('syscall' in error || ('code' in error && error.code === 'ERR_SQLITE_ERROR'))
  );
}
