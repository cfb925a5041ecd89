/** Reads that wait for a version of an account's portfolio, woken by the consumer that writes it. */
import type { AccountId } from '#domain/data/identifiers.ts';

interface Waiter {
  readonly version: number;
  readonly wake: () => void;
}

export class VersionWaiters {
  readonly #byAccount = new Map<AccountId, Set<Waiter>>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  notify(accountId: AccountId, version: number): void {
    for (const waiter of this.#byAccount.get(accountId) ?? []) {
      if (waiter.version <= version) waiter.wake();
    }
  }

  /** `reached` is aborted when the version is written; `stop` must be called when nobody waits any more. */
  wait(accountId: AccountId, version: number): { readonly reached: AbortSignal; stop(): void } {
    const reached = new AbortController();
    const waiter: Waiter = { version, wake: () => reached.abort() };
    const waiters = this.#byAccount.get(accountId) ?? new Set();
    this.#byAccount.set(accountId, waiters);
    waiters.add(waiter);
    this.#count += 1;
    return {
      reached: reached.signal,
      stop: () => {
        if (!waiters.delete(waiter)) return;
        this.#count -= 1;
        if (waiters.size === 0 && this.#byAccount.get(accountId) === waiters)
          this.#byAccount.delete(accountId);
      },
    };
  }

  /** At a drain nobody waits for what will not come. */
  wakeAll(): void {
    for (const waiters of this.#byAccount.values()) for (const waiter of waiters) waiter.wake();
  }
}
