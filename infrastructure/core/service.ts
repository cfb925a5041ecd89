/**
 * The one shape of every service, worker and stream.
 *
 * `start` is called once and resolves when the background loops are running (not when they have caught up:
 * `readiness` tells that). `drain` stops taking new work and resolves when what was taken is finished. `stop`
 * releases everything and is safe after a failed start. A background loop that hits a bug calls
 * `ServiceContext.crash`, which ends the process: the next start recovers in the ordinary way.
 */

import type { Route, SocketRoute } from './http.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { Runtime } from './runtime.ts';

export type Readiness =
  | { readonly ready: true }
  | { readonly ready: false; readonly reasons: readonly string[] };

export interface Service {
  /** The target's name, as in `tradehall start <name>`. */
  readonly name: string;
  readonly routes: readonly Route[];
  readonly socketRoutes: readonly SocketRoute[];
  start(): Promise<void>;
  readiness(): Readiness;
  /** What `tradehall status` shows of this service: positions, lags, ages. Plain values only. */
  status(): Promise<Readonly<Record<string, unknown>>>;
  drain(): Promise<void>;
  stop(): Promise<void>;
}

/** What every service is given besides its own ports and configuration. */
export interface ServiceContext {
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Reports a bug in a background loop; the process ends with exit code 70. */
  crash(error: unknown): void;
}
