/**
 * Puts into the cache what this process's partitions have decided of halts, so that readers need not ask the log. The
 * cache may forget, or another process's older word may come in last: all of it is put again every few seconds.
 */
import type { AccountHalt } from '#domain/data/account-state.ts';
import type { AccountId } from '#domain/data/identifiers.ts';
import { type Cache, MOST_HALTED_ACCOUNTS, type PartitionHalts } from '#infrastructure/cache/cache.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { ServiceContext } from '#infrastructure/core/service.ts';

const PUT_AGAIN_MS = 5_000;
/** Of a partition that nobody owns, or of a log that is gone, the mirror knows nothing after this. */
const LIFETIME_MS = 600_000;

export class HaltsMirror {
  readonly #context: ServiceContext;
  readonly #halts: Pick<Cache['halts'], 'put'>;
  readonly #known = new Map<number, PartitionHalts>();
  readonly #due = new Set<number>();
  readonly #engaged;
  readonly #accounts;
  readonly #breakers;
  #putting = false;
  #failed = false;
  #stop = (): void => {};

  constructor(context: ServiceContext, cache: Pick<Cache, 'halts'>) {
    this.#context = context;
    this.#halts = cache.halts;
    const { metrics } = context;
    this.#engaged = metrics.gauge(
      'tradehall_kill_switch_engaged',
      'Whether the kill switch of all accounts is engaged, by partition owned here: 1 yes, 0 no.',
      ['partition'],
    );
    this.#accounts = metrics.gauge(
      'tradehall_halted_accounts',
      'Accounts whose own kill switch is engaged, by partition owned here.',
      ['partition'],
    );
    this.#breakers = metrics.gauge(
      'tradehall_tripped_breakers',
      'Accounts whose breaker has tripped and is not open again, by partition owned here.',
      ['partition'],
    );
  }

  start(): void {
    this.#stop = this.#context.runtime.timers.every(PUT_AGAIN_MS, () => {
      for (const partition of this.#known.keys()) this.#due.add(partition);
      return this.#put();
    });
  }

  stop(): void {
    this.#stop();
    this.#known.clear();
  }

  /** What is in force of a partition owned here. A bug in what follows ends the process, as an unhandled rejection. */
  note(partition: number, all: boolean, accounts: ReadonlyMap<AccountId, AccountHalt>): void {
    const shown = [...accounts.values().take(MOST_HALTED_ACCOUNTS)];
    this.#known.set(partition, { partition, all, accounts: shown });
    let halted = 0;
    let tripped = 0;
    for (const { killSwitchEngaged, breaker } of accounts.values()) {
      if (killSwitchEngaged) halted += 1;
      if (breaker !== 'OPEN') tripped += 1;
    }
    this.#show(partition, all, halted, tripped);
    this.#due.add(partition);
    void this.#put();
  }

  /** Another process has its word from now on. */
  forget(partition: number): void {
    this.#known.delete(partition);
    this.#show(partition, false, 0, 0);
  }

  #show(partition: number, all: boolean, halted: number, tripped: number): void {
    const labels = { partition: String(partition) };
    this.#engaged.set(all ? 1 : 0, labels);
    this.#accounts.set(halted, labels);
    this.#breakers.set(tripped, labels);
  }

  /** One at a time, so that of a partition the last word is put last. */
  async #put(): Promise<void> {
    if (this.#putting) return;
    this.#putting = true;
    try {
      // What becomes due meanwhile is among them.
      for (const partition of this.#due) {
        this.#due.delete(partition);
        const halts = this.#known.get(partition);
        if (halts !== undefined) await this.#halts.put(halts, LIFETIME_MS);
      }
      this.#failed = false;
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      const { code, message } = error;
      if (!this.#failed)
        this.#context.logger.warn({ code, error: message }, 'halts are not mirrored for now');
      this.#failed = true;
    } finally {
      this.#putting = false;
    }
  }
}
