/** Halts in this process's memory. As many as there are partitions. */
import type { AccountHalt } from '#domain/data/account-state.ts';
import type { AccountId } from '#domain/data/identifiers.ts';
import type { Clock } from '#infrastructure/core/runtime.ts';
import type { Halts, HaltsForAccount, PartitionHalts } from '../cache.ts';

interface Kept {
  readonly halts: PartitionHalts;
  readonly accounts: ReadonlyMap<AccountId, AccountHalt>;
  readonly untilMs: number;
}

export class MemoryHalts implements Halts {
  readonly #clock: Clock;
  readonly #kept = new Map<number, Kept>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async put(halts: PartitionHalts, lifetimeMs: number): Promise<void> {
    const untilMs = this.#clock.monotonicMs() + lifetimeMs;
    const accounts = new Map(halts.accounts.map((halt) => [halt.accountId, halt]));
    this.#kept.set(halts.partition, { halts, accounts, untilMs });
  }

  async get(partition: number): Promise<PartitionHalts | null> {
    return this.#find(partition)?.halts ?? null;
  }

  async of(partition: number, accountId: AccountId): Promise<HaltsForAccount | null> {
    const found = this.#find(partition);
    if (found === null) return null;
    const { nextInputOffset, all, unlisted } = found.halts;
    return { nextInputOffset, all, unlisted, account: found.accounts.get(accountId) ?? null };
  }

  clear(): void {
    this.#kept.clear();
  }

  #find(partition: number): Kept | null {
    const found = this.#kept.get(partition);
    return found !== undefined && found.untilMs > this.#clock.monotonicMs() ? found : null;
  }
}
