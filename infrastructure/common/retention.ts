/** Keeps a store on a server to the last days of market time: what is older goes in whole partitions or indices. */
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';

export interface RetentionParts {
  readonly runtime: Pick<Runtime, 'clock' | 'timers'>;
  readonly logger: Logger;
}

const LOOK_EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;

/**
 * Calls `drop` now, and every hour until the answered function is called, with the time before which nothing is kept.
 * Without `days` everything is kept.
 */
export async function keepFor(
  days: string | undefined,
  what: string,
  { runtime, logger }: RetentionParts,
  drop: (beforeMs: number) => Promise<void>,
): Promise<() => void> {
  if (days === undefined) return () => {};
  const dropOld = () => drop(runtime.clock.nowMs() - Number(days) * DAY_MS);
  await dropOld();
  return runtime.timers.every(LOOK_EVERY_MS, async () => {
    try {
      await dropOld();
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      logger.warn(
        { code: error.code, error: error.message },
        `${what} could not be dropped, trying again later`,
      );
    }
  });
}
