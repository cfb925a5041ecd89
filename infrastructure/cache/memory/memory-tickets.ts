/** Single-use tickets in memory. Expired ones make room; beyond the cap a new one is refused. */
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Clock } from '#infrastructure/core/runtime.ts';
import type { Tickets } from '../cache.ts';

interface Ticket {
  readonly value: string;
  readonly expiresAtMs: number;
}

/** Oldest tickets looked at per new one; more than one, so that the expired are dropped faster than new ones come. */
const SWEEP_PER_PUT = 8;

export class MemoryTickets implements Tickets {
  readonly #clock: Clock;
  readonly #maxTickets: number;
  readonly #tickets = new Map<string, Ticket>();

  constructor(clock: Clock, maxTickets: number) {
    this.#clock = clock;
    this.#maxTickets = maxTickets;
  }

  async put(ticket: string, value: string, lifetimeMs: number): Promise<void> {
    // Monotonic, since a wall clock that is set back would make tickets live longer.
    const nowMs = this.#clock.monotonicMs();
    this.#sweep(nowMs);
    if (this.#tickets.size >= this.#maxTickets && !this.#tickets.has(ticket)) {
      throw new OperatingError('CACHE_FULL', `at most ${this.#maxTickets} tickets may be open at a time`, {
        retry: 'retry',
      });
    }
    // Deleted first, so that the map stays in order of age.
    this.#tickets.delete(ticket);
    this.#tickets.set(ticket, { value, expiresAtMs: nowMs + lifetimeMs });
  }

  async redeem(ticket: string): Promise<string | null> {
    const found = this.#tickets.get(ticket);
    if (found === undefined) return null;
    this.#tickets.delete(ticket);
    return found.expiresAtMs > this.#clock.monotonicMs() ? found.value : null;
  }

  clear(): void {
    this.#tickets.clear();
  }

  #sweep(nowMs: number): void {
    let looked = 0;
    for (const [ticket, { expiresAtMs }] of this.#tickets) {
      if (expiresAtMs <= nowMs) this.#tickets.delete(ticket);
      looked += 1;
      if (looked === SWEEP_PER_PUT) return;
    }
  }
}
