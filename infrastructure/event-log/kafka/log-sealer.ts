/**
 * Seals a log on Kafka. The broker knows no seals, so one member of the group `log-sealer` (whoever has the one
 * partition of `log_seals`) reads every committed record of the sealed topics and appends their seals:
 *
 *   join ─▶ fence the former sealer ─▶ read the chains on from the heads ─▶ read records ─▶ seals ─▶ heads ─▶ …
 *     ▲                                                                                       │ fenced, failed, revoked
 *     └───────────────────────────────────────────────────────────────────────────────────────┘
 *
 * Seals follow the records by a second or so: what is behind the last seal is unsealed, not damaged. The heads, in a file
 * beside this process, are noted after the seals and never before.
 */
import assert from 'node:assert/strict';
import { backoffMs } from '#infrastructure/common/retry.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import type { Metrics } from '#infrastructure/core/metrics.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { EventLog, Position, TopicPartition } from '../event-log.ts';
import { type ChainEntry, chainKey, encodeChainEntry } from '../seal.ts';
import type { LogHeads } from '../sqlite/log-heads.ts';
import type { PlacedRecord } from './delivering-producer.ts';
import { DueSeals, SEALS } from './due-seals.ts';
import type { KafkaTransactions } from './kafka-transactions.ts';
import type { LogEnds } from './log-ends.ts';
import { restoreChains } from './restore-chains.ts';
import type { SealChains } from './seal-chains.ts';
import { SealHeads } from './seal-heads.ts';
import type { SealReader } from './seal-reader.ts';
import type { TopicCatalogue } from './topic-catalogue.ts';

type SealWriter = Pick<KafkaTransactions, 'commitPlaced' | 'close'>;

export interface LogSealerParts {
  readonly log: Pick<EventLog, 'openConsumer' | 'read'>;
  readonly ends: Pick<LogEnds, 'extents' | 'firstSince'>;
  /** Of the sealed partitions, from each of `start` on. */
  openReader(start: readonly Position[]): Promise<Pick<SealReader, 'next' | 'close'>>;
  readonly catalogue: Pick<TopicCatalogue, 'has' | 'places' | 'sealedTopics'>;
  readonly heads: LogHeads;
  /** Of the heads, for sentences. */
  readonly headsFolder: string;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly metrics: Metrics;
  openTransactions(): Promise<SealWriter>;
  /** Removes what is below each position; answers when the broker has. */
  deleteBefore(positions: readonly Position[]): Promise<void>;
}

export const SEALER = 'log-sealer';
/** In one transaction, which has its time: records that are far apart have a seal each. */
const SEALS_PER_WRITE = 2_000;
/** Between two rounds, unless much is waiting: a seal costs the same for one record as for thousands. */
const LINGER_MS = 1_000;

/** What a sealer has while it is the one. */
interface Office {
  readonly chains: SealChains;
  readonly producer: SealWriter;
  /** Seals and expiries take turns. */
  turn: Promise<unknown>;
}

export class LogSealer {
  readonly #parts: LogSealerParts;
  readonly #stopping = new AbortController();
  readonly #sealed;
  readonly #active;
  #office: Office | null = null;
  #damage: OperatingError | null = null;
  #finished: Promise<void> | null = null;
  /** Ends the pause between two rounds. */
  #hurry = new AbortController();
  readonly #waiters = new Set<() => void>();
  readonly #due;
  readonly #heads;

  constructor(parts: LogSealerParts) {
    this.#parts = parts;
    this.#due = new DueSeals(parts.log, parts.ends);
    this.#heads = new SealHeads(parts.heads, parts.logger);
    this.#sealed = parts.metrics.counter(
      'tradehall_log_sealed_records_total',
      'Records sealed by this process.',
    );
    this.#active = parts.metrics.gauge(
      'tradehall_log_sealer_active',
      'Whether this process seals the log: 1 yes, 0 another does or none.',
    );
  }

  /** What does not follow from what was sealed before; sealing is tried again, and may find it mended. */
  get damage(): OperatingError | null {
    return this.#damage;
  }

  /** A bug in it ends the process, as an unhandled rejection. */
  start(): void {
    this.#finished ??= this.#run();
  }

  /** Seals what is there and stops; what cannot be sealed within `patienceMs` the next sealer seals. */
  async finish(patienceMs: number): Promise<void> {
    try {
      if (this.#office !== null) await this.caughtUp(patienceMs);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      const { code, message } = error;
      this.#parts.logger.warn({ code, error: message }, 'the log is closed without its last seals');
    }
    await this.#stop();
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    this.#hurry.abort();
    this.#tell();
    await this.#finished;
  }

  #tell(): void {
    for (const waiter of this.#waiters) waiter();
  }

  async #run(): Promise<void> {
    const { runtime, logger } = this.#parts;
    for (let failures = 0; !this.#stopping.signal.aborted; ) {
      try {
        await this.#member(() => {
          failures = 0;
          this.#damage = null;
        });
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error;
        if (this.#stopping.signal.aborted || error.code === 'LOG_CLOSED') return;
        failures += 1;
        const damaged = error.code === 'LOG_DAMAGED';
        this.#damage = damaged ? error : null;
        if (damaged) this.#tell();
        logger[damaged ? 'error' : 'warn'](
          { code: error.code, error: error.message },
          damaged ? 'the log is not sealed any more' : 'the log could not be sealed, trying again',
        );
      }
      await runtime.timers.sleep(
        backoffMs(Math.max(1, failures), { randomness: runtime.randomness }),
        this.#stopping.signal,
      );
    }
  }

  async #member(onProgress: () => void): Promise<void> {
    const member = await this.#parts.log.openConsumer({
      group: SEALER,
      topics: [SEALS.topic],
      start: 'latest',
    });
    const leaving = new AbortController();
    const stop = () => leaving.abort();
    this.#stopping.signal.addEventListener('abort', stop, { once: true });
    if (this.#stopping.signal.aborted) stop();
    let sealing: Promise<void> = Promise.resolve();
    let failure: unknown = null;
    let office = new AbortController();
    try {
      for (;;) {
        const polled = await member.poll({ maxRecords: 1, signal: leaving.signal });
        if (polled.kind === 'ended') break;
        if (polled.kind === 'assigned' && polled.partitions.length > 0) {
          // Membership is all that is wanted of it.
          member.pause(SEALS);
          office = new AbortController();
          sealing = this.#hold(office.signal, onProgress)
            .catch((error: unknown) => {
              failure = error;
            })
            // An office that ends by itself is left; the group decides who is next.
            .finally(stop);
        }
        if (polled.kind === 'revoked') {
          office.abort();
          await sealing;
          break;
        }
      }
    } finally {
      this.#stopping.signal.removeEventListener('abort', stop);
      office.abort();
      await sealing;
      await member.close();
    }
    if (failure !== null) throw failure;
  }

  /** Resolves when the signal is aborted or another sealer has taken over. */
  async #hold(signal: AbortSignal, onProgress: () => void): Promise<void> {
    const producer = await this.#parts.openTransactions();
    let reader: Pick<SealReader, 'next' | 'close'> | null = null;
    try {
      const chains = await this.#restore();
      const topics = this.#parts.catalogue.sealedTopics().map(({ name }) => name);
      const start = topics
        .flatMap((topic) => this.#parts.catalogue.places(topic))
        .map((place) => ({ ...place, offset: chains.of(place).next }));
      if (topics.length === 0) return;
      reader = await this.#parts.openReader(start);
      this.#office = { chains, producer, turn: Promise.resolve() };
      this.#active.set(1);
      this.#tell();
      await this.#seal(this.#office, reader, signal, onProgress);
    } finally {
      this.#office = null;
      this.#active.set(0);
      await reader?.close();
      await producer.close();
    }
  }

  async #restore(): Promise<SealChains> {
    const { chains, expired } = await restoreChains({ ...this.#parts, heads: this.#heads });
    if (expired.length > 0) await this.#parts.deleteBefore(expired);
    return chains;
  }

  async #seal(
    office: Office,
    reader: Pick<SealReader, 'next'>,
    signal: AbortSignal,
    onProgress: () => void,
  ): Promise<void> {
    const { runtime } = this.#parts;
    for (;;) {
      const round = await reader.next(signal);
      if (round === null) return;
      const { stretches, isMore } = round;
      for (let at = 0; at < stretches.length; at += SEALS_PER_WRITE) {
        const together = stretches.slice(at, at + SEALS_PER_WRITE);
        const written = await this.#inTurn(office, () => this.#write(office, office.chains.seals(together)));
        if (!written) return;
        this.#sealed.increment(
          {},
          together.reduce((sum, { count }) => sum + count, 0),
        );
        onProgress();
        this.#tell();
      }
      if (!isMore && !signal.aborted && this.#waiters.size === 0) {
        this.#hurry = new AbortController();
        await runtime.timers.sleep(LINGER_MS, AbortSignal.any([signal, this.#hurry.signal]));
      }
    }
  }

  async #inTurn<Value>(office: Office, task: () => Promise<Value>): Promise<Value> {
    const former = office.turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    office.turn = promise;
    await former;
    try {
      return await task();
    } finally {
      resolve();
    }
  }

  /** False when another sealer has taken over. */
  async #write({ chains, producer }: Office, entries: readonly ChainEntry[]): Promise<boolean> {
    if (entries.length === 0) return true;
    const written = entries.map((entry) => ({ entry, bytes: encodeChainEntry(entry) }));
    const records = written.map(
      ({ entry, bytes }): PlacedRecord => ({
        ...SEALS,
        key: chainKey(entry.topic, entry.partition),
        value: bytes,
      }),
    );
    const outcome = await producer.commitPlaced(records);
    if (outcome.kind === 'fenced') return false;
    for (const { entry, bytes } of written) chains.add(entry, bytes);
    const last = outcome.positions.at(-1);
    assert(last !== undefined, 'a seal written has a place');
    this.#heads.follow(chains, entries, last.offset + 1);
    return true;
  }

  /**
   * Waits until everything that is there now is sealed, by this process; false when it does not seal within
   * `patienceMs`.
   */
  async caughtUp(patienceMs: number): Promise<boolean> {
    const { catalogue, runtime } = this.#parts;
    const endMs = runtime.clock.monotonicMs() + patienceMs;
    const places = catalogue.sealedTopics().flatMap(({ name }) => catalogue.places(name));
    const ends = await this.#parts.ends.extents(places);
    for (;;) {
      const office = this.#office;
      if (office !== null && ends.every((end) => office.chains.of(end).next >= end.nextOffset)) return true;
      const leftMs = endMs - runtime.clock.monotonicMs();
      if (leftMs <= 0 || this.#stopping.signal.aborted || this.#damage !== null) return false;
      const woken = new AbortController();
      const wake = () => woken.abort();
      this.#waiters.add(wake);
      this.#hurry.abort();
      await runtime.timers.sleep(Math.min(leftMs, LINGER_MS), woken.signal);
      this.#waiters.delete(wake);
    }
  }

  /**
   * Removes the records of `place` that are older than `before`, whole seals only: the chain says so first, then the
   * broker is told. Answers how many records that were.
   */
  async expire(place: TopicPartition, firstOffset: number, before: number): Promise<number> {
    const office = this.#office;
    if (office === null) return 0;
    const due = await this.#due.find(place, firstOffset, before);
    const end = due.at(-1);
    if (end === undefined) return 0;
    const position = { ...place, offset: end.last + 1 };
    const written = await this.#inTurn(office, () => {
      const previous = office.chains.of(place).hash;
      return this.#write(office, [{ kind: 'expiry', ...place, before: position.offset, previous }]);
    });
    if (!written) return 0;
    await this.#parts.deleteBefore([position]);
    return due.reduce((sum, { count }) => sum + count, 0);
  }
}
