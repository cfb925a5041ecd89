/**
 * What a service may know of the world besides its ports: time, timers, randomness and ids.
 *
 * Services and streams take these as arguments and never reach for the globals, so that a simulation can run
 * them on a virtual clock and a seeded generator.
 */
export interface Clock {
  /** Wall-clock time, milliseconds since the Unix epoch. For latency and security, never for trading decisions. */
  nowMs(): number;
  /** A clock that never goes back, in milliseconds with a fraction; only differences mean something. */
  monotonicMs(): number;
}

export interface Timers {
  /** Resolves after `durationMs`, or at once when `signal` is aborted (it never rejects). */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
  /** Runs `task` every `periodMs` until the returned function is called. A run that is still going is not overlapped. */
  every(periodMs: number, task: () => void | Promise<void>): () => void;
  /** Resolves after the events that are already waiting have been handled. */
  yieldTurn(): Promise<void>;
}

export interface Randomness {
  /** Cryptographically strong in production; seeded in simulation. */
  bytes(length: number): Uint8Array;
  /** Uniform in [0, 1). */
  fraction(): number;
}

export interface Ids {
  /** A UUID in lower case. */
  uuid(): string;
}

export interface Runtime {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly randomness: Randomness;
  readonly ids: Ids;
}
