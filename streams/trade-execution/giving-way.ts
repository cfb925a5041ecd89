/** Owners of this process that apply many inputs let it handle what else is waiting, now and then, all of them together. */
import type { Runtime } from '#infrastructure/core/runtime.ts';

const KEEP_MS = 20;

export class GivingWay {
  readonly #runtime: Pick<Runtime, 'clock' | 'timers'>;
  #sinceMs: number;

  constructor(runtime: Pick<Runtime, 'clock' | 'timers'>) {
    this.#runtime = runtime;
    this.#sinceMs = runtime.clock.monotonicMs();
  }

  /** Whoever calls it has just been given the thread. */
  begin(): void {
    this.#sinceMs = this.#runtime.clock.monotonicMs();
  }

  /** Whether the thread has been kept for long enough: then `giveWay` is to be awaited. */
  isDue(): boolean {
    return this.#runtime.clock.monotonicMs() - this.#sinceMs >= KEEP_MS;
  }

  /** The first one to go on keeps the thread; to the others it is due again. */
  async giveWay(): Promise<void> {
    for (;;) {
      const before = this.#sinceMs;
      await this.#runtime.timers.yieldTurn();
      if (this.#sinceMs === before) {
        this.begin();
        return;
      }
      if (!this.isDue()) return;
    }
  }
}
