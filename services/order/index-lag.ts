/**
 * How far an index is behind its topic, for the checks that must fail closed: a former order (or transfer) that the
 * index has not read cannot be told from none.
 *
 * Everything that this process accepted since its start is in memory, or in the core's. What came before it must be
 * indexed once before a key counts as unused; after that the lag must stay within what the core itself remembers.
 */
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
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly maxLag: number;
  onIndexed(partition: number, nextOffset: number): void;
}

export class IndexLag {
  readonly #options: IndexLagOptions;
  /** Ends of the partitions at the first look. */
  #toCatchUp: ReadonlyMap<number, number> | null = null;
  #caughtUp = false;
  #worstLag = 0;
  /** By partition: the index has everything below. */
  #indexed: ReadonlyMap<number, number> = new Map();
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #stopLooking: (() => void) | null = null;

  constructor(options: IndexLagOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await this.look();
    this.#stopLooking = this.#options.runtime.timers.every(LOOK_EVERY_MS, () => this.look());
  }

  stop(): void {
    this.#stopLooking?.();
  }

  async look(): Promise<void> {
    const { log, runtime, logger, group, topic: followed } = this.#options;
    try {
      const committed = new Map<number, number>();
      for (const { topic, partition, offset } of await log.committedPositions(group)) {
        if (topic === followed) committed.set(partition, offset);
      }
      const extents = await log.extents(followed);
      this.#toCatchUp ??= new Map(extents.map(({ partition, nextOffset }) => [partition, nextOffset]));
      this.#worstLag = 0;
      let behind = false;
      const indexedNow = new Map<number, number>();
      for (const { partition, firstOffset, nextOffset } of extents) {
        const indexed = Math.max(committed.get(partition) ?? 0, firstOffset);
        indexedNow.set(partition, indexed);
        this.#worstLag = Math.max(this.#worstLag, nextOffset - indexed);
        if (indexed < (this.#toCatchUp.get(partition) ?? 0)) behind = true;
        this.#options.onIndexed(partition, indexed);
      }
      if (!behind) this.#caughtUp = true;
      this.#indexed = indexedNow;
      this.#lookedAtMs = runtime.clock.monotonicMs();
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      logger.warn(
        { code: error.code, error: error.message },
        `how far ${this.#options.name} is cannot be told`,
      );
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
      await this.look();
      if ((this.#indexed.get(partition) ?? 0) >= end) return true;
      if (runtime.clock.monotonicMs() >= untilMs) return false;
      await runtime.timers.sleep(LOOK_AGAIN_MS);
    }
  }

  /** `null`, or why the index cannot be relied upon. */
  trouble(): string | null {
    const sinceMs = this.#options.runtime.clock.monotonicMs() - this.#lookedAtMs;
    const { name, maxLag } = this.#options;
    if (sinceMs > STALE_AFTER_MS)
      return `how far ${name} is behind is not known: the event log does not answer`;
    if (!this.#caughtUp) return `${name} is catching up after the start`;
    if (this.#worstLag > maxLag) return `${name} is ${this.#worstLag} records behind`;
    return null;
  }

  get worstLag(): number {
    return this.#worstLag;
  }
}
