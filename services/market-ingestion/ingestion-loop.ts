/**
 * The loop of ingestion: feed → events → one transaction per batch, for ever.
 *
 *   open producer (fences a former one) → read feed_positions → ask the feed from there ──batch──▶ commit ─┐
 *        ▲                                                        └─ one batch ahead ◀──────────────────────┘
 *        └── back-off ◀── any operating error that may be retried, an unknown outcome among them
 *
 * A batch is market_data records, the dead letters of its bad rows, and in feed_positions the feed's position and
 * each changed symbol's last event. Since they commit together and a retry begins with reading feed_positions, a
 * batch whose outcome is unknown is neither lost nor written twice.
 */
import assert from 'node:assert/strict';
import { encodeFeedPosition, type FeedPosition, feedPositionKey } from '#domain/data/feed-position-codec.ts';
import type { Symbol } from '#domain/data/identifiers.ts';
import type { MarketEvent } from '#domain/data/market-event.ts';
import { encodeMarketEvent } from '#domain/data/market-event-codec.ts';
import { formatTimestamp } from '#domain/data/timestamp.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { retryForever } from '#infrastructure/common/retry.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import type { Metrics } from '#infrastructure/core/metrics.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import { deadLetterRecord, findDeadLetter } from '#infrastructure/event-log/dead-letters.ts';
import { rememberMarketEvent } from '#infrastructure/event-log/decode-once.ts';
import type { EventLog, NewRecord, TransactionalProducer } from '#infrastructure/event-log/event-log.ts';
import type { AdmitSymbol, Feed, FeedBatch } from './feed.ts';
import { readFeedPositions } from './feed-positions.ts';
import type { Followers } from './followers.ts';
import { createSequencer, type Sequencer } from './sequencer.ts';

const SERVICE = 'market-ingestion';
const CONTEXT = { sourceService: SERVICE } as const;

export interface IngestionProgress {
  /** `waiting`: for the log or the feed, see `trouble`. `stopped`: for good, see `trouble`. */
  readonly phase: 'starting' | 'running' | 'waiting' | 'finished' | 'stopped';
  /** Why it is not running; `null` while it is. */
  readonly trouble: string | null;
  /** Since the feed's beginning, restarts included. */
  readonly events: number;
  readonly badRows: number;
  readonly position: string | null;
  /** Market time of the last event committed, ms. */
  readonly lastEventMs: number | null;
}

/** As the figures tell it. */
const PHASE_FIGURE = { starting: 0, running: 1, waiting: 2, finished: 3, stopped: 4 } as const;

export interface IngestionOptions {
  readonly feed: Feed;
  readonly log: EventLog;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
  readonly maxSymbols: number;
  /** Of a feed that has no pace of its own; `null`: nobody is waited for. */
  readonly followers: Followers | null;
}

export interface Ingestion {
  /** Resolves when the feed is finished, the loop is fenced or hopeless, or the signal is aborted. Throws bugs only. */
  run(): Promise<void>;
  progress(): IngestionProgress;
}

/** Where one run of the feed stands; made anew from the log after every failure. */
interface Session {
  readonly producer: TransactionalProducer;
  readonly sequencer: Sequencer;
  readonly position: string | null;
  readonly finished: boolean;
  /** Before its first batch. */
  isFresh: boolean;
  hasCommitted: boolean;
  // Behind what has been prepared, perhaps not committed yet.
  events: number;
  badRows: number;
  lastEventMs: number | null;
  marketDataOffset: number;
}

/** What a transaction writes, and where the feed stands after it. */
interface PreparedBatch {
  /** None: it says nothing that the log does not know. */
  readonly records: readonly NewRecord[];
  readonly position: string;
  readonly finished: boolean;
  readonly events: number;
  readonly badRows: number;
  readonly lastEventMs: number | null;
}

export function createIngestion(options: IngestionOptions): Ingestion {
  const { feed, log, runtime, logger, signal } = options;
  const { source } = feed;
  const counters = {
    events: options.metrics.counter('tradehall_ingestion_events_total', 'Market events written by feed.', [
      'source',
    ]),
    badRows: options.metrics.counter('tradehall_ingestion_bad_rows_total', 'Rows refused by feed.', [
      'source',
    ]),
    retries: options.metrics.counter('tradehall_ingestion_retries_total', 'Times a feed was begun again.', [
      'source',
    ]),
  };
  const phase = options.metrics.gauge(
    'tradehall_ingestion_phase',
    'Where a feed stands: 0 it is starting, 1 it goes on, 2 it waits for the log or its source, 3 it has come to its end, 4 it has stopped for good.',
    ['source'],
  );
  phase.set(PHASE_FIGURE.starting, { source });
  let progress: IngestionProgress = {
    phase: 'starting',
    trouble: null,
    events: 0,
    badRows: 0,
    position: null,
    lastEventMs: null,
  };

  function report(change: Partial<IngestionProgress>): void {
    progress = { ...progress, ...change };
    phase.set(PHASE_FIGURE[progress.phase], { source });
  }

  async function run(): Promise<void> {
    try {
      for (let ended = false; !ended; ) {
        const outcome = await retryForever(session, {
          timers: runtime.timers,
          randomness: runtime.randomness,
          signal,
          logger,
          what: `take in ${source}`,
          retryUnknown: true,
          onFailure: (error) => waitFor(error),
        });
        ended = outcome.kind === 'aborted' || outcome.value === 'ended';
      }
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      logger.error({ code: error.code, error: error.message, source }, 'ingestion stopped');
      report({ phase: 'stopped', trouble: error.message });
    }
  }

  function waitFor(error: OperatingError): void {
    counters.retries.increment({ source });
    report({ phase: 'waiting', trouble: error.message });
  }

  /** `again`: it failed after it had got on, so the next attempt need not wait as long as the last. */
  async function session(): Promise<'ended' | 'again'> {
    const producer = await log.openProducer(SERVICE);
    let from: Session | null = null;
    try {
      from = await resume(producer);
      await consume(from);
      return 'ended';
    } catch (error) {
      const gotOn = from?.hasCommitted === true;
      if (!gotOn || !(error instanceof OperatingError) || error.retry === 'never') throw error;
      logger.warn(
        { code: error.code, error: error.message, source },
        'ingestion was interrupted, beginning again',
      );
      waitFor(error);
      return 'again';
    } finally {
      await producer.close();
    }
  }

  async function resume(producer: TransactionalProducer): Promise<Session> {
    const positions = await readFeedPositions(log, { reader: SERVICE, source });
    await appendNewLetters(positions.letters);
    if (positions.damage !== null) throw positions.damage;
    const before = positions.sources.get(source);
    const [extent] = await log.extents(TOPIC.marketData);
    assert(extent !== undefined, 'market_data has one partition');
    const stands = {
      events: before?.events ?? 0,
      badRows: before?.badRows ?? 0,
      position: before?.position ?? null,
      lastEventMs: latestMs(positions.lastEvents.values()),
    };
    report(stands);
    return {
      ...stands,
      producer,
      sequencer: createSequencer(positions.lastEvents.values()),
      finished: before?.finished ?? false,
      isFresh: true,
      hasCommitted: false,
      marketDataOffset: extent.nextOffset,
    };
  }

  /** Those that a start before this one has not written. */
  async function appendNewLetters(letters: readonly NewRecord[]): Promise<void> {
    for (const letter of letters) {
      if (letter.key !== null && (await findDeadLetter(log, letter.key)) !== null) continue;
      logger.warn(
        { letter: letter.key },
        'a record among the feed positions cannot be read: to the dead letters',
      );
      await log.append([letter]);
    }
  }

  async function consume(from: Session): Promise<void> {
    // The feed is asked all the same: it notices when its file has become another one.
    if (from.finished) report({ phase: 'finished', trouble: null });
    const admit = symbolLimit(from.sequencer.lastEvents.keys(), options.maxSymbols);
    const leaving = new AbortController();
    const until = AbortSignal.any([signal, leaving.signal]);
    const batches = feed.batches(from.position, until, admit)[Symbol.asyncIterator]();
    let coming = nextBatch(from, batches);
    try {
      for (;;) {
        const prepared = await coming;
        if (prepared === null) return;
        const committing = commitBatch(from, prepared);
        // The log writes this one and waits for the disk; the next one is read and encoded meanwhile.
        if (!prepared.finished) coming = nextBatch(from, batches);
        const outcome = await committing;
        if (outcome === 'fenced') {
          report({ phase: 'stopped', trouble: 'another market-ingestion has taken over this log' });
          logger.error({ source }, 'fenced: another market-ingestion has taken over');
          return;
        }
        if (prepared.finished) {
          report({ phase: 'finished', trouble: null });
          logger.info(
            { source, events: progress.events, badRows: progress.badRows },
            'the feed has come to its end',
          );
          return;
        }
        if (signal.aborted) return;
        // A commit lets others run; no turn is yielded besides, so that the log has the next batch before it writes again.
        await options.followers?.keepUp(signal);
      }
    } finally {
      leaving.abort();
      await Promise.allSettled([coming]);
      await batches.return?.();
    }
  }

  /** `null`: the feed was told to end. A failure is thrown to whoever takes the batch. */
  function nextBatch(session: Session, batches: AsyncIterator<FeedBatch>): Promise<PreparedBatch | null> {
    const next = async (): Promise<PreparedBatch | null> => {
      await runtime.timers.yieldTurn();
      const step = await batches.next();
      return step.done === true ? null : prepareBatch(session, step.value);
    };
    const coming = next();
    // It may fail while nobody waits for it yet.
    coming.catch(() => undefined);
    return coming;
  }

  /** Market time never goes back: every order would be refused for prices that look stale, for ever. */
  function refuseThePast(batch: FeedBatch, lastEventMs: number | null): void {
    const [first] = batch.ticks;
    if (first === undefined || lastEventMs === null || first.timeMs >= lastEventMs) return;
    const message = `${source} begins at ${formatTimestamp(first.timeMs)}, but this data folder has seen market data up to ${formatTimestamp(lastEventMs)} and market time never goes back. Start it on a fresh folder (--data DIR).`;
    throw new OperatingError('FEED_IN_THE_PAST', message, { retry: 'never' });
  }

  /** What the next transaction writes, of a session that has prepared everything before it. */
  function prepareBatch(session: Session, batch: FeedBatch): PreparedBatch {
    if (session.position === null && session.isFresh) refuseThePast(batch, session.lastEventMs);
    const isRepeat = session.finished && batch.ticks.length + batch.badRows.length === 0;
    session.isFresh = false;
    const idPrefix = feed.idPrefix();
    const changed = new Map<Symbol, MarketEvent>();
    const records: NewRecord[] = [];
    for (const tick of batch.ticks) {
      const event = session.sequencer.next(tick, idPrefix);
      changed.set(event.symbol, event);
      records.push(marketRecord(event));
      session.lastEventMs = event.feedTimestampMs;
    }
    for (const row of batch.badRows) {
      const letter = { topic: TOPIC.marketData, source, line: row.line, bytes: row.original };
      records.push(deadLetterRecord(letter, SERVICE, row));
    }
    for (const lastEvent of changed.values()) records.push(positionRecord({ kind: 'symbol', lastEvent }));
    const { position, finished } = batch;
    const marketDataOffsetHint = session.marketDataOffset;
    session.events += batch.ticks.length;
    session.badRows += batch.badRows.length;
    session.marketDataOffset += batch.ticks.length;
    const { events, badRows, lastEventMs } = session;
    records.push(
      positionRecord({ kind: 'source', source, position, finished, events, badRows, marketDataOffsetHint }),
    );
    return { records: isRepeat ? [] : records, position, finished, events, badRows, lastEventMs };
  }

  async function commitBatch(session: Session, prepared: PreparedBatch): Promise<'committed' | 'fenced'> {
    const { records, ...after } = prepared;
    if (records.length === 0) return 'committed';
    const outcome = await session.producer.commit({ records });
    if (outcome.kind === 'fenced') return 'fenced';
    session.hasCommitted = true;
    counters.events.increment({ source }, after.events - progress.events);
    counters.badRows.increment({ source }, after.badRows - progress.badRows);
    const { position, events, badRows, lastEventMs } = after;
    report({ phase: 'running', trouble: null, position, events, badRows, lastEventMs });
    return 'committed';
  }

  return { run, progress: () => progress };
}

/** Whoever came first stays: those in the log, then those of the feed in its order. */
function symbolLimit(known: Iterable<Symbol>, maxSymbols: number): AdmitSymbol {
  const admitted = new Set(known);
  return (symbol) => {
    if (!admitted.has(symbol)) {
      if (admitted.size >= maxSymbols) return { kind: 'too-many', maxSymbols };
      admitted.add(symbol);
    }
    return { kind: 'admitted' };
  };
}

function marketRecord(event: MarketEvent): NewRecord {
  const value = encodeMarketEvent(event, CONTEXT);
  rememberMarketEvent(value, event);
  return { topic: TOPIC.marketData, partition: 0, key: event.symbol, value };
}

function positionRecord(position: FeedPosition): NewRecord {
  return {
    topic: TOPIC.feedPositions,
    partition: 0,
    key: feedPositionKey(position),
    value: encodeFeedPosition(position),
  };
}

function latestMs(events: Iterable<MarketEvent>): number | null {
  let latest: number | null = null;
  for (const { feedTimestampMs } of events) {
    if (latest === null || feedTimestampMs > latest) latest = feedTimestampMs;
  }
  return latest;
}
