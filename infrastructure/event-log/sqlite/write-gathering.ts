/**
 * Lets writes gather before the next transaction of the log. A transaction writes a page or two of every partition it
 * touches, however little is added to them, and syncs; so many small ones cost the processor and the disk several times
 * what few large ones do.
 *
 * Only writes that come in company wait: whoever writes alone, one write after the other, would only be slowed down.
 */
import type { Runtime } from '#infrastructure/core/runtime.ts';

/** From the beginning of one transaction to that of the next. */
const GATHER_MS = 10;
/** So many writes in the last transaction are company. */
const COMPANY = 4;
/** So many records that wait are enough. */
const ENOUGH_RECORDS = 1_024;

export class WriteGathering {
  readonly #runtime: Runtime;
  #lastBeganMs = Number.NEGATIVE_INFINITY;
  #lastWrites = 0;
  #enough: AbortController | null = null;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** A transaction of so many writes begins. */
  began(writes: number): void {
    this.#lastBeganMs = this.#runtime.clock.monotonicMs();
    this.#lastWrites = writes;
  }

  /** So many records wait now. */
  arrived(queuedRecords: number): void {
    if (queuedRecords >= ENOUGH_RECORDS) this.#enough?.abort();
  }

  /** Resolves when what waits is to be written. */
  async gathered(queuedRecords: number): Promise<void> {
    if (this.#lastWrites < COMPANY || queuedRecords >= ENOUGH_RECORDS) return;
    const remainingMs = this.#lastBeganMs + GATHER_MS - this.#runtime.clock.monotonicMs();
    if (remainingMs < 1) return;
    this.#enough = new AbortController();
    await this.#runtime.timers.sleep(remainingMs, this.#enough.signal);
    this.#enough = null;
  }
}
