/**
 * The one writer of the embedded log. Operations that arrive during a turn of the event loop are written in one
 * SQLite transaction and share its sync; each is refused or committed by itself.
 *
 *   submit ─▶ queue ─▶ (end of turn) check each ─▶ BEGIN · records · seals · positions · COMMIT
 *                                                  ─▶ sync, elsewhere ─▶ answers ─▶ pages copied back, if due
 *
 * Transactions keep a distance, unless much is waiting. The next one begins after the sync of the last: what comes
 * meanwhile gathers, so a slow disk makes larger batches. What is not synced yet, nobody sees.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { ChainEntry, Hash } from '../seal.ts';
import { chainHash, chainKey, encodeChainEntry, hashToText, sealRoot } from '../seal.ts';
import type { Durability } from './durability.ts';
import { operatingErrorOf } from './failures.ts';
import type { HeadWriter } from './head-writer.ts';
import type { Write, Written } from './log-write.ts';
import type { RecordStorage } from './record-storage.ts';
import type { PartitionState } from './topic-registry.ts';

interface Queued {
  readonly write: Write;
  readonly bytes: number;
  resolve(written: Written): void;
  reject(error: unknown): void;
}

export interface LogWriterOptions {
  readonly db: DatabaseSync;
  readonly storage: RecordStorage;
  readonly heads: HeadWriter;
  readonly durability: Durability;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly sealsPartition: () => PartitionState;
  readonly maxQueuedRecords: number;
  readonly maxQueuedBytes: number;
  readonly onCommitted: (partitions: ReadonlySet<PartitionState>) => void;
}

/**
 * A write that finds the queue empty may be so many times as large as the queue: what follows from one input cannot be
 * split, and one price may fill every order that rests on it.
 */
const LONE_WRITE_FACTOR = 16;
/** Records written in one transaction before other work gets a turn (a single larger write is still one transaction). */
const RECORDS_PER_TRANSACTION = 4096;
/**
 * From the beginning of one transaction to that of the next, at least: each writes whole pages and is synced, however little
 * is in it. A write that finds the log at rest waits for nothing.
 */
const PACE_MS = 5;
/** As many records as are worth a transaction of their own, at once. */
const WORTH_A_TRANSACTION = 64;
/** Counted for each write besides its values, so that many empty ones are bounded as well. */
const BYTES_PER_RECORD = 100;

export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #putPosition: StatementSync;
  readonly #putEpoch: StatementSync;
  readonly #queue: Queued[] = [];
  readonly #idle: (() => void)[] = [];
  /** The failure of the last write, as far as it was told. */
  #trouble: string | null = null;
  #queuedRecords = 0;
  #queuedBytes = 0;
  /** By the transaction being written: packed, so often a tenth of what its records have. */
  #storedBytes = 0;
  #running = false;
  #held: Promise<void> = Promise.resolve();
  #syncing: Promise<void> | null = null;
  /** The last transaction, by the monotonic clock. */
  #begunMs = Number.NEGATIVE_INFINITY;
  /** While writes gather; ends it. */
  #gathering: AbortController | null = null;

  constructor(options: LogWriterOptions) {
    this.#options = options;
    this.#putPosition = options.db.prepare(
      `INSERT INTO positions VALUES (?, ?, ?)
       ON CONFLICT (consumer_group, partition_id) DO UPDATE SET next_offset = excluded.next_offset`,
    );
    this.#putEpoch = options.db.prepare(
      'INSERT INTO producers VALUES (?, ?) ON CONFLICT (transactional_id) DO UPDATE SET epoch = excluded.epoch',
    );
  }

  submit(write: Write): Promise<Written> {
    const { refusal } = this.#options.durability;
    if (refusal !== null) return Promise.reject(refusal);
    let bytes = BYTES_PER_RECORD;
    for (const record of write.records)
      bytes += BYTES_PER_RECORD + (record.value === null ? 0 : record.value.length);
    const { maxQueuedRecords, maxQueuedBytes } = this.#options;
    const mostRecords = maxQueuedRecords * LONE_WRITE_FACTOR;
    const mostBytes = maxQueuedBytes * LONE_WRITE_FACTOR;
    if (write.records.length > mostRecords || bytes > mostBytes) {
      const message = `A write may hold ${mostRecords} records and ${mostBytes} bytes; this one has ${write.records.length} and ${bytes}.`;
      return Promise.reject(new OperatingError('LOG_RECORD_TOO_LARGE', message, { retry: 'never' }));
    }
    if (
      this.#queue.length > 0 &&
      (this.#queuedRecords + write.records.length > maxQueuedRecords ||
        this.#queuedBytes + bytes > maxQueuedBytes)
    ) {
      const message = 'The event log is behind with writing; its queue is full.';
      return Promise.reject(new OperatingError('LOG_UNAVAILABLE', message, { retry: 'retry' }));
    }
    this.#queuedRecords += write.records.length;
    this.#queuedBytes += bytes;
    return new Promise((resolve, reject) => {
      this.#queue.push({ write, bytes, resolve, reject });
      if (this.#gathering !== null && this.#isWorthIt()) this.#gathering.abort();
      if (!this.#running) {
        this.#running = true;
        void this.#run();
      }
    });
  }

  /** Writes nothing until the returned function is called; what comes meanwhile waits in the queue. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    return resolve;
  }

  /**
   * While a transaction is committed and not yet synced, what is known of the partitions is behind the file: another
   * transaction of this connection waits for `synced` until this is false.
   */
  get isSyncing(): boolean {
    return this.#syncing !== null;
  }

  async synced(): Promise<void> {
    await this.#syncing;
  }

  /** Resolves when nothing is queued. */
  async idle(): Promise<void> {
    if (this.#running) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Runs `task` in a transaction of its own. Only between turns, as every transaction here is synchronous. */
  inTransaction(task: () => void): void {
    const { db, durability } = this.#options;
    // What is known of the partitions is behind the file then, for ever.
    if (durability.refusal !== null) throw durability.refusal;
    let atCommit = false;
    try {
      this.#rollBack();
      db.exec('BEGIN');
      task();
      atCommit = true;
      db.exec('COMMIT');
    } catch (error) {
      this.#rollBack();
      throw operatingErrorOf(error, atCommit) ?? error;
    }
  }

  /** Adds an entry to the chain of its partition, within the transaction being written. */
  writeChainEntry(partition: PartitionState, entry: ChainEntry, appendedAtMs: number): Hash {
    const seals = this.#options.sealsPartition();
    const bytes = encodeChainEntry(entry);
    const offset = seals.pendingNextOffset;
    seals.pendingNextOffset += 1;
    const key = chainKey(entry.topic, entry.partition);
    this.#storedBytes += this.#options.storage.insert(seals, [{ offset, key, value: bytes, appendedAtMs }]);
    const hash = chainHash(bytes);
    this.#options.storage.advance(partition, partition.pendingNextOffset, hashToText(hash));
    return hash;
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      await this.#options.runtime.timers.yieldTurn();
      await this.#gather();
      await this.#held;
      this.#begunMs = this.#options.runtime.clock.monotonicMs();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#syncing = promise;
      await this.#flush(this.#take());
      await this.#options.durability.copyBack();
      const { refusal } = this.#options.durability;
      if (refusal !== null) for (const queued of this.#queue.splice(0)) queued.reject(refusal);
      this.#syncing = null;
      resolve();
    }
    this.#running = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Right after a transaction, until the next may begin. */
  async #gather(): Promise<void> {
    const { clock, timers } = this.#options.runtime;
    const remainingMs = this.#begunMs + PACE_MS - clock.monotonicMs();
    if (remainingMs <= 0 || this.#isWorthIt()) return;
    this.#gathering = new AbortController();
    await timers.sleep(remainingMs, this.#gathering.signal);
    this.#gathering = null;
  }

  #isWorthIt(): boolean {
    return this.#queuedRecords >= WORTH_A_TRANSACTION;
  }

  #take(): Queued[] {
    let records = 0;
    let count = 0;
    for (const queued of this.#queue) {
      records += queued.write.records.length;
      if (count > 0 && records > RECORDS_PER_TRANSACTION) break;
      count += 1;
    }
    const taken = this.#queue.splice(0, count);
    for (const queued of taken) {
      this.#queuedRecords -= queued.write.records.length;
      this.#queuedBytes -= queued.bytes;
    }
    return taken;
  }

  #rollBack(): void {
    // SQLite ends the transaction by itself on a full disk and the like.
    if (this.#options.db.isTransaction) this.#options.db.exec('ROLLBACK');
  }

  async #flush(taken: readonly Queued[]): Promise<void> {
    const touched = new Set<PartitionState>();
    const answers: (() => void)[] = [];
    const writing: Queued[] = [];
    let chainHashes: ReadonlyMap<PartitionState, Hash> = new Map();
    let atCommit = false;
    try {
      this.#rollBack();
      this.#storedBytes = 0;
      const nowMs = this.#options.runtime.clock.nowMs();
      let begun = false;
      for (const queued of taken) {
        const verdict = queued.write.check();
        if (verdict.kind === 'refused') {
          answers.push(() => queued.reject(verdict.error));
          continue;
        }
        if (verdict.kind === 'fenced') {
          answers.push(() => queued.resolve({ kind: 'fenced' }));
          continue;
        }
        if (!begun) this.#options.db.exec('PRAGMA synchronous = NORMAL; BEGIN');
        begun = true;
        writing.push(queued);
        const offsets = this.#write(queued.write, nowMs, touched);
        answers.push(() => queued.resolve({ kind: 'written', offsets }));
      }
      if (begun) {
        chainHashes = this.#store(touched, nowMs);
        atCommit = true;
        this.#options.db.exec('COMMIT; PRAGMA synchronous = FULL');
      }
    } catch (error) {
      this.#abandon(touched, taken, error, atCommit);
      return;
    }
    if (writing.length > 0) {
      const failure = await this.#options.durability.makeDurable(touched.size, this.#storedBytes);
      if (failure !== null) {
        for (const queued of taken) queued.reject(failure);
        return;
      }
    }
    if (this.#trouble !== null && writing.length > 0) {
      this.#trouble = null;
      this.#options.logger.info({}, 'the event log writes again');
    }
    for (const partition of touched) {
      partition.nextOffset = partition.pendingNextOffset;
      partition.chainHash = chainHashes.get(partition) ?? partition.chainHash;
      partition.tail?.push(partition.pendingRecords);
      partition.pendingRecords = [];
    }
    if (touched.size > 0) this.#options.heads.moved(touched);
    for (const answer of answers) answer();
    if (touched.size > 0) this.#options.onCommitted(touched);
  }

  #abandon(
    touched: ReadonlySet<PartitionState>,
    taken: readonly Queued[],
    error: unknown,
    atCommit: boolean,
  ): void {
    for (const partition of touched) {
      partition.pendingNextOffset = partition.nextOffset;
      partition.pendingRecords = [];
    }
    let reason = operatingErrorOf(error, atCommit) ?? error;
    try {
      this.#rollBack();
      this.#options.db.exec('PRAGMA synchronous = FULL');
    } catch (rollBackError) {
      // The next flush tries again before it writes anything.
      reason = operatingErrorOf(rollBackError, true) ?? rollBackError;
    }
    this.#tell(reason);
    for (const queued of taken) queued.reject(reason);
  }

  /** A full disk is told once, not with every write that it refuses: the log of this program may lie on the same disk. */
  #tell(reason: unknown): void {
    const { logger } = this.#options;
    const code = reason instanceof OperatingError ? reason.code : null;
    if (code !== null && code === this.#trouble) return;
    this.#trouble = code;
    const told = code === null ? { err: reason } : { code, error: String(reason) };
    logger.error(told, 'the event log could not write');
  }

  #write(write: Write, nowMs: number, touched: Set<PartitionState>): number[] {
    const { storage } = this.#options;
    const offsets: number[] = [];
    let before: PartitionState | null = null;
    for (const { partition, key, value } of write.records) {
      const offset = partition.pendingNextOffset;
      if (partition !== before) touched.add(partition);
      before = partition;
      partition.pendingNextOffset = offset + 1;
      const { spec } = partition.topic;
      const topic = spec.name;
      if (spec.cleanup.kind === 'compact') {
        if (key === null) throw new TypeError(`${topic} is compacted: its records need a key`);
        this.#storedBytes += storage.replace(partition, offset, key, value, nowMs);
      }
      const record = { topic, partition: partition.partition, offset, key, value, appendedAtMs: nowMs };
      partition.pendingRecords.push(record);
      offsets.push(offset);
    }
    if (write.consumed !== null) {
      for (const { partition, offset } of write.consumed.positions) {
        this.#putPosition.run(write.consumed.group, partition.id, offset);
      }
    }
    if (write.epoch !== null) this.#putEpoch.run(write.epoch.transactionalId, write.epoch.epoch);
    return offsets;
  }

  /** What the transaction adds to each partition that keeps all, and its seal. */
  #store(touched: Set<PartitionState>, nowMs: number): Map<PartitionState, Hash> {
    const { storage } = this.#options;
    const chainHashes = new Map<PartitionState, Hash>();
    const seals = this.#options.sealsPartition();
    for (const partition of [...touched]) {
      const { pendingRecords } = partition;
      const { cleanup, sealed } = partition.topic.spec;
      if (cleanup.kind === 'retain') this.#storedBytes += storage.insert(partition, pendingRecords);
      if (!sealed) {
        storage.advance(partition, partition.pendingNextOffset, hashToText(partition.chainHash));
        continue;
      }
      // Before its first entry: what fails after it takes back where the seals stand, too.
      touched.add(seals);
      const last = partition.pendingNextOffset - 1;
      const entry: ChainEntry = {
        kind: 'seal',
        topic: partition.topic.spec.name,
        partition: partition.partition,
        first: partition.nextOffset,
        last,
        count: pendingRecords.length,
        root: sealRoot(pendingRecords),
        previous: partition.chainHash,
      };
      chainHashes.set(partition, this.writeChainEntry(partition, entry, nowMs));
    }
    if (chainHashes.size > 0) {
      storage.advance(seals, seals.pendingNextOffset, hashToText(seals.chainHash));
    }
    return chainHashes;
  }
}
