/**
 * The loop that every projection runs: poll → handle → commit, for ever.
 *
 * At least once: a position moves only after `handle` has stored what came before it. An operating error (a store or
 * the log is down) is waited out with back-off and the position kept; a bug goes to `crash`. What `handle` keeps in
 * memory between batches must be forgotten in `onAssigned`, since a rejoin reads again from the committed position.
 *
 * A store that has lost what was written to it is filled again: the whole group is put back, then this member leaves and
 * joins anew, so that nobody who has it from here begins further on.
 */

import { backoffMs, retryForever } from '#infrastructure/common/retry.ts';
import type { StoreLosses } from '#infrastructure/common/store-losses.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import type { Metrics } from '#infrastructure/core/metrics.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { Consumer, EventLog, LogRecord, Position, TopicPartition } from './event-log.ts';
import { type RewindableLog, rewindGroup } from './rewind-group.ts';

export interface ConsumerLoopOptions {
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
  /**
   * Stores what `records` say and gives the positions that are safe to commit. It is called again with the same
   * records when it throws an operating error, so it must be repeatable.
   */
  handle(records: readonly LogRecord[]): Promise<readonly Position[]>;
  /** Called before the first record of a membership; what was kept of earlier records is to be forgotten. */
  onAssigned?(partitions: readonly Position[]): void;
  onRevoked?(partitions: readonly TopicPartition[]): void;
  /** Of the store that `handle` writes; `null` for one that loses nothing while it is open. */
  readonly losses?: StoreLosses | null;
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
  /** Where the next poll reads, by `topic/partition`, of the partitions assigned. */
  readPositions(): ReadonlyMap<string, number>;
  status(): Promise<ConsumerLoopStatus>;
}

/** How long a loop that stops goes on reading what is there. */
const CATCH_UP_MS = 2_000;
const CATCH_UP_LOOK_MS = 2;

/** The positions after `records`: what to commit when all of them are stored. */
export function positionsAfter(records: readonly LogRecord[]): readonly Position[] {
  const last = new Map<string, Position>();
  records.forEach(({ topic, partition, offset }, at) => {
    const next = records[at + 1];
    // Records of a partition mostly come together: of each run of them the last one counts.
    if (next !== undefined && next.partition === partition && next.topic === topic) return;
    last.set(`${topic}/${partition}`, { topic, partition, offset: offset + 1 });
  });
  return [...last.values()];
}

export function createConsumerLoop(options: ConsumerLoopOptions): ConsumerLoop {
  const { log, runtime, group, topics, lingerMs = 0 } = options;
  const losses = options.losses ?? null;
  const logger = options.logger.child({ group });
  const handled = options.metrics.counter('tradehall_consumer_records_total', 'Records handled by group.', [
    'group',
  ]);
  const positions = new Map<string, number>();
  const stopping = new AbortController();
  let finished: Promise<void> | null = null;
  let assigned = false;
  let lastError: string | null = null;
  let recordsHandled = 0;
  /** Ends a poll that waits, at a loss. */
  let interruption = new AbortController();
  let pollSignal = stopping.signal;
  /** While the store is filled again: why, and up to where. */
  let refill: { readonly why: string; readonly until: ReadonlyMap<string, number> } | null = null;

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
        await closeQuietly(consumer);
      }
    }
  }

  async function consume(consumer: Consumer, onProgress: () => void): Promise<void> {
    while (!stopping.signal.aborted) {
      if (interruption.signal.aborted) armInterruption();
      const lost = losses?.lost() ?? null;
      if (lost !== null) return beginAgain(lost);
      const polled = await consumer.poll({ maxRecords: options.maxRecords, signal: pollSignal });
      switch (polled.kind) {
        case 'assigned':
          for (const { topic, partition, offset } of polled.partitions) {
            positions.set(`${topic}/${partition}`, offset);
          }
          options.onAssigned?.(polled.partitions);
          assigned = true;
          onProgress();
          break;
        case 'revoked':
          for (const { topic, partition } of polled.partitions) positions.delete(`${topic}/${partition}`);
          options.onRevoked?.(polled.partitions);
          break;
        case 'records':
          if (await handleAndCommit(consumer, polled.records)) onProgress();
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
    refill = { why: lost, until: await endsOf(log, topics) };
    positions.clear();
    losses?.accept();
    logger.warn({}, 'put back to the first record');
  }

  async function handleAndCommit(consumer: Consumer, records: readonly LogRecord[]): Promise<boolean> {
    const outcome = await retryForever(() => options.handle(records), {
      timers: runtime.timers,
      randomness: runtime.randomness,
      signal: stopping.signal,
      logger,
      what: `store records of ${topics.join(' and ')}`,
      retryUnknown: true,
      onFailure: (error) => {
        lastError = error.message;
      },
    });
    if (outcome.kind === 'aborted') return false;
    if (outcome.value.length > 0) await consumer.commit(outcome.value);
    for (const { topic, partition, offset } of positionsAfter(records)) {
      positions.set(`${topic}/${partition}`, offset);
    }
    recordsHandled += records.length;
    handled.increment({ group }, records.length);
    return true;
  }

  function behind(ends: ReadonlyMap<string, number>): boolean {
    return [...positions].some(([place, offset]) => offset < (ends.get(place) ?? 0));
  }

  /** Upstream has stopped before its projections, so what is there now is all there will be. */
  async function catchUp(): Promise<void> {
    const endMs = runtime.clock.monotonicMs() + CATCH_UP_MS;
    const ends = await endsOf(log, topics);
    while (assigned && lastError === null && behind(ends) && runtime.clock.monotonicMs() < endMs) {
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
      finished = run().catch((error: unknown) => {
        lastError = error instanceof Error ? error.message : String(error);
        options.crash(error);
      });
    },
    async stop() {
      if (!stopping.signal.aborted) await catchUp();
      stopping.abort();
      await finished;
    },
    trouble() {
      const gone = losses?.trouble() ?? null;
      if (gone !== null) return `${group}: ${gone}`;
      if (lastError !== null) return `${group} waits: ${lastError}`;
      if (!assigned) return `${group} has not joined its group yet`;
      if (refill !== null && !behind(refill.until)) refill = null;
      return refill === null ? null : `${group}: ${refill.why}`;
    },
    readPositions: () => positions,
    async status() {
      return {
        group,
        running: assigned,
        lag: await lagOf(log, topics, positions),
        lastError,
        recordsHandled,
      };
    },
  };
}

/** By `topic/partition`; of those that the log can tell. */
async function endsOf(
  log: Pick<EventLog, 'extents'>,
  topics: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const ends = new Map<string, number>();
  try {
    for (const topic of topics) {
      for (const extent of await log.extents(topic)) {
        ends.set(`${topic}/${extent.partition}`, extent.nextOffset);
      }
    }
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
  }
  return ends;
}

async function lagOf(
  log: Pick<EventLog, 'extents'>,
  topics: readonly string[],
  positions: ReadonlyMap<string, number>,
): Promise<number | null> {
  const ends = await endsOf(log, topics);
  if (ends.size === 0) return null;
  let lag = 0;
  for (const [place, position] of positions) lag += Math.max(0, (ends.get(place) ?? 0) - position);
  return lag;
}
