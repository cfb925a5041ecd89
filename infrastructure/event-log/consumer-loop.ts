/**
 * The loop that every projection runs: poll → read → store → commit, for ever.
 *
 * At least once: a position moves only after `store` has stored what came before it. An operating error (a store or
 * the log is down) is waited out with back-off and the position kept; a bug goes to `crash`. What is kept in
 * memory between batches must be forgotten in `onAssigned`, since a rejoin reads again from the committed position.
 *
 * A store that has lost what was written to it is filled again. One that notes how far it is (`storePositions`) is
 * followed: reading goes on where it says, partition by partition, however far the group was. For another one (`losses`)
 * the whole group is put back, then this member leaves and joins anew, so that nobody who has it from here begins
 * further on.
 */

import {
  backoffMs,
  type RetryOptions,
  type RetryOutcome,
  retryForever,
} from '#infrastructure/common/retry.ts';
import type { StoreLosses } from '#infrastructure/common/store-losses.ts';
import type { StorePosition, Stretch } from '#infrastructure/common/store-progress.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import type { Metrics } from '#infrastructure/core/metrics.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { Consumer, EventLog, LogRecord, Position, TopicPartition } from './event-log.ts';
import { type Extents, extentsOf, nameOf, ReadPositions } from './read-positions.ts';
import { type RewindableLog, rewindGroup } from './rewind-group.ts';

export interface ConsumerLoopOptions<Batch> {
  readonly log: Pick<EventLog, 'openConsumer'> & RewindableLog;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly group: string;
  readonly topics: readonly string[];
  readonly maxRecords: number;
  /**
   * How long to let records gather once the loop has caught up, so that a store with a cost per write is not written
   * for every single record. Default 0.
   */
  readonly lingerMs?: number;
  /** What is to be stored of `records`; the unreadable ones are dead letters when it resolves. Once, however often `store` fails. */
  read(records: readonly LogRecord[]): Promise<Batch>;
  /**
   * Stores what was read in `stretches` and gives the positions that are safe to commit; `null` if the store turns out to
   * lack something before them. It is called again when it throws an operating error, so it must be repeatable.
   */
  store(batch: Batch, stretches: readonly Stretch[]): Promise<readonly Position[] | null>;
  /** Called before the first record of a membership; what was kept of earlier records is to be forgotten. */
  onAssigned?(partitions: readonly Position[]): void;
  onRevoked?(partitions: readonly TopicPartition[]): void;
  /** Of the store that `store` writes; `null` for one that loses nothing while it is open. */
  readonly losses?: StoreLosses | null;
  /** How far the store is, where it notes that itself. Of a partition that is missing it has nothing. */
  storePositions?(): Promise<readonly StorePosition[]>;
  crash(error: unknown): void;
}

export interface ConsumerLoopStatus {
  readonly group: string;
  readonly running: boolean;
  /** Records not read yet, over the partitions assigned; `null` while the log cannot say. */
  readonly lag: number | null;
  /** The failure that is being waited out. */
  readonly lastError: string | null;
  readonly recordsHandled: number;
}

export interface ConsumerLoop {
  /** Resolves at once; the loop joins its group in the background. */
  start(): void;
  /**
   * Handles what the log holds at this moment, as long as that goes well and for a moment at most, so that a clean stop
   * leaves the projection level with the log; then finishes the batch in hand and leaves the group. While its store is
   * down the position is kept and nothing is waited for.
   */
  stop(): Promise<void>;
  /** `null`, or why this loop is behind. */
  trouble(): string | null;
  status(): Promise<ConsumerLoopStatus>;
}

/** How long a loop that stops goes on reading what is there. */
const CATCH_UP_MS = 2_000;
const CATCH_UP_LOOK_MS = 2;
/** How often a store is asked how far it is, though nothing new comes. */
const STORE_LOOK_MS = 5_000;
const LACKING_NAMED_MAX = 3;

export function createConsumerLoop<Batch>(options: ConsumerLoopOptions<Batch>): ConsumerLoop {
  const { log, runtime, group, topics, lingerMs = 0 } = options;
  const losses = options.losses ?? null;
  const logger = options.logger.child({ group });
  const handled = options.metrics.counter('tradehall_consumer_records_total', 'Records handled by group.', [
    'group',
  ]);
  const positions = new ReadPositions();
  const stopping = new AbortController();
  let finished: Promise<void> | null = null;
  let assigned = false;
  let lastError: string | null = null;
  let recordsHandled = 0;
  /** Ends a poll that waits, at a loss. */
  let interruption = new AbortController();
  let pollSignal = stopping.signal;
  /** While the store is filled again: why, and up to where. */
  let refill: { readonly why: string; readonly until: Extents } | null = null;
  let storeLookDue = false;
  let stopLooking = (): void => {};

  async function run(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; ) {
      let consumer: Consumer | null = null;
      try {
        consumer = await log.openConsumer({ group, topics, start: 'earliest' });
        await consume(consumer, () => {
          failures = 0;
          lastError = null;
        });
      } catch (error) {
        if (!(error instanceof OperatingError) || error.code === 'LOG_UNKNOWN_TOPIC') throw error;
        if (stopping.signal.aborted) return;
        if (error.code === 'LOG_CLOSED') throw error;
        failures += 1;
        lastError = error.message;
        const delayMs = backoffMs(failures, { randomness: runtime.randomness });
        logger.warn({ code: error.code, error: error.message, delayMs }, 'the log failed, joining again');
        await runtime.timers.sleep(delayMs, stopping.signal);
      } finally {
        assigned = false;
        positions.clear();
        await closeQuietly(consumer);
      }
    }
  }

  async function consume(consumer: Consumer, onProgress: () => void): Promise<void> {
    while (!stopping.signal.aborted) {
      if (interruption.signal.aborted) armInterruption();
      const lost = losses?.lost() ?? null;
      if (lost !== null) return beginAgain(lost);
      if (storeLookDue) {
        storeLookDue = false;
        await followStore(consumer);
      }
      const polled = await consumer.poll({ maxRecords: options.maxRecords, signal: pollSignal });
      switch (polled.kind) {
        case 'assigned':
          positions.set(polled.partitions);
          options.onAssigned?.(polled.partitions);
          await followStore(consumer);
          assigned = true;
          onProgress();
          break;
        case 'revoked':
          positions.drop(polled.partitions);
          options.onRevoked?.(polled.partitions);
          break;
        case 'records':
          if (await storeAndCommit(consumer, polled.records)) onProgress();
          if (lingerMs > 0 && polled.records.length < options.maxRecords / 2) {
            await runtime.timers.sleep(lingerMs, stopping.signal);
          }
          break;
        case 'ended':
          if (!interruption.signal.aborted) return;
          break;
      }
    }
  }

  function armInterruption(): void {
    interruption = new AbortController();
    pollSignal = AbortSignal.any([stopping.signal, interruption.signal]);
  }

  /** Its member leaves after it. */
  async function beginAgain(lost: string): Promise<void> {
    await rewindGroup(log, group, options.runtime.ids);
    refill = { why: lost, until: await extentsOf(log, topics) };
    losses?.accept();
    logger.warn({}, 'put back to the first record');
  }

  function patiently<Value>(
    what: string,
    task: () => Promise<Value>,
    more: Pick<RetryOptions, 'retryNever'> = {},
  ): Promise<RetryOutcome<Value>> {
    return retryForever(task, {
      timers: runtime.timers,
      randomness: runtime.randomness,
      signal: stopping.signal,
      logger,
      what,
      retryUnknown: true,
      ...more,
      onFailure: (error) => {
        lastError = error.message;
      },
    });
  }

  /** Reads on where the store is, where that is less than what was read: it lacks the rest. */
  async function followStore(consumer: Consumer): Promise<void> {
    const ask = options.storePositions;
    if (ask === undefined || positions.isEmpty) return;
    const told = await patiently(`ask how far the store of ${group} is`, ask, { retryNever: true });
    if (told.kind === 'aborted') return;
    lastError = null;
    const extents = await extentsOf(log, topics);
    const lacking = positions.goBackTo(told.value, extents);
    if (lacking.length === 0) return;
    for (const position of lacking) consumer.seek(position);
    const named = lacking.slice(0, LACKING_NAMED_MAX).map((from) => `${nameOf(from)} from ${from.offset} on`);
    const others = lacking.length > named.length ? ` and ${lacking.length - named.length} more` : '';
    const why = `its store lacks ${named.join(', ')}${others} (it is new, was emptied or was put back to a former state): it is filled again from the log.`;
    logger.error({}, why);
    refill = { why, until: extents };
  }

  async function storeAndCommit(consumer: Consumer, records: readonly LogRecord[]): Promise<boolean> {
    const names = topics.join(' and ');
    const batch = await patiently(`read records of ${names}`, () => options.read(records));
    if (batch.kind === 'aborted') return false;
    const stretches = positions.stretchesOf(records);
    const store = () => options.store(batch.value, stretches);
    const stored = await patiently(`store records of ${names}`, store, { retryNever: true });
    if (stored.kind === 'aborted') return false;
    if (stored.value === null) {
      // All of them again: the partitions that lack nothing have not been committed either.
      for (const stretch of stretches) consumer.seek({ ...stretch, offset: stretch.from });
      await followStore(consumer);
      return true;
    }
    if (stored.value.length > 0) await consumer.commit(stored.value);
    positions.set(stretches);
    recordsHandled += records.length;
    handled.increment({ group }, records.length);
    return true;
  }

  /** Upstream has stopped before its projections, so what is there now is all there will be. */
  async function catchUp(): Promise<void> {
    const endMs = runtime.clock.monotonicMs() + CATCH_UP_MS;
    const ends = await extentsOf(log, topics);
    while (
      assigned &&
      lastError === null &&
      positions.areBehind(ends) &&
      runtime.clock.monotonicMs() < endMs
    ) {
      await runtime.timers.sleep(CATCH_UP_LOOK_MS);
    }
  }

  async function closeQuietly(consumer: Consumer | null): Promise<void> {
    try {
      await consumer?.close();
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      logger.debug({ code: error.code }, 'the consumer was gone already');
    }
  }

  return {
    start() {
      armInterruption();
      losses?.watch(() => interruption.abort());
      if (options.storePositions !== undefined) {
        stopLooking = runtime.timers.every(STORE_LOOK_MS, () => {
          storeLookDue = true;
          interruption.abort();
        });
      }
      finished = run().catch((error: unknown) => {
        lastError = error instanceof Error ? error.message : String(error);
        options.crash(error);
      });
    },
    async stop() {
      if (!stopping.signal.aborted) await catchUp();
      stopping.abort();
      stopLooking();
      await finished;
    },
    trouble() {
      const gone = losses?.trouble() ?? null;
      if (gone !== null) return `${group}: ${gone}`;
      if (lastError !== null) return `${group} waits: ${lastError}`;
      if (!assigned) return `${group} has not joined its group yet`;
      if (refill !== null && !positions.areBehind(refill.until)) refill = null;
      return refill === null ? null : `${group}: ${refill.why}`;
    },
    async status() {
      return {
        group,
        running: assigned,
        lag: positions.lag(await extentsOf(log, topics)),
        lastError,
        recordsHandled,
      };
    },
  };
}
