/** What the operator's commands to execution share: the append, the wait for what comes of it, and the answers. */
import type { CommandId } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import type { Control, ControlChange } from '#domain/data/trading-inputs.ts';
import type { Cache } from '#infrastructure/cache/cache.ts';
import type { HttpResult } from '#infrastructure/core/http.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { problemResult } from '#infrastructure/core/problem.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { EventLog, NewRecord, Position } from '#infrastructure/event-log/event-log.ts';
import type { PortfolioStore } from '#infrastructure/portfolios/portfolios.ts';
import { appendPatiently } from './append-patiently.ts';

export interface OperatorCommandParts {
  readonly log: EventLog;
  readonly cache: Cache;
  readonly runtime: Runtime;
  readonly logger: Logger;
  /** For the outcome of a command. */
  readonly waitMs: number;
}

export interface ControlParts extends OperatorCommandParts {
  /** Says which accounts there are. */
  readonly portfolios: Pick<PortfolioStore, 'get'>;
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

export type CommandsAppended =
  | { readonly kind: 'appended'; readonly positions: readonly Position[] }
  /** None is in the log, or that is not known. */
  | { readonly kind: 'refused'; readonly result: HttpResult };

/** All of them or none. */
export async function appendCommands(
  parts: OperatorCommandParts,
  records: readonly NewRecord[],
  extensions: Readonly<Record<string, unknown>>,
): Promise<CommandsAppended> {
  const appended = await appendPatiently(parts.log, records, parts);
  switch (appended.kind) {
    case 'appended':
      return appended;
    case 'unknown': {
      const detail = 'Whether it was written is not known; look what came of it.';
      return refused(problemResult('OUTCOME_UNKNOWN', detail, { retryAfterSeconds: 1, extensions }));
    }
    case 'unwritable':
      return refused(problemResult('LOG_UNWRITABLE', 'The event log cannot be written; nothing was done.'));
    case 'closed': {
      const detail = 'The program is ending; nothing was done.';
      return refused(problemResult('SHUTTING_DOWN', detail, { retryAfterSeconds: 2 }));
    }
  }
}

function refused(result: HttpResult): CommandsAppended {
  return { kind: 'refused', result };
}

/**
 * Appends a control to these partitions, to all or to none, and waits until the mirror of halts says what came of it.
 * `null`: it does.
 */
export async function executeControl(
  parts: OperatorCommandParts,
  change: ControlChange,
  partitions: readonly number[],
  extensions: Readonly<Record<string, unknown>>,
): Promise<HttpResult | null> {
  const command: Control = {
    type: 'Control',
    commandId: parts.runtime.ids.uuid() as CommandId,
    ...(await stampOf(parts)),
    change,
  };
  const value = encodeTradingInput(command, { sourceService: 'order' });
  const records = partitions.map((partition) => ({ topic: TOPIC.tradeOrders, partition, key: null, value }));
  const appended = await appendCommands(parts, records, extensions);
  if (appended.kind === 'refused') return appended.result;
  const isPast = async ({ partition, offset }: Position) =>
    ((await parts.cache.halts.get(partition))?.nextInputOffset ?? 0) > offset;
  const done = await until(parts, async () =>
    (await Promise.all(appended.positions.map(isPast))).every(Boolean) ? true : null,
  );
  return done === null ? pending(extensions) : null;
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
