/**
 * Reads partitions for the sealer: what was committed in them, as stretches with their roots. A thread of its own fetches and
 * hashes, one round for each call, so that no record is ever an object of this thread; it ends with `close`, whatever it waits
 * for.
 */
import { Worker } from 'node:worker_threads';
import { backoffMs } from '#infrastructure/common/retry.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Position } from '../event-log.ts';
import type { FetchRound, FetchStart } from './committed-fetches.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { CODE } from './kafka-failures.ts';
import type { KafkaFailure } from './kafka-library.ts';
import { CALL_TIMEOUT_MS } from './kafka-settings.ts';
import { protocolOptions } from './protocol-client.ts';

type Connected = Pick<KafkaConnection, 'address' | 'runtime' | 'logger' | 'failed'>;

export type SealedRound = Omit<FetchRound, 'failure'>;

/** Bounds the thread's own heap; answers are bytes outside it, and nothing stays. */
const THREAD_MEMORY = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16 };
const LONGEST_PAUSE_MS = 1_000;

export class SealReader {
  readonly #connection: Connected;
  readonly #prefix: string;
  readonly #worker: Worker;
  #answer: PromiseWithResolvers<FetchRound> | null = null;
  #bug: unknown = null;
  #failures = 0;
  #failingSinceMs: number | null = null;

  /** From each of `start` on. Throws an `OperatingError` for a file of authorities that cannot be read. */
  constructor(connection: Connected, prefix: string, start: readonly Position[]) {
    this.#connection = connection;
    this.#prefix = prefix;
    const workerData: FetchStart = {
      hosts: connection.address.hosts,
      options: protocolOptions(connection.address),
      start: start.map((position) => ({ ...position, topic: prefix + position.topic })),
    };
    this.#worker = new Worker(new URL('./seal-reader-worker.ts', import.meta.url), {
      workerData,
      resourceLimits: THREAD_MEMORY,
    });
    this.#worker.on('message', (round: FetchRound) => this.#answer?.resolve(round));
    // A bug, as it would be on this thread.
    this.#worker.on('error', (error) => {
      this.#bug = error;
      this.#answer?.reject(error);
    });
  }

  /**
   * What has been committed since the last call, as much as fits into a round; `null` when the signal is aborted. Throws an
   * `OperatingError` where a partition cannot be read, at once or after having tried for a while.
   */
  async next(signal: AbortSignal): Promise<SealedRound | null> {
    const round = await this.#round(signal);
    if (round === null) return null;
    const { stretches, isMore, failure } = round;
    if (failure === null) {
      this.#failures = 0;
      this.#failingSinceMs = null;
    } else await this.#pause(failure, signal);
    return {
      stretches: stretches.map((stretch) => ({
        ...stretch,
        topic: stretch.topic.slice(this.#prefix.length),
      })),
      isMore,
    };
  }

  async #round(signal: AbortSignal): Promise<FetchRound | null> {
    if (signal.aborted) return null;
    if (this.#bug !== null) throw this.#bug;
    const aborted = Promise.withResolvers<null>();
    const onAbort = () => aborted.resolve(null);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#answer = Promise.withResolvers();
    this.#worker.postMessage(null);
    try {
      return await Promise.race([this.#answer.promise, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #pause(failure: KafkaFailure, signal: AbortSignal): Promise<void> {
    const { runtime } = this.#connection;
    const error = this.#connection.failed(failure);
    const nowMs = runtime.clock.monotonicMs();
    this.#failures += 1;
    this.#failingSinceMs ??= nowMs;
    const isPassing =
      error instanceof OperatingError && error.retry === 'retry' && failure.code !== CODE.offsetOutOfRange;
    if (!isPassing || nowMs - this.#failingSinceMs > CALL_TIMEOUT_MS) throw error;
    this.#connection.logger.debug(
      { code: failure.code, error: failure.message },
      'a partition cannot be read for the seals, trying again',
    );
    const options = { randomness: runtime.randomness, maxDelayMs: LONGEST_PAUSE_MS };
    await runtime.timers.sleep(backoffMs(this.#failures, options), signal);
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
