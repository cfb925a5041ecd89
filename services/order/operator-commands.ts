/** What the operator's commands to execution share: the append, the wait for what comes of it, and the answers. */
import type { AccountId, CommandId } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import type { Control, ControlChange } from '#domain/data/trading-inputs.ts';
import type { Cache, HaltsForAccount } from '#infrastructure/cache/cache.ts';
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

export type AccountControl = Extract<ControlChange, { readonly accountId: unknown }> & {
  readonly accountId: AccountId;
};

const LOOK_EVERY_MS = 10;

/**
 * A store that cannot be reached is answered about; anything else that is thrown is a bug. For what comes before the append:
 * of a command that is written nobody may be told that nothing was done.
 */
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
      'A store that this needs cannot be reached at the moment; nothing was done.',
      { retryAfterSeconds: 1 },
    );
  }
}

/** Of the accounts. */
export async function partitionsOf({ log }: Pick<OperatorCommandParts, 'log'>): Promise<readonly number[]> {
  return (await log.extents(TOPIC.tradeOrders)).map(({ partition }) => partition);
}

/** `null` when the store cannot be reached. */
async function unlessAway<Value>(
  { logger }: Pick<OperatorCommandParts, 'logger'>,
  read: () => Promise<Value>,
): Promise<Value | null> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    logger.warn({ code: error.code, error: error.message }, 'a command is given without a store');
    return null;
  }
}

/**
 * The times of a command that is given now. Where the cache cannot say, market time is 0: execution's clock never goes back,
 * so the command is executed at the time of the last price before it.
 */
export async function stampOf(parts: OperatorCommandParts) {
  const timeMs = (await unlessAway(parts, () => parts.cache.prices.latestFeedTimestampMs())) ?? 0;
  return { timeMs, ingestTimeMs: parts.runtime.clock.nowMs() };
}

export function noSuchAccount(): HttpResult {
  return problemResult('ACCOUNT_NOT_FOUND', 'There is no such account.');
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

function refused(result: HttpResult): { readonly kind: 'refused'; readonly result: HttpResult } {
  return { kind: 'refused', result };
}

/** To these partitions, or to none. */
async function appendControl(
  parts: OperatorCommandParts,
  change: ControlChange,
  partitions: readonly number[],
  extensions: Readonly<Record<string, unknown>>,
): Promise<CommandsAppended> {
  const command: Control = {
    type: 'Control',
    commandId: parts.runtime.ids.uuid() as CommandId,
    ...(await stampOf(parts)),
    change,
  };
  const value = encodeTradingInput(command, { sourceService: 'order' });
  const records = partitions.map((partition) => ({ topic: TOPIC.tradeOrders, partition, key: null, value }));
  return appendCommands(parts, records, extensions);
}

/** Of all accounts: waits until the mirror of halts says what came of it in each partition. `null`: it does. */
export async function executeControl(
  parts: OperatorCommandParts,
  change: ControlChange,
): Promise<HttpResult | null> {
  const appended = await appendControl(parts, change, await partitionsOf(parts), {});
  if (appended.kind === 'refused') return appended.result;
  const isPast = async ({ partition, offset }: Position) =>
    ((await parts.cache.halts.get(partition))?.nextInputOffset ?? 0) > offset;
  const done = await until(parts, async () =>
    (await Promise.all(appended.positions.map(isPast))).every(Boolean) ? true : null,
  );
  return done === null ? pending({}) : null;
}

export type AccountControlExecuted =
  /** What the mirror of halts says of the account then. */
  | { readonly kind: 'executed'; readonly halts: HaltsForAccount }
  | { readonly kind: 'refused'; readonly result: HttpResult };

/**
 * Of one account. Neither the store that knows the accounts nor the mirror must be there for it: execution takes a control of
 * an account that was never opened for nothing.
 */
export async function executeAccountControl(
  parts: ControlParts,
  change: AccountControl,
): Promise<AccountControlExecuted> {
  const { accountId } = change;
  const partition = parts.log.partitionFor(TOPIC.tradeOrders, accountId);
  const found = await unlessAway(parts, async () => (await parts.portfolios.get(accountId)) !== null);
  if (found === false) return refused(noSuchAccount());
  const appended = await appendControl(parts, change, [partition], { accountId });
  if (appended.kind === 'refused') return appended;
  const offset = appended.positions[0]?.offset ?? 0;
  const halts = await until(parts, async () => {
    const said = await parts.cache.halts.of(partition, accountId);
    return said !== null && said.nextInputOffset > offset ? said : null;
  });
  if (halts === null) return refused(pending({ accountId }));
  const isHalted = halts.account !== null || halts.unlisted > 0;
  if (found === null && isHalt(change) && !isHalted) return refused(noSuchAccount());
  return { kind: 'executed', halts };
}

function isHalt(change: AccountControl): boolean {
  return change.kind === 'SetBreaker' ? change.action === 'TRIP' : change.engaged;
}

/** It is in the log, and nobody has said yet what came of it. */
export function pending(extensions: Readonly<Record<string, unknown>>): HttpResult {
  const detail =
    'It is written and will be executed, but its outcome is not there yet; look again in a moment.';
  return problemResult('OUTCOME_UNKNOWN', detail, { retryAfterSeconds: 1, extensions });
}

/**
 * What `look` finds of a command that is written, `null` when that takes too long. Looks again and again: the projections may
 * be another process's, so nobody here could be notified. In a store that is away nothing is found yet.
 */
export async function until<Found>(
  { runtime, waitMs, logger }: OperatorCommandParts,
  look: () => Promise<Found | null>,
): Promise<Found | null> {
  const endMs = runtime.clock.monotonicMs() + waitMs;
  let isTold = false;
  for (;;) {
    let found: Found | null = null;
    try {
      found = await look();
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      const { code, message } = error;
      if (!isTold) logger.warn({ code, error: message }, 'what came of a command cannot be read for now');
      isTold = true;
    }
    if (found !== null || runtime.clock.monotonicMs() >= endMs) return found;
    await runtime.timers.sleep(LOOK_EVERY_MS);
  }
}
