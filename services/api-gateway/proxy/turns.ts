/**
 * Turns at something that serves only so many at a time, such as the connections of an instance: first come, first
 * served. What waits here has not been sent, so it can be sent elsewhere, and can be signed when its turn comes.
 */
import type { Runtime } from '#infrastructure/core/runtime.ts';

export type Turn =
  /** Whoever has it gives it back. */
  | 'had'
  | 'not-in-time'
  /** There is nothing to wait for any more. */
  | 'sent-away';

/** How often those that wait too long are looked for: one timer for all, since many may wait. */
const LOOK_PERIOD_MS = 100;

export class Turns {
  readonly #runtime: Pick<Runtime, 'clock' | 'timers'>;
  /** In the order in which they came, with when each has waited long enough. */
  readonly #waiting = new Map<(turn: Turn) => void, number>();
  readonly #count: number;
  #free: number;
  #isLooking = false;

  constructor(count: number, runtime: Pick<Runtime, 'clock' | 'timers'>) {
    this.#runtime = runtime;
    this.#count = count;
    this.#free = count;
  }

  get inUse(): number {
    return this.#count - this.#free;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** `untilMs` is by the monotonic clock. */
  async take(untilMs: number): Promise<Turn> {
    if (this.#free > 0) {
      this.#free -= 1;
      return 'had';
    }
    if (untilMs <= this.#runtime.clock.monotonicMs()) return 'not-in-time';
    const { promise, resolve } = Promise.withResolvers<Turn>();
    this.#waiting.set(resolve, untilMs);
    if (!this.#isLooking) void this.#lookForTheLate();
    return promise;
  }

  give(): void {
    const [next] = this.#waiting.keys();
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(next);
    next('had');
  }

  /** All that wait. */
  sendAway(): void {
    for (const resolve of this.#waiting.keys()) resolve('sent-away');
    this.#waiting.clear();
  }

  async #lookForTheLate(): Promise<void> {
    const { clock, timers } = this.#runtime;
    this.#isLooking = true;
    while (this.#waiting.size > 0) {
      await timers.sleep(LOOK_PERIOD_MS);
      const nowMs = clock.monotonicMs();
      for (const [resolve, untilMs] of this.#waiting) {
        if (untilMs > nowMs) continue;
        this.#waiting.delete(resolve);
        resolve('not-in-time');
      }
    }
    this.#isLooking = false;
  }
}
