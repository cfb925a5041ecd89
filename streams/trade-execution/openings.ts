/**
 * Partitions that this process was assigned and does not execute yet: each is opened beside those that it executes, a
 * few at a time, and tried again while the log fails. Nothing waits for them but what is to be executed there.
 */
import { retryForever } from '#infrastructure/common/retry.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { ServiceContext } from '#infrastructure/core/service.ts';

/** One that waits for a broker holds a thread of the process's pool, which those at work need too. */
const AT_ONCE = 4;

interface Opening {
  readonly givenUp: AbortController;
  /** The last try that has begun. */
  trying: Promise<void> | null;
  /** Why that failed. */
  failure: string | null;
}

export class Openings {
  readonly #context: Pick<ServiceContext, 'runtime' | 'logger'>;
  readonly #openings = new Map<number, Opening>();
  readonly #waiting: (() => void)[] = [];
  #free = AT_ONCE;

  constructor(context: Pick<ServiceContext, 'runtime' | 'logger'>) {
    this.#context = context;
  }

  get partitions(): readonly number[] {
    return [...this.#openings.keys()];
  }

  trouble(): readonly string[] {
    return [...this.#openings].map(
      ([partition, { failure }]) =>
        `partition ${partition} is still being caught up${failure === null ? '' : `: ${failure}`}`,
    );
  }

  /**
   * Resolves when `open` has, or the partition was given up. `open` leaves nothing open when it fails; it looks at its
   * signal now and then, and throws its reason. Rejects with what no repeat mends.
   */
  async open(partition: number, open: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const opening: Opening = { givenUp: new AbortController(), trying: null, failure: null };
    this.#openings.set(partition, opening);
    const { signal } = opening.givenUp;
    const { runtime, logger } = this.#context;
    const attempt = async () => {
      if (signal.aborted) return;
      opening.trying = open(signal);
      await opening.trying;
    };
    try {
      await retryForever(() => this.#inTurn(attempt), {
        timers: runtime.timers,
        randomness: runtime.randomness,
        signal,
        logger,
        what: `open partition ${partition}`,
        retryUnknown: true,
        onFailure: ({ message }) => {
          opening.failure = message;
        },
      });
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error;
    } finally {
      if (this.#openings.get(partition) === opening) this.#openings.delete(partition);
    }
  }

  /** Resolves when nothing of them is under way. A bug in what was is thrown. */
  async giveUp(partitions: readonly number[]): Promise<void> {
    const openings = partitions.flatMap((partition) => this.#openings.get(partition) ?? []);
    for (const { givenUp } of openings) givenUp.abort();
    for (const partition of partitions) this.#openings.delete(partition);
    for (const { givenUp, trying } of openings) {
      try {
        await trying;
      } catch (error) {
        if (error !== givenUp.signal.reason && !(error instanceof OperatingError)) throw error;
      }
    }
  }

  async #inTurn(task: () => Promise<void>): Promise<void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
