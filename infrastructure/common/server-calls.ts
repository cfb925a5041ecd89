/**
 * Calls to one server: none without a time limit, none to a server that is known to be down, all of them counted.
 *
 *   call ─▶ breaker ─▶ the client, with a signal that is aborted at the time limit ─▶ value
 *     ▲  (open: not asked)        │ error, put into words by the adapter
 *     └──── back-off with jitter ─┘ while another attempt is harmless
 *
 * The breaker is cockatiel's: it opens after failures in a row, and lets one call through now and then to see whether
 * the server is back. An answer that says no, for good or for now, is an answer: it opens nothing.
 */
import {
  BrokenCircuitError,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleWhen,
} from 'cockatiel';
import type { Logger } from '#infrastructure/core/log.ts';
import type { Metrics } from '#infrastructure/core/metrics.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import { backoffMs } from './retry.ts';

/** What an adapter makes of an error of its client. */
export interface ServerFailure {
  readonly code: string;
  /** The rest of a sentence that begins with the server: `refuses connections (ECONNREFUSED)`. No credentials. */
  readonly reason: string;
  /** `retry`: nothing happened. `unknown`: it may have happened. `never`: it would fail again. */
  readonly retry: OperatingError['retry'];
  /** The server works and has no room for this call at the moment, or another's is in its way: no outage. */
  readonly answered?: boolean;
}

export interface ServerCallsOptions {
  /** For metrics: `redis`, `postgres` … */
  readonly server: string;
  /** How sentences begin: `Redis at 10.0.0.7:6379`. Without credentials. */
  readonly name: string;
  /** The code of calls that get no answer in time, or are not made since the server is down. */
  readonly unavailable: string;
  /** `null` for what no server did: a bug, thrown on as it is. */
  readonly classify: (error: unknown) => ServerFailure | null;
  /** For one attempt. */
  readonly timeoutMs: number;
  /** In all, for calls that may be repeated. Default 3. */
  readonly attempts?: number;
  readonly runtime: Pick<Runtime, 'clock' | 'timers' | 'randomness'>;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export interface CallOptions {
  /** A second time does no harm: reads, and writes that are the same under the same id. Default false. */
  readonly repeatable?: boolean;
  /** Instead of the server's. */
  readonly timeoutMs?: number;
  /** Instead of the server's. */
  readonly attempts?: number;
}

export interface ServerCalls {
  /**
   * Runs `task` against the server. `what` names it in metrics, so of few kinds: `prices.put`. The signal is aborted
   * when the time is up; whether the client heeds it or not, the call ends then. Throws `OperatingError`s, and bugs
   * as they are.
   */
  call<Value>(
    what: string,
    task: (signal: AbortSignal) => Promise<Value>,
    options?: CallOptions,
  ): Promise<Value>;
}

const DEFAULT_ATTEMPTS = 3;
const FAILURES_TO_OPEN = 5;
const PROBE_AFTER_MS = 500;
const PROBE_AFTER_MAX_MS = 5_000;
const RETRY_INITIAL_MS = 50;
const RETRY_MAX_MS = 1_000;
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BREAKER_FIGURE = {
  [CircuitState.Closed]: 0,
  [CircuitState.HalfOpen]: 1,
  [CircuitState.Open]: 2,
  [CircuitState.Isolated]: 2,
} as const;

class TimedOut extends Error {}
/** Of a server that works. */
class Answer extends OperatingError {}
/** An abort without a reason makes an error with a stack, for every single call. */
const DONE = 'done';

export function createServerCalls(options: ServerCallsOptions): ServerCalls {
  const { server, name, unavailable, runtime, metrics, logger, attempts = DEFAULT_ATTEMPTS } = options;
  const { clock, timers, randomness } = runtime;
  const calls = metrics.counter(
    'tradehall_server_calls_total',
    'Calls to servers, by how they ended: ok, refused, failed, timed_out, not_asked.',
    ['server', 'call', 'outcome'],
  );
  const seconds = metrics.histogram(
    'tradehall_server_call_seconds',
    'How long a server took for one attempt.',
    SECONDS,
    ['server', 'call'],
  );
  const breakerState = metrics.gauge(
    'tradehall_server_breaker_state',
    'Whether a server is asked: 0 yes, 1 one call to see, 2 no.',
    ['server'],
  );

  const breaker = circuitBreaker(
    handleWhen(
      (error) => !(error instanceof OperatingError && (error instanceof Answer || error.retry === 'never')),
    ),
    {
      breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN),
      halfOpenAfter: new ExponentialBackoff({ initialDelay: PROBE_AFTER_MS, maxDelay: PROBE_AFTER_MAX_MS }),
    },
  );
  breakerState.set(BREAKER_FIGURE[breaker.state], { server });
  breaker.onStateChange((state) => {
    breakerState.set(BREAKER_FIGURE[state], { server });
    if (state === CircuitState.Open) logger.warn({ server }, `${name} fails: not asked for a while`);
    if (state === CircuitState.Closed) logger.info({ server }, `${name} answers again`);
  });

  async function withinTime<Value>(
    task: (signal: AbortSignal) => Promise<Value>,
    timeoutMs: number,
  ): Promise<Value> {
    const late = new AbortController();
    const done = new AbortController();
    try {
      const running = task(late.signal);
      const limit = timers.sleep(timeoutMs, done.signal).then(() => {
        if (done.signal.aborted) return running;
        late.abort();
        throw new TimedOut();
      });
      return await Promise.race([running, limit]);
    } finally {
      done.abort(DONE);
    }
  }

  /** An operating error in words, or the bug that it is. */
  function translate(error: unknown, timeoutMs: number, repeatable: boolean): unknown {
    if (error instanceof OperatingError) return error;
    const failure = error instanceof TimedOut ? timedOut(timeoutMs) : options.classify(error);
    if (failure === null) return error;
    const { code, reason, retry, answered = false } = failure;
    const Failure = answered ? Answer : OperatingError;
    return new Failure(code, `${name} ${reason}.`, {
      retry: retry === 'unknown' && repeatable ? 'retry' : retry,
      cause: error,
    });
  }

  function timedOut(timeoutMs: number): ServerFailure {
    return { code: unavailable, reason: `did not answer within ${timeoutMs} ms`, retry: 'unknown' };
  }

  async function attempt<Value>(
    what: string,
    task: (signal: AbortSignal) => Promise<Value>,
    { repeatable = false, timeoutMs = options.timeoutMs }: CallOptions,
  ): Promise<Value> {
    const count = (outcome: string): void => calls.increment({ server, call: what, outcome });
    const startedAtMs = clock.monotonicMs();
    try {
      const value = await withinTime(task, timeoutMs);
      count('ok');
      return value;
    } catch (error) {
      const translated = translate(error, timeoutMs, repeatable);
      if (error instanceof TimedOut) count('timed_out');
      else count(translated instanceof OperatingError && translated.retry === 'never' ? 'refused' : 'failed');
      throw translated;
    } finally {
      seconds.observe((clock.monotonicMs() - startedAtMs) / 1_000, { server, call: what });
    }
  }

  function notAsked(what: string): OperatingError {
    calls.increment({ server, call: what, outcome: 'not_asked' });
    return new OperatingError(unavailable, `${name} keeps failing and is not asked for a moment.`, {
      retry: 'retry',
      cause: breaker.lastFailure,
    });
  }

  return {
    async call(what, task, given = {}) {
      for (let count = 1; ; count += 1) {
        // Cockatiel would have this call wait for the one that is let through, beyond any limit of its own.
        if (breaker.state === CircuitState.HalfOpen) throw notAsked(what);
        try {
          return await breaker.execute(() => attempt(what, task, given));
        } catch (error) {
          if (error instanceof BrokenCircuitError) throw notAsked(what);
          if (!(error instanceof OperatingError) || error.retry !== 'retry') throw error;
          // Who has waited to the limit is told, rather than made to wait as long again.
          if (error.cause instanceof TimedOut || count >= (given.attempts ?? attempts)) throw error;
          await timers.sleep(
            backoffMs(count, { randomness, initialDelayMs: RETRY_INITIAL_MS, maxDelayMs: RETRY_MAX_MS }),
          );
        }
      }
    },
  };
}
