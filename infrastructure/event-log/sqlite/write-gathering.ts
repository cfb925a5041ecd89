/**
 * Lets writes gather before the next transaction of the log. A transaction writes a page or two of every partition it
 * touches, however little is added to them, and syncs; so many small ones cost the processor and the disk several times
 * what few large ones do.
 *
 * Writes that come in company wait, and the positions of consumers, for which nobody waits: whoever writes records alone,
 * one write after the other, would only be slowed down.
 */
import type { Runtime } from '#infrastructure/core/runtime.ts';

/** From the beginning of one transaction to that of the next. */
const GATHER_MS = 10;
/** How long positions wait for records to be written with. */
const POSITIONS_MS = 25;
/** So many writes in the last transaction are company. */
const COMPANY = 4;
/** So many records that wait are enough. */
const ENOUGH_RECORDS = 1_024;

/** What waits to be written. */
export interface Waiting {
  readonly records: number;
  readonly onlyPositions: boolean;
}

export class WriteGathering {
  readonly #runtime: Runtime;
  readonly #waiting: () => Waiting;
  #lastBeganMs = Number.NEGATIVE_INFINITY;
  #lastWrites = 0;
  #sleeping: { readonly until: (waiting: Waiting) => boolean; readonly ending: AbortController } | null =
    null;

  constructor(runtime: Runtime, waiting: () => Waiting) {
    this.#runtime = runtime;
    this.#waiting = waiting;
  }

  /** A transaction of so many writes begins. */
  began(writes: number): void {
    this.#lastBeganMs = this.#runtime.clock.monotonicMs();
    this.#lastWrites = writes;
  }

  /** More waits than before. */
  arrived(): void {
    if (this.#sleeping?.until(this.#waiting()) === true) this.#sleeping.ending.abort();
  }

  /** Resolves when what waits is to be written. */
  async gathered(): Promise<void> {
    await this.#sleep(POSITIONS_MS, ({ onlyPositions }) => !onlyPositions);
    if (this.#lastWrites < COMPANY) return;
    const remainingMs = this.#lastBeganMs + GATHER_MS - this.#runtime.clock.monotonicMs();
    await this.#sleep(remainingMs, ({ records }) => records >= ENOUGH_RECORDS);
  }

  async #sleep(durationMs: number, until: (waiting: Waiting) => boolean): Promise<void> {
    if (durationMs < 1 || until(this.#waiting())) return;
    const ending = new AbortController();
    this.#sleeping = { until, ending };
    await this.#runtime.timers.sleep(durationMs, ending.signal);
    this.#sleeping = null;
  }
}
