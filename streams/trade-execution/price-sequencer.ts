/**
 * The price sequencer: puts prices into the one order that execution sees.
 *
 * Consumes `market_data` and appends price batches to every partition of `trade_orders`, in one transaction with its
 * own position: after a crash it goes on exactly where it committed. Opening its producer fences a former sequencer, and
 * only then the position is asked for.
 */

import type { MarketEvent } from '#domain/data/market-event.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import { backoffMs } from '#infrastructure/common/retry.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { ServiceContext } from '#infrastructure/core/service.ts';
import { deadLetterRecord } from '#infrastructure/event-log/dead-letters.ts';
import { readMarketEvent, rememberTradingInput } from '#infrastructure/event-log/decode-once.ts';
import type {
  Consumer,
  EventLog,
  LogRecord,
  NewRecord,
  TopicPartition,
  TransactionalProducer,
} from '#infrastructure/event-log/event-log.ts';
import { positionsAfter } from '#infrastructure/event-log/read-positions.ts';
import { readValue } from '#infrastructure/event-log/read-records.ts';
import { closeQuietly } from './close-quietly.ts';
import { SOURCE } from './commit-records.ts';
import { batchPrices } from './price-batching.ts';

export const SEQUENCER_GROUP = 'price-sequencer';
const MAX_RECORDS = 4_096;
/** Of one transaction, since each event may become a batch of its own in every partition. */
const MAX_WRITTEN = 50_000;

export interface PriceSequencerOptions {
  readonly context: ServiceContext;
  readonly log: EventLog;
  readonly windowMs: number;
}

/**
 * What one transaction of the sequencer writes for `records` of `market_data`. Each batch is encoded once and goes
 * to every partition as the same bytes.
 */
export function sequencedRecords(
  records: readonly LogRecord[],
  partitions: number,
  windowMs: number,
  ingestTimeMs: number,
): readonly NewRecord[] {
  const events: MarketEvent[] = [];
  const written: NewRecord[] = [];
  for (const record of records) {
    const decoded = readValue(record, readMarketEvent);
    if (decoded.kind === 'decoded') events.push(decoded.value);
    else written.push(deadLetterRecord(record, SEQUENCER_GROUP, decoded));
  }
  for (const batch of batchPrices(events, windowMs, ingestTimeMs)) {
    const value = encodeTradingInput(batch, SOURCE);
    rememberTradingInput(value, batch);
    for (let partition = 0; partition < partitions; partition += 1) {
      written.push({ topic: TOPIC.tradeOrders, partition, key: null, value });
    }
  }
  return written;
}

export class PriceSequencer {
  readonly #options: PriceSequencerOptions;
  readonly #stopping = new AbortController();
  readonly #events;
  #finished: Promise<void> | null = null;
  #joined = false;
  #lastError: string | null = null;
  #position: number | null = null;
  #batches = 0;

  constructor(options: PriceSequencerOptions) {
    this.#options = options;
    this.#events = options.context.metrics.counter(
      'tradehall_sequenced_market_events_total',
      'Market events that the price sequencer has taken in.',
    );
  }

  start(): void {
    this.#finished = this.#run().catch((error: unknown) => {
      this.#lastError = error instanceof Error ? error.message : String(error);
      this.#options.context.crash(error);
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#finished;
  }

  trouble(): readonly string[] {
    if (this.#lastError !== null) return [`the price sequencer waits: ${this.#lastError}`];
    return this.#joined ? [] : ['the price sequencer has not joined its group yet'];
  }

  async status(): Promise<Readonly<Record<string, unknown>>> {
    const position = this.#position;
    const [extent] = position === null ? [] : await this.#options.log.extents(TOPIC.marketData);
    const lag = position === null || extent === undefined ? null : Math.max(0, extent.nextOffset - position);
    return { joined: this.#joined, lastError: this.#lastError, position, lag, batches: this.#batches };
  }

  async #run(): Promise<void> {
    const { context, log } = this.#options;
    const { runtime, logger } = context;
    for (let failures = 0; !this.#stopping.signal.aborted; ) {
      let consumer: Consumer | null = null;
      try {
        consumer = await log.openConsumer({
          group: SEQUENCER_GROUP,
          topics: [TOPIC.marketData],
          start: 'sought',
        });
        await this.#sequence(consumer, () => {
          failures = 0;
          this.#lastError = null;
        });
        failures += 1;
      } catch (error) {
        if (!(error instanceof OperatingError) || error.code === 'LOG_UNKNOWN_TOPIC') throw error;
        if (this.#stopping.signal.aborted) return;
        if (error.code === 'LOG_CLOSED') throw error;
        failures += 1;
        this.#lastError = error.message;
        logger.warn(
          { code: error.code, error: error.message },
          'the log failed, the price sequencer starts over',
        );
      } finally {
        this.#joined = false;
        await closeQuietly(consumer);
      }
      await runtime.timers.sleep(
        backoffMs(failures, { randomness: runtime.randomness }),
        this.#stopping.signal,
      );
    }
  }

  /** Returns when stopped or fenced. */
  async #sequence(consumer: Consumer, onProgress: () => void): Promise<void> {
    const { runtime, logger } = this.#options.context;
    const { signal } = this.#stopping;
    let producer: TransactionalProducer | null = null;
    try {
      const partitions = (await this.#options.log.extents(TOPIC.tradeOrders)).length;
      const maxRecords = Math.max(1, Math.min(MAX_RECORDS, Math.floor(MAX_WRITTEN / partitions)));
      while (!signal.aborted) {
        const polled = await consumer.poll({ maxRecords, signal });
        if (polled.kind === 'ended') return;
        if (polled.kind === 'revoked') {
          await producer?.close();
          producer = null;
          continue;
        }
        if (polled.kind === 'assigned') {
          if (polled.partitions.length > 0) {
            producer ??= await this.#options.log.openProducer(SEQUENCER_GROUP);
            await this.#seek(consumer, polled.partitions);
          }
          this.#joined = true;
          onProgress();
          continue;
        }
        if (producer === null) continue;
        const startedMs = runtime.clock.monotonicMs();
        if (!(await this.#commit(producer, polled.records, partitions))) {
          logger.info({}, 'another price sequencer has taken over');
          return;
        }
        onProgress();
        // Caught up: let a window's worth of prices gather, so that a live feed costs one transaction per window.
        if (polled.records.length < maxRecords / 2) {
          const remainingMs = this.#options.windowMs - (runtime.clock.monotonicMs() - startedMs);
          if (remainingMs > 0) await runtime.timers.sleep(remainingMs, signal);
        }
      }
    } finally {
      await closeQuietly(producer);
    }
  }

  async #seek(consumer: Consumer, places: readonly TopicPartition[]): Promise<void> {
    const { context, log } = this.#options;
    const committed = await log.committedPositions(SEQUENCER_GROUP, places);
    const extents = await log.extents(TOPIC.marketData);
    for (const { topic, partition } of places) {
      const firstOffset = extents.find((extent) => extent.partition === partition)?.firstOffset ?? 0;
      const position = committed.find((each) => each.partition === partition);
      const offset = Math.max(position?.offset ?? 0, firstOffset);
      consumer.seek({ topic, partition, offset });
      if (position === undefined || position.offset === offset) continue;
      context.logger.warn(
        { position: position.offset, firstOffset },
        'retention has removed market events that were not sequenced; it continues at the first one left',
      );
    }
  }

  async #commit(
    producer: TransactionalProducer,
    records: readonly LogRecord[],
    partitions: number,
  ): Promise<boolean> {
    const { context, windowMs } = this.#options;
    const written = sequencedRecords(records, partitions, windowMs, context.runtime.clock.nowMs());
    const positions = positionsAfter(records);
    const outcome = await producer.commit({
      records: written,
      consumed: { group: SEQUENCER_GROUP, positions },
    });
    if (outcome.kind === 'fenced') return false;
    this.#events.increment({}, records.length);
    this.#batches += Math.ceil(written.length / Math.max(1, partitions));
    this.#position = positions[0]?.offset ?? this.#position;
    return true;
  }
}
