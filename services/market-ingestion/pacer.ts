/**
 * Lets feed time pass at a speed: maps it onto the monotonic clock from the first moment on.
 *
 * After a stall (a log that was down, a machine that slept) the time lost is not made up for in a burst: the
 * mapping begins again.
 */
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { FeedSpeed } from './config.ts';

const STALL_MS = 1_000;
/** Timers cannot be set for longer than 2^31 ms; a night's gap in a file is waited out in pieces. */
const LONGEST_SLEEP_MS = 60_000;

export interface Pacer {
  /** Whether feed time has come to `feedTimeMs`. */
  isDue(feedTimeMs: number): boolean;
  /** Waits until it has, or until `signal` is aborted. */
  until(feedTimeMs: number, signal: AbortSignal): Promise<void>;
}

export function createPacer(runtime: Pick<Runtime, 'clock' | 'timers'>, speed: FeedSpeed): Pacer {
  const { clock, timers } = runtime;
  if (speed === 'max') return { isDue: () => true, until: () => timers.yieldTurn() };
  const factor = speed;
  let anchorFeedMs: number | null = null;
  let anchorClockMs = 0;

  /** How long until `feedTimeMs` is due; negative when it is overdue. */
  function waitMs(feedTimeMs: number): number {
    const nowMs = clock.monotonicMs();
    if (anchorFeedMs !== null) {
      const wait = anchorClockMs + (feedTimeMs - anchorFeedMs) / factor - nowMs;
      if (wait >= -STALL_MS) return wait;
    }
    anchorFeedMs = feedTimeMs;
    anchorClockMs = nowMs;
    return 0;
  }

  return {
    isDue: (feedTimeMs) => waitMs(feedTimeMs) <= 0,
    async until(feedTimeMs, signal) {
      for (let wait = waitMs(feedTimeMs); wait > 0 && !signal.aborted; wait = waitMs(feedTimeMs)) {
        await timers.sleep(Math.min(Math.ceil(wait), LONGEST_SLEEP_MS), signal);
      }
    },
  };
}
