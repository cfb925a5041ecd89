/** Removes from the log what its retention allows, now and then, and tells what is wrong with it. Shaped as a service, so that it stops like one. */
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Service, ServiceContext } from '#infrastructure/core/service.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';

export function createLogKeeper(context: ServiceContext, log: EventLog, intervalMs: number): Service {
  const { runtime, logger, metrics } = context;
  const removed = metrics.counter('log_records_expired_total', 'Records removed by retention.');
  const ending = new AbortController();
  let lastRunAtMs: number | null = null;

  async function run(): Promise<void> {
    while (!ending.signal.aborted) {
      await runtime.timers.sleep(intervalMs, ending.signal);
      if (ending.signal.aborted) return;
      try {
        const count = await log.expire(runtime.clock.nowMs());
        lastRunAtMs = runtime.clock.nowMs();
        removed.increment({}, count);
        if (count > 0) logger.info({ count }, 'expired records were removed from the log');
      } catch (error) {
        // Nothing depends on this run: the next one does the same work.
        if (!(error instanceof OperatingError)) throw error;
        logger.warn({ error }, 'the log could not remove expired records; trying again later');
      }
    }
  }

  return {
    name: 'log-keeper',
    routes: [],
    socketRoutes: [],
    async start() {
      run().catch((error: unknown) => context.crash(error));
    },
    readiness() {
      const trouble = log.trouble();
      return trouble === null ? { ready: true } : { ready: false, reasons: [trouble] };
    },
    status: async () => ({ lastRunAt: lastRunAtMs === null ? null : new Date(lastRunAtMs).toISOString() }),
    // A run under way is not waited for: the log stops it between two of its small transactions when it closes.
    async drain() {
      ending.abort();
    },
    async stop() {
      ending.abort();
    },
  };
}
