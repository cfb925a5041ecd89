/**
 * An append that a client waits for: a log that cannot be written is tried a few times, briefly; then the client is
 * told. An unknown outcome is never tried again here, since only the caller knows whether a repeat is the same.
 */
import { backoffMs } from '#infrastructure/common/retry.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { EventLog, NewRecord, Position } from '#infrastructure/event-log/event-log.ts';

export type Appended =
  | { readonly kind: 'appended'; readonly positions: readonly Position[] }
  | { readonly kind: 'unknown' }
  /** Certainly not written. */
  | { readonly kind: 'unwritable' }
  | { readonly kind: 'closed' };

const ATTEMPTS = 5;
const INITIAL_DELAY_MS = 50;
const MAX_DELAY_MS = 500;

export async function appendPatiently(
  log: Pick<EventLog, 'append'>,
  records: readonly NewRecord[],
  { runtime, logger }: { readonly runtime: Runtime; readonly logger: Logger },
): Promise<Appended> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return { kind: 'appended', positions: await log.append(records) };
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      logger.warn({ code: error.code, error: error.message, attempt }, 'a command could not be appended');
      if (error.retry === 'unknown') return { kind: 'unknown' };
      if (error.code === 'LOG_CLOSED') return { kind: 'closed' };
      if (error.retry === 'never' || attempt === ATTEMPTS) return { kind: 'unwritable' };
      const { randomness } = runtime;
      await runtime.timers.sleep(
        backoffMs(attempt, { randomness, initialDelayMs: INITIAL_DELAY_MS, maxDelayMs: MAX_DELAY_MS }),
      );
    }
  }
}
