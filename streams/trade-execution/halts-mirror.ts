/**
 * Puts into the cache what this process's partitions have decided of halts, so that readers need not ask the log. The
 * cache may forget, or another process's older word may come in last: all of it is put again every few seconds.
 */
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
  note(partition: number, all: boolean, accounts: ReadonlySet<AccountId>): void {
    const shown = [...accounts.values().take(MOST_HALTED_ACCOUNTS)];
    this.#known.set(partition, { partition, all, accounts: shown });
    this.#engaged.set(all ? 1 : 0, { partition: String(partition) });
    this.#accounts.set(accounts.size, { partition: String(partition) });
    this.#due.add(partition);
    void this.#put();
  }

  /** Another process has its word from now on. */
  forget(partition: number): void {
    this.#known.delete(partition);
    this.#engaged.set(0, { partition: String(partition) });
    this.#accounts.set(0, { partition: String(partition) });
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
