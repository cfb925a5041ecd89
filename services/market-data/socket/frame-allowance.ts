/** How many frames a client may still send: a burst, refilled at a steady rate. */
export class FrameAllowance {
  readonly #perSecond: number;
  readonly #burst: number;
  #left: number;
  #updatedMs: number;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#left = burst;
    this.#updatedMs = nowMs;
  }

  take(nowMs: number): boolean {
    this.#left = Math.min(this.#burst, this.#left + ((nowMs - this.#updatedMs) * this.#perSecond) / 1_000);
    this.#updatedMs = nowMs;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
