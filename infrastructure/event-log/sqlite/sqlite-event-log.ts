/**
 * The embedded event log: one SQLite file, opened by one process, with Kafka's semantics (see the port).
 *
 * This file is the port's surface; record-placement.ts checks, log-writer.ts writes, consumer-groups.ts shares
 * partitions out, expiry.ts removes, backup.ts copies.
 */
import assert from 'node:assert/strict';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type {
  CommitOutcome,
  Consumer,
  ConsumerSpec,
  EventLog,
  LogRecord,
  NewRecord,
  PartitionExtent,
  Position,
  TopicPartition,
  TopicSpec,
  Transaction,
  TransactionalProducer,
} from '../event-log.ts';
import { partitionOfKey } from '../partitioner.ts';
import { SEALS_TOPIC } from '../topic-specs.ts';
import { backupLogFiles } from './backup.ts';
import { ConsumerGroup } from './consumer-groups.ts';
import { Durability } from './durability.ts';
import { Expiry } from './expiry.ts';
import { operatingErrorOf, translating } from './failures.ts';
import { assertEmpty, assertReachesHeads } from './head-check.ts';
import { HeadWriter } from './head-writer.ts';
import type { LogHeads } from './log-heads.ts';
import { headsExist, openLogHeads } from './log-heads.ts';
import { type LogSync, openLogSync } from './log-sync.ts';
import type { Write, Written } from './log-write.ts';
import { LogWriter } from './log-writer.ts';
import { beyondEnd, type PlacedPosition, positionsWritten, RecordPlacement } from './record-placement.ts';
import { RecordStorage } from './record-storage.ts';
import { openLogFile } from './schema.ts';
import { SqliteConsumer, tellOfCommit } from './sqlite-consumer.ts';
import type { SqliteEventLogOptions } from './sqlite-event-log-options.ts';
import type { PartitionState } from './topic-registry.ts';
import { TopicRegistry } from './topic-registry.ts';

export interface SqliteEventLog extends EventLog {
  /** A consistent copy of the log into an empty folder, while it runs. */
  backup(targetDirectory: string): Promise<void>;
}

class OpenSqliteEventLog implements SqliteEventLog {
  readonly givesWrittenBytes = true;
  readonly #db: ReturnType<typeof openLogFile>;
  readonly #heads: LogHeads;
  readonly #headWriter: HeadWriter;
  readonly #sync: LogSync;
  readonly #registry: TopicRegistry;
  readonly #storage: RecordStorage;
  readonly #writer: LogWriter;
  readonly #expiry: Expiry;
  readonly #runtime: Runtime;
  readonly #logger: Logger;
  readonly #placement: RecordPlacement;
  readonly #handOverMs: number;
  readonly #groups = new Map<string, ConsumerGroup>();
  readonly #consumers = new Set<SqliteConsumer>();
  readonly #epochs = new Map<string, number>();
  readonly #committed = new Map<string, Map<PartitionState, number>>();
  /** Expiries and backups under way: the files are not closed under them. */
  readonly #background = new Set<Promise<unknown>>();
  #closing: Promise<void> | null = null;

  constructor(options: SqliteEventLogOptions) {
    this.#runtime = options.runtime;
    this.#logger = options.logger;
    this.#handOverMs = options.handOverMs ?? 60_000;
    this.#db = openLogFile({ directory: options.directory, maxBytes: options.maxLogBytes ?? null });
    let heads: LogHeads | null = null;
    let sync: LogSync | null = null;
    try {
      this.#registry = new TopicRegistry(this.#db);
      if (!headsExist(options.directory)) assertEmpty(this.#registry, options.directory);
      heads = openLogHeads(options.directory);
      if (heads.all().length === 0) {
        assertEmpty(this.#registry, options.directory);
        heads.begin();
      }
      this.#heads = heads;
      this.#registry.ensure([SEALS_TOPIC]);
      sync = (options.openSync ?? openLogSync)(options.directory);
      // The writer copies pages back itself, between two transactions (log-sync.ts).
      this.#db.exec('PRAGMA wal_autocheckpoint = 0');
      this.#sync = sync;
      this.#placement = new RecordPlacement(this.#registry, options.maxRecordBytes ?? 1024 * 1024);
      this.#storage = new RecordStorage(this.#db);
      this.#headWriter = new HeadWriter({ heads, timers: options.runtime.timers, logger: options.logger });
      this.#writer = new LogWriter({
        db: this.#db,
        storage: this.#storage,
        heads: this.#headWriter,
        durability: new Durability(this.#db, sync, options.runtime.timers, options.logger),
        runtime: options.runtime,
        logger: options.logger,
        sealsPartition: () => this.#registry.partition({ topic: SEALS_TOPIC.name, partition: 0 }),
        maxQueuedRecords: options.maxQueuedRecords ?? 200_000,
        maxQueuedBytes: options.maxQueuedBytes ?? 64 * 1024 * 1024,
        onCommitted: (partitions) => tellOfCommit(partitions, this.#consumers),
      });
      this.#expiry = new Expiry({
        db: this.#db,
        registry: this.#registry,
        storage: this.#storage,
        writer: this.#writer,
        heads: this.#headWriter,
        runtime: options.runtime,
      });
      assertReachesHeads(this.#registry, heads, options.directory);
      this.#headWriter.write(
        this.#registry.all().flatMap((topic) => topic.partitions.filter(({ nextOffset }) => nextOffset > 0)),
      );
      this.#load();
    } catch (error) {
      heads?.close();
      this.#db.close();
      sync?.close();
      throw operatingErrorOf(error, false) ?? error;
    }
  }

  #load(): void {
    const byId = new Map(
      this.#registry.all().flatMap((topic) => topic.partitions.map((partition) => [partition.id, partition])),
    );
    for (const row of this.#db.prepare('SELECT * FROM positions').all()) {
      const partition = byId.get(Number(row['partition_id']));
      assert(partition !== undefined, 'a position belongs to a partition');
      this.#positionsOf(String(row['consumer_group'])).set(partition, Number(row['next_offset']));
    }
    for (const row of this.#db.prepare('SELECT * FROM producers').all()) {
      this.#epochs.set(String(row['transactional_id']), Number(row['epoch']));
    }
  }

  #positionsOf(group: string): Map<PartitionState, number> {
    let positions = this.#committed.get(group);
    if (positions === undefined) {
      positions = new Map();
      this.#committed.set(group, positions);
    }
    return positions;
  }

  #assertOpen(): void {
    if (this.#closing !== null) {
      throw new OperatingError('LOG_CLOSED', 'The event log is closed.', { retry: 'never' });
    }
  }

  async ensureTopics(topics: readonly TopicSpec[]): Promise<void> {
    this.#assertOpen();
    translating(() => this.#registry.ensure(topics));
  }

  async topics(): Promise<readonly TopicSpec[]> {
    return this.#registry.all().map((topic) => topic.spec);
  }

  partitionFor(topic: string, key: string): number {
    return partitionOfKey(key, this.#registry.topic(topic).partitions.length);
  }

  async #submit(write: Write): Promise<Written> {
    this.#assertOpen();
    const written = await this.#writer.submit(write);
    if (written.kind === 'written' && write.consumed !== null) {
      const positions = this.#positionsOf(write.consumed.group);
      for (const { partition, offset } of write.consumed.positions) positions.set(partition, offset);
    }
    return written;
  }

  async append(records: readonly NewRecord[]): Promise<readonly Position[]> {
    this.#assertOpen();
    if (records.length === 0) return [];
    const placed = records.map((record) => this.#placement.record(record));
    const written = await this.#submit({
      records: placed,
      consumed: null,
      epoch: null,
      check: () => ({ kind: 'go' }),
    });
    assert(written.kind === 'written');
    return positionsWritten(placed, written.offsets);
  }

  async openProducer(transactionalId: string): Promise<TransactionalProducer> {
    this.#assertOpen();
    const epoch = (this.#epochs.get(transactionalId) ?? 0) + 1;
    // From here on the former holder is fenced, in memory; on disk the epoch only has to grow across restarts.
    this.#epochs.set(transactionalId, epoch);
    const check: Write['check'] = () =>
      this.#epochs.get(transactionalId) === epoch ? { kind: 'go' } : { kind: 'fenced' };
    await this.#submit({ records: [], consumed: null, epoch: { transactionalId, epoch }, check });
    let closed = false;
    return {
      transactionalId,
      commit: async (transaction: Transaction): Promise<CommitOutcome> => {
        assert(!closed, 'this producer is closed');
        const placed = transaction.records.map((record) => this.#placement.record(record));
        const positions = (transaction.consumed?.positions ?? []).map((position) =>
          this.#placement.position(position),
        );
        const written = await this.#submit({
          records: placed,
          consumed:
            transaction.consumed === undefined ? null : { group: transaction.consumed.group, positions },
          epoch: null,
          check: () => {
            const verdict = check();
            if (verdict.kind !== 'go') return verdict;
            const error = beyondEnd(positions);
            return error === null ? verdict : { kind: 'refused', error };
          },
        });
        if (written.kind === 'fenced') return { kind: 'fenced' };
        return { kind: 'committed' };
      },
      close: async () => {
        closed = true;
      },
    };
  }

  async openConsumer(spec: ConsumerSpec): Promise<Consumer> {
    this.#assertOpen();
    const topics = [...new Set(spec.topics)].map((name) => this.#registry.topic(name));
    for (const topic of topics) this.#registry.follow(topic);
    const given = new Map<PartitionState, number>();
    if (typeof spec.start !== 'string') {
      assert(spec.group === null, 'a list of positions is for readers without a group');
      for (const position of spec.start) given.set(this.#registry.partition(position), position.offset);
    }
    const { group } = spec;
    const consumer = new SqliteConsumer({
      spec,
      topics,
      group: group === null ? null : this.#group(group),
      partitionOf: (place) => this.#registry.partition(place),
      startOf: (partition, endOffset) => this.#startOf(spec, partition, endOffset, given),
      read: (partition, fromOffset, maxRecords) => this.#read(partition, fromOffset, maxRecords),
      commit: (positions, owned) => this.#commitPositions(group ?? '', positions, owned),
      onClosed: (closed) => {
        this.#consumers.delete(closed);
        if (group !== null && this.#groups.get(group)?.empty === true) this.#groups.delete(group);
      },
    });
    this.#consumers.add(consumer);
    consumer.begin();
    return consumer;
  }

  #group(name: string): ConsumerGroup {
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = new ConsumerGroup(this.#runtime, this.#handOverMs);
      this.#groups.set(name, group);
    }
    return group;
  }

  #startOf(
    spec: ConsumerSpec,
    partition: PartitionState,
    endOffset: number,
    given: ReadonlyMap<PartitionState, number>,
  ): number {
    const wanted =
      given.get(partition) ??
      (spec.group === null ? undefined : this.#committed.get(spec.group)?.get(partition));
    if (wanted === undefined) return spec.start === 'latest' ? endOffset : partition.firstOffset;
    if (wanted >= partition.firstOffset) return wanted;
    this.#logger.warn(
      {
        group: spec.group,
        topic: partition.topic.spec.name,
        partition: partition.partition,
        position: wanted,
        firstOffset: partition.firstOffset,
      },
      'retention has removed records that this consumer had not read; it continues at the first one left',
    );
    return partition.firstOffset;
  }

  async #commitPositions(
    group: string,
    positions: readonly PlacedPosition[],
    owned: () => boolean,
  ): Promise<void> {
    await this.#submit({
      records: [],
      consumed: { group, positions },
      epoch: null,
      check: () => {
        const message = `Group ${group} has given a partition to another member.`;
        const error = owned()
          ? beyondEnd(positions)
          : new OperatingError('LOG_NOT_ASSIGNED', message, { retry: 'never' });
        return error === null ? { kind: 'go' } : { kind: 'refused', error };
      },
    });
  }

  #read(partition: PartitionState, fromOffset: number, maxRecords: number): readonly LogRecord[] {
    return translating(() => this.#storage.read(partition, fromOffset, maxRecords));
  }

  async read(from: Position, maxRecords: number): Promise<readonly LogRecord[]> {
    this.#assertOpen();
    return this.#read(this.#registry.partition(from), from.offset, maxRecords);
  }

  async extents(topic: string): Promise<readonly PartitionExtent[]> {
    return this.#registry.topic(topic).partitions.map(({ partition, firstOffset, nextOffset }) => ({
      topic,
      partition,
      firstOffset,
      nextOffset,
    }));
  }

  /** Its files are checked as they are opened, and a read that fails says so. */
  trouble(): null {
    return null;
  }

  async groups(): Promise<readonly string[]> {
    return [...this.#committed.keys()].sort();
  }

  async committedPositions(group: string, of?: readonly TopicPartition[]): Promise<readonly Position[]> {
    const asked = of === undefined ? null : new Set(of.map((place) => this.#registry.partition(place)));
    const committed = [...(this.#committed.get(group) ?? [])];
    const wanted = committed.filter(([partition]) => asked?.has(partition) ?? true);
    return wanted.map(([partition, offset]) => ({
      topic: partition.topic.spec.name,
      partition: partition.partition,
      offset,
    }));
  }

  async expire(nowMs: number): Promise<number> {
    this.#assertOpen();
    return this.#tracked(this.#expiry.run(nowMs, () => this.#closing !== null));
  }

  async backup(targetDirectory: string): Promise<void> {
    this.#assertOpen();
    const files = { log: this.#db, heads: this.#heads.file() };
    await this.#tracked(backupLogFiles(files, targetDirectory, () => this.#writer.hold()));
  }

  async #tracked<Value>(work: Promise<Value>): Promise<Value> {
    this.#background.add(work);
    try {
      return await work;
    } finally {
      this.#background.delete(work);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const consumer of [...this.#consumers]) await consumer.close();
    await this.#writer.idle();
    await Promise.allSettled(this.#background);
    await this.#headWriter.close();
    this.#db.close();
    this.#sync.close();
    this.#heads.close();
  }
}

/** Opens the log in `directory`, creating or upgrading it. One process at a time: another gets `LOG_IN_USE`. */
export function openSqliteEventLog(options: SqliteEventLogOptions): Promise<SqliteEventLog> {
  return Promise.resolve().then(() => new OpenSqliteEventLog(options));
}
