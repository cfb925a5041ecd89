/**
 * Runs services as one process: starts them in order, tells when all are ready, drains and stops them in the
 * reverse order.
 *
 *   created ──start()──▶ started ──drain()──▶ drained ──stop()──▶ stopped
 *
 * Reading signals and ending the process is the caller's; nothing here knows of `process`.
 */
import type { Logger } from './log.ts';
import type { Timers } from './runtime.ts';
import type { Readiness, Service } from './service.ts';

export interface Supervisor {
  readonly services: readonly Service[];
  /** Starts in order. When one fails, those already started are stopped again and its error is thrown. */
  start(): Promise<void>;
  /** Ready when every service is; the reasons are prefixed with the service's name. */
  readiness(): Readiness;
  /** Resolves when all are ready, or when `signal` is aborted. */
  untilReady(signal: AbortSignal): Promise<void>;
  /** Drains, then stops, all within `deadlineMs`; names the services that did not finish. */
  shutDown(deadlineMs: number): Promise<{ readonly unfinished: readonly string[] }>;
}

const READY_POLL_MS = 10;
const READY_REPORT_MS = 5_000;

export function createSupervisor(services: readonly Service[], timers: Timers, logger: Logger): Supervisor {
  let ending = false;

  function readiness(): Readiness {
    if (ending) return { ready: false, reasons: ['the program is shutting down'] };
    const reasons = services.flatMap((service) => {
      const state = service.readiness();
      return state.ready ? [] : state.reasons.map((reason) => `${service.name}: ${reason}`);
    });
    return reasons.length === 0 ? { ready: true } : { ready: false, reasons };
  }

  /** One step of one service; a failure is logged and counts as unfinished, so that the others still get theirs. */
  async function attempt(
    service: Service,
    step: 'drain' | 'stop',
    unfinished: Set<string>,
    deadline: AbortSignal,
  ): Promise<void> {
    if (deadline.aborted) {
      unfinished.add(service.name);
      return;
    }
    const late = Promise.withResolvers<'late'>();
    const onDeadline = () => late.resolve('late');
    deadline.addEventListener('abort', onDeadline, { once: true });
    try {
      const outcome = await Promise.race([service[step]().then(() => 'done' as const), late.promise]);
      if (outcome === 'late') unfinished.add(service.name);
    } catch (error) {
      unfinished.add(service.name);
      logger.error({ error, service: service.name }, `${service.name} failed to ${step}`);
    } finally {
      deadline.removeEventListener('abort', onDeadline);
    }
  }

  async function start(): Promise<void> {
    for (const service of services) {
      try {
        logger.debug({ service: service.name }, `starting ${service.name}`);
        await service.start();
      } catch (error) {
        await shutDown(2_000);
        throw error;
      }
    }
  }

  async function untilReady(signal: AbortSignal): Promise<void> {
    let waitedMs = 0;
    while (!signal.aborted) {
      const state = readiness();
      if (state.ready) return;
      if (waitedMs > 0 && waitedMs % READY_REPORT_MS === 0) {
        logger.info({ reasons: state.reasons }, 'not ready yet');
      }
      await timers.sleep(READY_POLL_MS, signal);
      waitedMs += READY_POLL_MS;
    }
  }

  async function shutDown(deadlineMs: number): Promise<{ readonly unfinished: readonly string[] }> {
    ending = true;
    const unfinished = new Set<string>();
    const deadline = new AbortController();
    const finished = new AbortController();
    void timers.sleep(deadlineMs, finished.signal).then(() => deadline.abort());
    const reversed = services.toReversed();
    for (const service of reversed) await attempt(service, 'drain', unfinished, deadline.signal);
    for (const service of reversed) await attempt(service, 'stop', unfinished, deadline.signal);
    finished.abort();
    return { unfinished: [...unfinished] };
  }

  return { services, start, readiness, untilReady, shutDown };
}
