/**
 * Follows `order_updates` and hands each to the channel of its account. It begins a little before the end, so that
 * clients that come back after a restart of this service can resume, too.
 */
import { type AccountId, parseAccountId } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { retryForever } from '#infrastructure/common/retry.ts';
import type { ServiceContext } from '#infrastructure/core/service.ts';
import { readOrderUpdate } from '#infrastructure/event-log/decode-once.ts';
import type { EventLog, LogRecord, Position } from '#infrastructure/event-log/event-log.ts';
import type { MarketDataConfig } from './config.ts';
import { LogFollower } from './log-follower.ts';

/** How far before the end of each partition it begins. */
const RECORDS_BEFORE_END = 2_000;

export class OrderUpdateFeed {
  readonly #context: ServiceContext;
  readonly #log: EventLog;
  readonly #signal: AbortSignal;
  readonly #follower: LogFollower;
  readonly #record: (accountId: AccountId, bytes: Uint8Array) => void;
  readonly #unreadable;
  /** Where the log ended at the start; joins wait until the reader is there. */
  #ends: readonly Position[] | null = null;

  constructor(
    context: ServiceContext,
    log: EventLog,
    config: Pick<MarketDataConfig, 'batchRecords'>,
    signal: AbortSignal,
    record: (accountId: AccountId, bytes: Uint8Array) => void,
  ) {
    this.#context = context;
    this.#log = log;
    this.#signal = signal;
    this.#record = record;
    const { runtime, logger, metrics } = context;
    const topic = TOPIC.orderUpdates;
    this.#follower = new LogFollower({
      log,
      runtime,
      logger,
      signal,
      topic,
      maxRecords: config.batchRecords,
    });
    this.#unreadable = metrics.counter(
      'tradehall_market_data_unreadable_total',
      'Records that market-data could not read, by topic.',
      ['topic'],
    );
  }

  reasonsNotReady(): readonly string[] {
    const reasons: string[] = [];
    if (!this.#follower.isReachable) reasons.push('the event log cannot be reached');
    if (!this.#hasCaughtUp()) reasons.push('recent order updates are being read');
    return reasons;
  }

  positions(): readonly Position[] {
    return this.#follower.positions();
  }

  /** Resolves when the signal is aborted. */
  async run(): Promise<void> {
    const { runtime, logger } = this.#context;
    const { timers, randomness } = runtime;
    const found = await retryForever(() => this.#log.extents(TOPIC.orderUpdates), {
      timers,
      randomness,
      signal: this.#signal,
      logger,
      what: 'find the end of order_updates',
    });
    if (found.kind === 'aborted') return;
    const from = found.value.map(({ topic, partition, firstOffset, nextOffset }) => ({
      topic,
      partition,
      offset: Math.max(firstOffset, nextOffset - RECORDS_BEFORE_END),
    }));
    this.#ends = found.value.map(({ topic, partition, nextOffset }) => ({
      topic,
      partition,
      offset: nextOffset,
    }));
    await this.#follower.run(from, async (records) => {
      for (const record of records) this.#take(record);
    });
  }

  #hasCaughtUp(): boolean {
    if (this.#ends === null) return false;
    const reached = new Map(this.#follower.positions().map(({ partition, offset }) => [partition, offset]));
    return this.#ends.every(({ partition, offset }) => (reached.get(partition) ?? 0) >= offset);
  }

  #take(record: LogRecord): void {
    const accountId = accountOf(record);
    if (accountId !== null && record.value !== null) {
      this.#record(accountId, record.value);
      return;
    }
    const { topic, partition, offset } = record;
    this.#unreadable.increment({ topic });
    this.#context.logger.warn({ topic, partition, offset }, `a record of ${topic} names no account`);
  }
}

/** The key names the account, so that an update nobody listens to need not be read. */
function accountOf({ key, value }: LogRecord): AccountId | null {
  const named = key === null ? null : parseAccountId(key);
  if (named !== null || value === null) return named;
  const decoded = readOrderUpdate(value);
  return decoded.kind === 'decoded' ? decoded.value.accountId : null;
}
