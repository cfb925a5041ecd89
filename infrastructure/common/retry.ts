/**
 * Repeats a task until it works: for loops that must never give up, such as consumers of the log.
 *
 * Back-off is exponential with full jitter (a delay uniform between nothing and the current ceiling), so that many
 * who failed together do not come back together, and capped. Time and chance come from the runtime, which is why
 * this is not a library's retry policy: those reach for the global timers, and a simulation could not run them.
 *
 * Only an operating error whose `retry` says `retry` is repeated (and `unknown`, where the caller says that a
 * repeat is harmless, and `never`, where it waits for a person). Everything else is a bug or would fail again: it is thrown on.
 */
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Randomness, Timers } from '#infrastructure/core/runtime.ts';

export interface RetryOptions {
  readonly timers: Timers;
  readonly randomness: Randomness;
  /** Ends the waiting; a task that is running is left to notice it itself. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** What is being tried, for the log: a phrase such as `read market_data`. */
  readonly what: string;
  /** The first ceiling, doubled with each failure. Default 50. */
  readonly initialDelayMs?: number;
  /** The last ceiling. Default 5,000. */
  readonly maxDelayMs?: number;
  /** Whether an error of unknown outcome may be repeated: only when the task is idempotent. Default false. */
  readonly retryUnknown?: boolean;
  /**
   * Whether what would fail again is tried again all the same, for a task whose process has other things to do until a
   * person has put right what was refused. Default false.
   */
  readonly retryRefused?: boolean;
  /** Told of each failure before the wait, so that readiness can show it. */
  readonly onFailure?: (error: OperatingError, attempt: number) => void;
}

export type RetryOutcome<Value> =
  | { readonly kind: 'done'; readonly value: Value }
  /** The signal was aborted before the task succeeded. */
  | { readonly kind: 'aborted' };

const DEFAULT_INITIAL_DELAY_MS = 50;
/** With the breaker's (server-calls.ts), so that what waits for a server is at work again well within 30 s of its return. */
const DEFAULT_MAX_DELAY_MS = 5_000;

/** `attempt` counts from 1. A task that succeeded and is run again begins with a fresh back-off. */
export async function retryForever<Value>(
  task: (attempt: number) => Promise<Value>,
  options: RetryOptions,
): Promise<RetryOutcome<Value>> {
  for (let attempt = 1; ; attempt += 1) {
    if (options.signal.aborted) return { kind: 'aborted' };
    try {
      return { kind: 'done', value: await task(attempt) };
    } catch (error) {
      if (!isRetryable(error, options)) throw error;
      if (options.signal.aborted) return { kind: 'aborted' };
      const delayMs = backoffMs(attempt, options);
      options.logger.warn(
        { what: options.what, attempt, delayMs, code: error.code, error: error.message },
        `could not ${options.what}, trying again`,
      );
      options.onFailure?.(error, attempt);
      await options.timers.sleep(delayMs, options.signal);
    }
  }
}

/** How long to wait after failure number `attempt` (from 1), in whole milliseconds. */
export function backoffMs(
  attempt: number,
  options: Pick<RetryOptions, 'randomness' | 'initialDelayMs' | 'maxDelayMs'>,
): number {
  const initial = options.initialDelayMs ?? DEFAULT_INITIAL_DELAY_MS;
  const ceiling = Math.min(options.maxDelayMs ?? DEFAULT_MAX_DELAY_MS, initial * 2 ** (attempt - 1));
  return Math.ceil(options.randomness.fraction() * ceiling);
}

function isRetryable(
  error: unknown,
  { retryUnknown = false, retryRefused = false }: RetryOptions,
): error is OperatingError {
  if (!(error instanceof OperatingError)) return false;
  switch (error.retry) {
    case 'retry':
      return true;
    case 'unknown':
      return retryUnknown;
    case 'never':
      return retryRefused;
  }
}
