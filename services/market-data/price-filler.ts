/**
 * Fills the price cache from the log.
 *
 * It notes where `market_data` ends, then takes each symbol's last event from the compacted `feed_positions` (written in
 * the same transactions as the events), then follows `market_data` from the noted place. So whatever is missing in
 * the first is read in the second, and a start costs what there are symbols, not what there ever were events.
 *
 * A cache that cannot be reached is tried again with back-off while the log's position is kept: nothing is lost. A
 * record that cannot be read is counted and passed over; the price sequencer of trade-execution, of which there is
 * one, writes it to the dead letters.
 */
import { decodeFeedPosition } from '#domain/data/feed-position-codec.ts';
import type { Symbol } from '#domain/data/identifiers.ts';
import type { MarketEvent } from '#domain/data/market-event.ts';
import { TOPIC } from '#domain/data/topics.ts';
import type { Cache, CachedPrice } from '#infrastructure/cache/cache.ts';
import { type RetryOptions, retryForever } from '#infrastructure/common/retry.ts';
import type { ServiceContext } from '#infrastructure/core/service.ts';
import { readMarketEvent } from '#infrastructure/event-log/decode-once.ts';
import type { EventLog, LogRecord, PartitionExtent, Position } from '#infrastructure/event-log/event-log.ts';
import type { MarketDataConfig } from './config.ts';
import { LogFollower } from './log-follower.ts';

export interface PriceFillerStatus {
  readonly events: number;
  readonly unreadable: number;
  readonly symbols: number;
  readonly symbolsRefused: number;
  readonly positions: readonly Position[];
}

interface FillerStart {
  readonly lastEvents: ReadonlyMap<Symbol, MarketEvent>;
  /** Where `market_data` is followed from. */
  readonly positions: readonly Position[];
}

export class PriceFiller {
  readonly #context: ServiceContext;
  readonly #log: EventLog;
  readonly #cache: Cache;
  readonly #config: Pick<MarketDataConfig, 'batchRecords' | 'maxSymbols'>;
  readonly #signal: AbortSignal;
  readonly #follower: LogFollower;
  readonly #symbols = new Set<Symbol>();
  readonly #refused = new Set<Symbol>();
  readonly #eventsCounter;
  readonly #unreadableCounter;
  readonly #ageHistogram;
  #start: FillerStart | null = null;
  #events = 0;
  #unreadable = 0;
  #warm = false;
  #cacheReachable = true;

  constructor(
    context: ServiceContext,
    ports: { readonly log: EventLog; readonly cache: Cache },
    config: Pick<MarketDataConfig, 'batchRecords' | 'maxSymbols'>,
    signal: AbortSignal,
  ) {
    this.#context = context;
    this.#log = ports.log;
    this.#cache = ports.cache;
    this.#config = config;
    this.#signal = signal;
    const { runtime, logger, metrics } = context;
    const topic = TOPIC.marketData;
    this.#follower = new LogFollower({
      log: ports.log,
      runtime,
      logger,
      signal,
      topic,
      maxRecords: config.batchRecords,
    });
    this.#eventsCounter = metrics.counter(
      'tradehall_market_data_events_total',
      'Market events put into the cache.',
    );
    this.#unreadableCounter = metrics.counter(
      'tradehall_market_data_unreadable_total',
      'Records that market-data could not read, by topic.',
      ['topic'],
    );
    this.#ageHistogram = metrics.histogram(
      'tradehall_market_data_append_to_publish_ms',
      'From the append of a market event to its publication, one observation per batch.',
      [1, 2, 5, 10, 20, 50, 100, 250, 500, 1_000, 5_000],
    );
  }

  reasonsNotReady(): readonly string[] {
    const reasons: string[] = [];
    if (!this.#warm) reasons.push('the price cache is being filled');
    if (!this.#cacheReachable) reasons.push('the price cache cannot be reached');
    if (!this.#follower.isReachable) reasons.push('the event log cannot be reached');
    return reasons;
  }

  status(): PriceFillerStatus {
    return {
      events: this.#events,
      unreadable: this.#unreadable,
      symbols: this.#symbols.size,
      symbolsRefused: this.#refused.size,
      positions: this.#follower.positions(),
    };
  }

  /**
   * Before prices are heard: a cache that outlives its log, such as one on a server after a restore, may hold prices that
   * this log never had, with sequences that would keep the right ones out. Resolves early when the signal is aborted.
   */
  async prepare(): Promise<void> {
    // The cache first: what this log has put there by now is in the log by then.
    const cached = await this.#retryCache('read the price cache', () => this.#cache.prices.all());
    if (cached.kind === 'aborted') return;
    const start = await this.#retry('read feed_positions', () => this.#lastEvents());
    if (start.kind === 'aborted') return;
    this.#start = start.value;
    const { lastEvents } = start.value;
    if (!cached.value.some((price) => isOfAnotherLog(price, lastEvents.get(price.symbol)))) return;
    this.#context.logger.warn({}, 'the price cache holds prices of another log: cleared');
    await this.#retryCache('clear the price cache', () => this.#cache.prices.clear());
  }

  /** After `prepare`. Resolves when the signal is aborted. */
  async run(): Promise<void> {
    if (this.#start === null) return;
    const { lastEvents, positions } = this.#start;
    await this.#put(this.#withinLimit([...lastEvents.values()]));
    this.#start = null;
    this.#warm = true;
    await this.#follower.run(positions, (records) => this.#take(records));
  }

  async #lastEvents(): Promise<FillerStart> {
    const ends = await this.#log.extents(TOPIC.marketData);
    const bySymbol = new Map<Symbol, MarketEvent>();
    for (const extent of await this.#log.extents(TOPIC.feedPositions)) {
      await this.#readAll(extent, (record) => {
        if (record.value === null) return;
        const decoded = decodeFeedPosition(record.value);
        if (decoded.kind === 'unreadable') {
          this.#countUnreadable(record, decoded.reason);
        } else if (decoded.value.kind === 'symbol') {
          bySymbol.set(decoded.value.lastEvent.symbol, decoded.value.lastEvent);
        }
      });
    }
    const positions = ends.map(({ topic, partition, nextOffset }) => ({
      topic,
      partition,
      offset: nextOffset,
    }));
    return { lastEvents: bySymbol, positions };
  }

  async #readAll(extent: PartitionExtent, visit: (record: LogRecord) => void): Promise<void> {
    const { topic, partition, nextOffset } = extent;
    let offset = extent.firstOffset;
    while (offset < nextOffset && !this.#signal.aborted) {
      const records = await this.#log.read({ topic, partition, offset }, this.#config.batchRecords);
      const last = records.at(-1);
      if (last === undefined) return;
      for (const record of records) visit(record);
      offset = last.offset + 1;
    }
  }

  async #take(records: readonly LogRecord[]): Promise<void> {
    const events: MarketEvent[] = [];
    for (const record of records) {
      const decoded = record.value === null ? null : readMarketEvent(record.value);
      if (decoded?.kind === 'decoded') events.push(decoded.value);
      else this.#countUnreadable(record, decoded?.reason ?? 'the record has no value');
    }
    await this.#put(this.#withinLimit(events));
    const last = records.at(-1);
    if (last !== undefined)
      this.#ageHistogram.observe(this.#context.runtime.clock.nowMs() - last.appendedAtMs);
  }

  async #put(events: readonly MarketEvent[]): Promise<void> {
    if (events.length === 0) return;
    // A repeat is harmless: the cache ignores what is not newer.
    const outcome = await this.#retryCache('write the price cache', async () => {
      try {
        await this.#cache.prices.put(events);
        this.#cacheReachable = true;
      } catch (error) {
        this.#cacheReachable = false;
        throw error;
      }
    });
    if (outcome.kind === 'aborted') return;
    this.#events += events.length;
    this.#eventsCounter.increment(undefined, events.length);
  }

  /** The cap on symbols, by refusal: events of further symbols are left out, which is said once for each. */
  #withinLimit(events: MarketEvent[]): readonly MarketEvent[] {
    return events.filter(({ symbol }) => {
      if (this.#symbols.has(symbol)) return true;
      if (this.#symbols.size < this.#config.maxSymbols) {
        this.#symbols.add(symbol);
        return true;
      }
      this.#refuseSymbol(symbol);
      return false;
    });
  }

  #refuseSymbol(symbol: Symbol): void {
    // What is remembered only keeps the log from saying it twice, so it may have a limit of its own.
    if (this.#refused.has(symbol) || this.#refused.size >= this.#config.maxSymbols) return;
    this.#refused.add(symbol);
    this.#context.logger.error(
      { symbol, market_data_max_symbols: this.#config.maxSymbols },
      `no prices of ${symbol}: there are more symbols than market_data_max_symbols allows`,
    );
  }

  #countUnreadable(record: LogRecord, reason: string): void {
    this.#unreadable += 1;
    const { topic, partition, offset } = record;
    this.#unreadableCounter.increment({ topic });
    this.#context.logger.warn({ topic, partition, offset, reason }, `a record of ${topic} cannot be read`);
  }

  /** A cache that another writer has filled, or that lets this one in no more: said loudly, and put right some day. */
  #retryCache<Value>(what: string, task: () => Promise<Value>) {
    return this.#retry(what, task, { retryNever: true });
  }

  #retry<Value>(
    what: string,
    task: () => Promise<Value>,
    { retryNever = false }: Pick<RetryOptions, 'retryNever'> = {},
  ) {
    const { runtime, logger } = this.#context;
    const { timers, randomness } = runtime;
    const options: RetryOptions = {
      timers,
      randomness,
      signal: this.#signal,
      logger,
      what,
      retryUnknown: true,
      retryNever,
    };
    return retryForever(task, options);
  }
}

function isOfAnotherLog(cached: CachedPrice, last: MarketEvent | undefined): boolean {
  if (last === undefined || cached.sequence > last.sequence) return true;
  return cached.sequence === last.sequence && cached.eventId !== last.eventId;
}
