/**
 * Keeps the heads up with the log, a moment later: they may lag behind it, so what a busy log commits in that moment is
 * noted in one write. Whoever cuts the log's tail gains at most the moment.
 */
import type { Logger } from '#infrastructure/core/log.ts';
import type { Timers } from '#infrastructure/core/runtime.ts';
import type { LogHead } from '../log-archive.ts';
import type { LogHeads } from './log-heads.ts';
import type { PartitionState } from './topic-registry.ts';

const LAG_MS = 100;

export interface HeadWriterOptions {
  readonly heads: LogHeads;
  readonly timers: Timers;
  readonly logger: Logger;
}

export class HeadWriter {
  readonly #options: HeadWriterOptions;
  readonly #stale = new Set<PartitionState>();
  readonly #closing = new AbortController();
  #waiting: Promise<void> | null = null;

  constructor(options: HeadWriterOptions) {
    this.#options = options;
  }

  /** These have moved, durably; their heads follow soon. */
  moved(partitions: Iterable<PartitionState>): void {
    for (const partition of partitions) this.#stale.add(partition);
    this.#waiting ??= this.#writeSoon();
  }

  /** Writes the heads of `partitions`, and those that are due. A failure is retried with the next write. */
  write(partitions: Iterable<PartitionState>): void {
    for (const partition of partitions) this.#stale.add(partition);
    if (this.#stale.size === 0) return;
    const heads: LogHead[] = [];
    for (const partition of this.#stale) {
      heads.push({
        topic: partition.topic.spec.name,
        partition: partition.partition,
        nextOffset: partition.nextOffset,
        chainHash: partition.chainHash,
      });
    }
    try {
      this.#options.heads.put(heads);
      this.#stale.clear();
    } catch (error) {
      // The records are durable; heads that lag are allowed, so the writers are not told of a failure.
      this.#options.logger.error(
        { err: error },
        'the log heads could not be written; they lag until the next commit',
      );
    }
  }

  /** Writes what is due, at once. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#waiting;
  }

  async #writeSoon(): Promise<void> {
    await this.#options.timers.sleep(LAG_MS, this.#closing.signal);
    this.#waiting = null;
    this.write([]);
  }
}
