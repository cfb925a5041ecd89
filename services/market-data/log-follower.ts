/**
 * Reads topics of the log without a group, from given positions, for ever: a log that cannot be reached is tried
 * again with back-off, from the position kept. A batch is done before the next is read.
 */
import { retryForever } from '#infrastructure/common/retry.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { Consumer, EventLog, LogRecord, Polled, Position } from '#infrastructure/event-log/event-log.ts';

export interface LogFollowerOptions {
  readonly log: EventLog;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly topic: string;
  readonly maxRecords: number;
}

export class LogFollower {
  readonly #options: LogFollowerOptions;
  readonly #next = new Map<number, number>();
  #consumer: Consumer | null = null;
  #reachable = true;

  constructor(options: LogFollowerOptions) {
    this.#options = options;
  }

  /** Whether the log answered last time. */
  get isReachable(): boolean {
    return this.#reachable;
  }

  /** Of the next records to read. */
  positions(): readonly Position[] {
    const { topic } = this.#options;
    return [...this.#next].map(([partition, offset]) => ({ topic, partition, offset }));
  }

  /** Resolves when the signal is aborted. */
  async run(
    from: readonly Position[],
    handle: (records: readonly LogRecord[]) => Promise<void>,
  ): Promise<void> {
    const { signal, runtime } = this.#options;
    for (const { partition, offset } of from) this.#next.set(partition, offset);
    try {
      while (!signal.aborted) {
        const polled = await this.#poll();
        if (polled === null) return;
        if (polled.kind === 'records') {
          await handle(polled.records);
          for (const { partition, offset } of polled.records) this.#next.set(partition, offset + 1);
          // The embedded log may answer without letting anybody else run.
          await runtime.timers.yieldTurn();
        } else if (polled.kind === 'ended') {
          this.#consumer = null;
        }
      }
    } finally {
      await this.#consumer?.close();
    }
  }

  /** `null` when the signal was aborted meanwhile. */
  async #poll(): Promise<Polled | null> {
    const { log, runtime, logger, signal, topic, maxRecords } = this.#options;
    const outcome = await retryForever(
      async () => {
        try {
          this.#consumer ??= await log.openConsumer({
            group: null,
            topics: [topic],
            start: this.positions(),
          });
          const polled = await this.#consumer.poll({ maxRecords, signal });
          this.#reachable = true;
          return polled;
        } catch (error) {
          this.#reachable = false;
          await this.#abandon(error);
          throw error;
        }
      },
      {
        timers: runtime.timers,
        randomness: runtime.randomness,
        signal,
        logger,
        what: `read ${topic}`,
        retryUnknown: true,
      },
    );
    return outcome.kind === 'done' ? outcome.value : null;
  }

  /** A consumer that has failed is not asked again: the next try opens another. */
  async #abandon(why: unknown): Promise<void> {
    const failed = this.#consumer;
    this.#consumer = null;
    if (failed === null || !(why instanceof OperatingError)) return;
    try {
      await failed.close();
    } catch (error) {
      this.#options.logger.debug({ error }, 'a failed consumer could not be closed either');
    }
  }
}
