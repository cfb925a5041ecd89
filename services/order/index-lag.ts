/**
 * How far an index is behind its topic, for the checks that must fail closed: a former order (or transfer) that the
 * index has not read cannot be told from none. The index has what both its group and the database say that it has: a
 * database that lost something says so before the group knows of it.
 *
 * Everything that this process accepted since its start is in memory, or in the core's. What came before it must be
 * indexed once before a key counts as unused, and again when the index is found to have lost something; after that the lag
 * must stay within what the core itself remembers.
 */
import type { StorePosition } from '#infrastructure/common/store-progress.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';

export const ORDER_INDEX_GROUP = 'order-index';
const LOOK_EVERY_MS = 250;
const LOOK_AGAIN_MS = 25;
const WAIT_MS = 2_000;
const STALE_AFTER_MS = 5_000;

export interface IndexLagOptions {
  /** For sentences: `the order index`. */
  readonly name: string;
  /** The group that writes the index, and the topic whose keys are asked for. */
  readonly group: string;
  readonly topic: string;
  readonly log: EventLog;
  /** How far the index is, as the database that has it says. */
  positions(): Promise<readonly StorePosition[]>;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly maxLag: number;
  onIndexed(partition: number, nextOffset: number): void;
}

export class IndexLag {
  readonly #options: IndexLagOptions;
  /** Ends of the partitions at the first look, or as the index was found to have lost something. */
  #toCatchUp: ReadonlyMap<number, number> | null = null;
  #caughtUp = false;
  #worstLag = 0;
  /** By partition: the index has everything below. */
  #indexed: ReadonlyMap<number, number> = new Map();
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  /** The look that is under way, shared: one that overtook another would make the index seem to go back. */
  #looking: Promise<boolean> | null = null;
  #isUntold = false;
  #stopLooking: (() => void) | null = null;

  constructor(options: IndexLagOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await this.look();
    this.#stopLooking = this.#options.runtime.timers.every(LOOK_EVERY_MS, async () => {
      await this.look();
    });
  }

  stop(): void {
    this.#stopLooking?.();
  }

  /** `false` if nobody can tell. */
  look(): Promise<boolean> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #look(): Promise<boolean> {
    const { log, runtime, logger, group, topic } = this.#options;
    try {
      const committed = offsetsOf(await log.committedPositions(group), topic);
      const held = offsetsOf(await this.#options.positions(), topic);
      const extents = await log.extents(topic);
      const indexedNow = new Map<number, number>();
      for (const { partition, firstOffset } of extents) {
        const indexed = Math.min(committed.get(partition) ?? 0, held.get(partition) ?? 0);
        indexedNow.set(partition, Math.max(indexed, firstOffset));
      }
      const hasLost = extents.some(
        ({ partition }) => (indexedNow.get(partition) ?? 0) < (this.#indexed.get(partition) ?? 0),
      );
      if (hasLost) this.#caughtUp = false;
      if (hasLost || this.#toCatchUp === null) {
        this.#toCatchUp = new Map(extents.map(({ partition, nextOffset }) => [partition, nextOffset]));
      }
      this.#worstLag = 0;
      let behind = false;
      for (const { partition, nextOffset } of extents) {
        const indexed = indexedNow.get(partition) ?? 0;
        this.#worstLag = Math.max(this.#worstLag, nextOffset - indexed);
        if (indexed < (this.#toCatchUp.get(partition) ?? 0)) behind = true;
        this.#options.onIndexed(partition, indexed);
      }
      if (!behind) this.#caughtUp = true;
      this.#indexed = indexedNow;
      this.#lookedAtMs = runtime.clock.monotonicMs();
      this.#isUntold = false;
      return true;
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      const told = `how far ${this.#options.name} is cannot be told`;
      if (!this.#isUntold) logger.warn({ code: error.code, error: error.message }, told);
      this.#isUntold = true;
      return false;
    }
  }

  /**
   * Whether the index has everything that was in the key's partition at the call, waited for a moment: what another
   * instance accepted may be missing for as long. Throws an `OperatingError` when the log cannot be read.
   */
  async reached(key: string): Promise<boolean> {
    const { log, topic, runtime } = this.#options;
    const partition = log.partitionFor(topic, key);
    const extents = await log.extents(topic);
    const end = extents.find((extent) => extent.partition === partition)?.nextOffset ?? 0;
    const untilMs = runtime.clock.monotonicMs() + WAIT_MS;
    for (;;) {
      if ((await this.look()) && (this.#indexed.get(partition) ?? 0) >= end) return true;
      if (runtime.clock.monotonicMs() >= untilMs) return false;
      await runtime.timers.sleep(LOOK_AGAIN_MS);
    }
  }

  /** `null`, or why the index cannot be relied upon. */
  trouble(): string | null {
    const sinceMs = this.#options.runtime.clock.monotonicMs() - this.#lookedAtMs;
    const { name, maxLag } = this.#options;
    if (sinceMs > STALE_AFTER_MS)
      return `how far ${name} is behind is not known: the event log or the database does not answer`;
    if (!this.#caughtUp) return `${name} is catching up after the start, or after a loss`;
    if (this.#worstLag > maxLag) return `${name} is ${this.#worstLag} records behind`;
    return null;
  }

  get worstLag(): number {
    return this.#worstLag;
  }
}

function offsetsOf(positions: readonly StorePosition[], topic: string): ReadonlyMap<number, number> {
  return new Map(
    positions
      .filter((position) => position.topic === topic)
      .map(({ partition, offset }) => [partition, offset]),
  );
}
