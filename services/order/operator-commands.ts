/** What the operator's commands to execution share: the append, the wait for what comes of it, and the answers. */
import { TOPIC } from '#domain/data/topics.ts';
import type { Cache } from '#infrastructure/cache/cache.ts';
import type { HttpResult } from '#infrastructure/core/http.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { problemResult } from '#infrastructure/core/problem.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { EventLog, NewRecord } from '#infrastructure/event-log/event-log.ts';
import { appendPatiently } from './append-patiently.ts';

export interface OperatorCommandParts {
  readonly log: EventLog;
  readonly cache: Cache;
  readonly runtime: Runtime;
  readonly logger: Logger;
  /** For the outcome of a command. */
  readonly waitMs: number;
}

const LOOK_EVERY_MS = 10;

/** A store that cannot be reached is answered about; anything else that is thrown is a bug. */
export async function guarded(
  { logger }: OperatorCommandParts,
  handle: () => Promise<HttpResult>,
): Promise<HttpResult> {
  try {
    return await handle();
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    logger.warn({ code: error.code, error: error.message }, 'a store could not be reached');
    return problemResult(
      'DEPENDENCY_UNAVAILABLE',
      'A store that this needs cannot be reached at the moment.',
      { retryAfterSeconds: 1 },
    );
  }
}

/** Of the accounts. */
export async function partitionsOf({ log }: Pick<OperatorCommandParts, 'log'>): Promise<readonly number[]> {
  return (await log.extents(TOPIC.tradeOrders)).map(({ partition }) => partition);
}

/** The times of a command that is given now. */
export async function stampOf({ cache, runtime }: OperatorCommandParts) {
  const timeMs = (await cache.prices.latestFeedTimestampMs()) ?? 0;
  return { timeMs, ingestTimeMs: runtime.clock.nowMs() };
}

/** `null` when all of them are in the log; else none is, or that is not known. */
export async function appendCommands(
  parts: OperatorCommandParts,
  records: readonly NewRecord[],
  extensions: Readonly<Record<string, unknown>>,
): Promise<HttpResult | null> {
  const appended = await appendPatiently(parts.log, records, parts);
  switch (appended.kind) {
    case 'appended':
      return null;
    case 'unknown':
      return problemResult('OUTCOME_UNKNOWN', 'Whether it was written is not known; look what came of it.', {
        retryAfterSeconds: 1,
        extensions,
      });
    case 'unwritable':
      return problemResult('LOG_UNWRITABLE', 'The event log cannot be written; nothing was done.');
    case 'closed':
      return problemResult('SHUTTING_DOWN', 'The program is ending; nothing was done.', {
        retryAfterSeconds: 2,
      });
  }
}

/** It is in the log, and nobody has said yet what came of it. */
export function pending(extensions: Readonly<Record<string, unknown>>): HttpResult {
  const detail =
    'It is written and will be executed, but its outcome is not there yet; look again in a moment.';
  return problemResult('OUTCOME_UNKNOWN', detail, { retryAfterSeconds: 1, extensions });
}

/**
 * What `look` finds, `null` when that takes too long. Looks again and again: the projections may be another process's,
 * so nobody here could be notified.
 */
export async function until<Found>(
  { runtime, waitMs }: OperatorCommandParts,
  look: () => Promise<Found | null>,
): Promise<Found | null> {
  const endMs = runtime.clock.monotonicMs() + waitMs;
  for (;;) {
    const found = await look();
    if (found !== null || runtime.clock.monotonicMs() >= endMs) return found;
    await runtime.timers.sleep(LOOK_EVERY_MS);
  }
}
