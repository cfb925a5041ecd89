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

/** How many of them their own kill switch halts, and how many their breaker. */
export function countsOf(halts: Iterable<AccountHalt>) {
  let haltedAccounts = 0;
  let trippedBreakers = 0;
  for (const { killSwitchEngaged, breaker } of halts) {
    if (killSwitchEngaged) haltedAccounts += 1;
    if (breaker.state !== 'OPEN') trippedBreakers += 1;
  }
  return { haltedAccounts, trippedBreakers };
}

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
  note(
    of: Pick<PartitionHalts, 'partition' | 'nextInputOffset' | 'all'>,
    accounts: ReadonlyMap<AccountId, AccountHalt>,
  ): void {
    const halts = [...accounts.values()];
    // Breakers trip by themselves, many at a time; a kill switch is somebody's word.
    const byPerson = halts.filter(({ killSwitchEngaged }) => killSwitchEngaged);
    const byLosses = halts.filter(({ killSwitchEngaged }) => !killSwitchEngaged);
    const listed = [...byPerson, ...byLosses].slice(0, MOST_HALTED_ACCOUNTS);
    const unlisted = halts.length - listed.length;
    this.#known.set(of.partition, { ...of, unlisted, accounts: listed });
    this.#show(of.partition, of.all, countsOf(halts));
    this.#due.add(of.partition);
    void this.#put();
  }

  /** Another process has its word from now on. */
  forget(partition: number): void {
    this.#known.delete(partition);
    this.#show(partition, false, countsOf([]));
  }

  #show(partition: number, all: boolean, counts: ReturnType<typeof countsOf>): void {
    const labels = { partition: String(partition) };
    this.#engaged.set(all ? 1 : 0, labels);
    this.#accounts.set(counts.haltedAccounts, labels);
    this.#breakers.set(counts.trippedBreakers, labels);
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
