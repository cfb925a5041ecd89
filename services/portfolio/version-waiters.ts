/** Reads that wait for a version of an account's portfolio, woken by the consumer that writes it. */
import type { AccountId } from '#domain/data/identifiers.ts';
import type { Portfolio } from '#infrastructure/portfolios/portfolios.ts';

interface Waiter {
  readonly version: number;
  hand(portfolio: Portfolio): void;
  wake(): void;
}

export interface Waiting {
  /** The first state at the version or later that is written here; pending while there is none. */
  readonly written: Promise<Portfolio>;
  /** The same once it is there. */
  readonly handed: () => Portfolio | null;
  /** Aborted then, and when nobody is to wait any more. */
  readonly woken: AbortSignal;
  /** Must be called when nobody waits any more. */
  stop(): void;
}

export class VersionWaiters {
  readonly #byAccount = new Map<AccountId, Set<Waiter>>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** `portfolio` is in the store. */
  notify(portfolio: Portfolio): void {
    for (const waiter of this.#byAccount.get(portfolio.userId) ?? []) {
      if (waiter.version <= portfolio.version) waiter.hand(portfolio);
    }
  }

  wait(accountId: AccountId, version: number): Waiting {
    const woken = new AbortController();
    const { promise: written, resolve } = Promise.withResolvers<Portfolio>();
    let handed: Portfolio | null = null;
    const waiter: Waiter = {
      version,
      hand(portfolio) {
        handed ??= portfolio;
        resolve(handed);
        woken.abort();
      },
      wake: () => woken.abort(),
    };
    const waiters = this.#byAccount.get(accountId) ?? new Set();
    this.#byAccount.set(accountId, waiters);
    waiters.add(waiter);
    this.#count += 1;
    return {
      written,
      handed: () => handed,
      woken: woken.signal,
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
