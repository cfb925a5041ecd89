/**
 * The event log on Kafka. This file is the port's surface; the parts beside it append, transact, read, find the ends,
 * keep the topics and the seals.
 */
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import type { Metrics } from '#infrastructure/core/metrics.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type {
  Consumer,
  ConsumerSpec,
  EventLog,
  LogRecord,
  NewRecord,
  PartitionExtent,
  Position,
  TopicPartition,
  TopicSpec,
  TransactionalProducer,
} from '../event-log.ts';
import type { LogHead } from '../log-archive.ts';
import { partitionOfKey } from '../partitioner.ts';
import { type LogHeads, openLogHeads } from '../sqlite/log-heads.ts';
import { SEALS_TOPIC } from '../topic-specs.ts';
import { DeliveringProducer } from './delivering-producer.ts';
import { EndReader, OutOfRange } from './end-reader.ts';
import { committedPositions } from './group-positions.ts';
import { groupsOfLog } from './groups-of-log.ts';
import type { HeldClient } from './held-client.ts';
import { instanceName } from './instance-name.ts';
import { KafkaAppender } from './kafka-appender.ts';
import { KafkaConnection } from './kafka-connection.ts';
import { KafkaConsumer } from './kafka-consumer.ts';
import { closedError } from './kafka-failures.ts';
import { loadKafkaLibrary, type NativeConsumer } from './kafka-library.ts';
import {
  appendingSettings,
  followerSettings,
  type GroupProtocol,
  groupNameSettings,
  memberSettings,
  type Reports,
} from './kafka-settings.ts';
import { KafkaTransactions } from './kafka-transactions.ts';
import { prefixOf } from './kafka-url.ts';
import { LogEnds } from './log-ends.ts';
import { deleteBefore, LogExpiry } from './log-expiry.ts';
import { LogSealer, SEALER } from './log-sealer.ts';
import { ReaderPool } from './reader-pool.ts';
import { SealReader } from './seal-reader.ts';
import { readablePositions } from './start-positions.ts';
import { TopicCatalogue } from './topic-catalogue.ts';
import { TopicWatch } from './topic-watch.ts';

export interface KafkaEventLogOptions {
  /** Its path is put before every topic, group and transactional id, so that several logs share a cluster. */
  readonly address: ServerAddress;
  /** Of what is kept outside the log: how far the seals have got, and the name of this instance. */
  readonly directory: string;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Of key and value together. Default 1 MiB. */
  readonly maxRecordBytes?: number;
  /** How long a member may be without a poll. Default 60,000. */
  readonly handOverMs?: number;
  /** For an export. Else partitions that somebody added are refused. */
  readonly leavesOutAdded?: boolean;
}

const REST_MS = 1_000;
/** How long a log that closes goes on sealing. */
const LAST_SEALS_MS = 2_000;
const READ_TRIES = 3;

export class KafkaEventLog implements EventLog {
  readonly givesWrittenBytes = false;
  readonly #options: KafkaEventLogOptions;
  readonly #connection: KafkaConnection;
  readonly #prefix: string;
  readonly #catalogue: TopicCatalogue;
  readonly #readers: ReaderPool;
  readonly #ends: LogEnds;
  readonly #appender: KafkaAppender;
  readonly #consumers = new Set<KafkaConsumer>();
  readonly #producers = new Set<KafkaTransactions>();
  readonly #groupNames = new Map<string, Promise<HeldClient<NativeConsumer>>>();
  readonly #stopResting: () => void;
  readonly #heads: LogHeads;
  readonly #sealer: LogSealer;
  readonly #expiry: LogExpiry;
  readonly #watch: TopicWatch;
  #protocol: GroupProtocol;
  #closing: Promise<void> | null = null;

  private constructor(
    options: KafkaEventLogOptions,
    connection: KafkaConnection,
    catalogue: TopicCatalogue,
    producer: DeliveringProducer,
    heads: LogHeads,
  ) {
    const { address, runtime } = options;
    const instance = instanceName(options.directory, runtime.ids.uuid());
    this.#options = options;
    this.#connection = connection;
    this.#prefix = prefixOf(address);
    this.#catalogue = catalogue;
    this.#protocol = address.parameters['groups'] === 'classic' ? 'classic' : 'consumer';
    const prefix = this.#prefix;
    this.#readers = new ReaderPool(
      () => EndReader.open(connection, prefix),
      () => runtime.clock.monotonicMs(),
    );
    this.#ends = new LogEnds(connection, prefix, this.#readers);
    this.#appender = new KafkaAppender({
      connection,
      ends: this.#ends,
      prefix,
      producer,
      openTransactions: () => this.#openTransactions(`append-${instance}`, 'offsets'),
    });
    this.#heads = heads;
    this.#sealer = new LogSealer({
      // The surface refuses when it closes, and the last seals are written then.
      log: {
        openConsumer: (spec) => this.#openConsumer(spec),
        read: (from, maxRecords) => this.#read(from, maxRecords),
      },
      ends: this.#ends,
      openReader: (start) => this.#openSealReader(start),
      catalogue,
      heads,
      headsFolder: options.directory,
      runtime,
      logger: options.logger,
      metrics: options.metrics,
      openTransactions: () => this.#openTransactions(SEALER, 'offsets'),
      deleteBefore: (positions) => deleteBefore(connection, prefix, positions),
    });
    this.#expiry = new LogExpiry({
      connection,
      catalogue,
      ends: this.#ends,
      prefix,
      sealer: this.#sealer,
    });
    this.#watch = new TopicWatch({
      serverName: connection.name,
      directory: options.directory,
      catalogue,
      ends: this.#ends,
      log: { read: (from, maxRecords) => this.#read(from, maxRecords) },
      timers: runtime.timers,
      logger: options.logger,
    });
    this.#stopResting = runtime.timers.every(REST_MS, () => this.#readers.rest());
  }

  static async open(options: KafkaEventLogOptions): Promise<KafkaEventLog> {
    const { address, runtime, logger, metrics, maxRecordBytes = 1024 * 1024, leavesOutAdded } = options;
    const library = await loadKafkaLibrary();
    const connection = new KafkaConnection({ library, address, runtime, logger, metrics });
    try {
      const { client, metadata } = await connection.producerWithMetadata('append', appendingSettings());
      const catalogue = new TopicCatalogue(connection, prefixOf(address), maxRecordBytes, leavesOutAdded);
      catalogue.learn(metadata);
      const producer = new DeliveringProducer(client);
      return new KafkaEventLog(options, connection, catalogue, producer, openLogHeads(options.directory));
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  #assertOpen(): void {
    if (this.#closing !== null) throw closedError();
  }

  /** Then its seals are kept, by this process or another. */
  async ensureTopics(topics: readonly TopicSpec[]): Promise<void> {
    this.#assertOpen();
    const all = [...topics.filter(({ name }) => name !== SEALS_TOPIC.name), SEALS_TOPIC];
    this.#catalogue.declare(all);
    await this.#catalogue.requireInSync(all);
    await this.#watch.ensure(all);
    await this.#catalogue.requireReadable(all);
    this.#watch.start();
    this.#sealer.start();
  }

  trouble(): string | null {
    return this.#watch.damage?.message ?? this.#sealer.damage?.message ?? null;
  }

  #assertWritable(): void {
    this.#assertOpen();
    this.#assertUndamaged();
  }

  #assertUndamaged(): void {
    const { damage } = this.#watch;
    if (damage !== null) throw damage;
  }

  async topics(): Promise<readonly TopicSpec[]> {
    return this.#catalogue.specs();
  }

  partitionFor(topic: string, key: string): number {
    return partitionOfKey(key, this.#catalogue.count(topic));
  }

  async append(records: readonly NewRecord[]): Promise<readonly Position[]> {
    this.#assertWritable();
    return await this.#appender.append(records.map((record) => this.#catalogue.place(record)));
  }

  async openProducer(transactionalId: string): Promise<TransactionalProducer> {
    this.#assertWritable();
    const producer = await this.#openTransactions(transactionalId, 'failures');
    this.#producers.add(producer);
    return producer;
  }

  #openTransactions(transactionalId: string, reports: Reports): Promise<KafkaTransactions> {
    return KafkaTransactions.open(transactionalId, {
      connection: this.#connection,
      ends: this.#ends,
      prefix: this.#prefix,
      reports,
      place: (record) => {
        this.#assertUndamaged();
        return this.#catalogue.place(record);
      },
      assertPlace: (position) => this.#catalogue.assertPlace(position),
      groupName: (group) => this.#groupName(group),
      onClosed: (producer) => this.#producers.delete(producer),
    });
  }

  #groupName(group: string): Promise<HeldClient<NativeConsumer>> {
    let name = this.#groupNames.get(group);
    if (name === undefined) {
      name = this.#connection.consumer('group', groupNameSettings(this.#prefix + group));
      this.#groupNames.set(group, name);
      name.catch(() => this.#groupNames.delete(group));
    }
    return name;
  }

  async openConsumer(spec: ConsumerSpec): Promise<Consumer> {
    this.#assertOpen();
    return await this.#openConsumer(spec);
  }

  async #openConsumer(spec: ConsumerSpec): Promise<Consumer> {
    const { handOverMs = 60_000 } = this.#options;
    let opened: KafkaConsumer | null = null;
    opened = await KafkaConsumer.open({
      connection: this.#connection,
      catalogue: this.#catalogue,
      ends: this.#ends,
      prefix: this.#prefix,
      spec: { ...spec, topics: [...new Set(spec.topics)] },
      settings:
        spec.group === null
          ? followerSettings()
          : memberSettings(this.#prefix + spec.group, this.#protocol, handOverMs),
      onClosed: () => {
        if (opened !== null) this.#consumers.delete(opened);
      },
      onUnsupported: () => {
        if (this.#protocol === 'classic') return;
        this.#options.logger.info(
          {},
          'no group could be joined by group.protocol=consumer: the classic one is used',
        );
        this.#protocol = 'classic';
      },
    });
    this.#consumers.add(opened);
    return opened;
  }

  async #openSealReader(start: readonly Position[]): Promise<SealReader> {
    const parts = { connection: this.#connection, ends: this.#ends };
    return new SealReader(this.#connection, this.#prefix, await readablePositions(parts, start));
  }

  async read(from: Position, maxRecords: number): Promise<readonly LogRecord[]> {
    this.#assertOpen();
    return await this.#read(from, maxRecords);
  }

  async #read(from: Position, maxRecords: number): Promise<readonly LogRecord[]> {
    this.#catalogue.assertPlace(from);
    let position = from;
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#connection.read('read', () =>
          this.#readers.use(position, (reader) => reader.read(position, maxRecords)),
        );
      } catch (error) {
        if (!(error instanceof OutOfRange)) throw this.#connection.failed(error);
        const [extent] = await this.#ends.extents([from]);
        if (extent === undefined || tries === READ_TRIES || from.offset >= extent.nextOffset) return [];
        // Retention was faster.
        position = { ...from, offset: Math.max(from.offset, extent.firstOffset) };
      }
    }
  }

  async extents(topic: string): Promise<readonly PartitionExtent[]> {
    this.#assertOpen();
    return await this.#ends.extents(this.#catalogue.places(topic));
  }

  async groups(): Promise<readonly string[]> {
    this.#assertOpen();
    const topics = new Set(this.#catalogue.ours().map((name) => this.#prefix + name));
    return await groupsOfLog(this.#connection, this.#prefix, topics);
  }

  /** By a client that has the group's name: the admin client ends the process when an answer comes too late. */
  async committedPositions(group: string, of?: readonly TopicPartition[]): Promise<readonly Position[]> {
    this.#assertOpen();
    const places = of ?? this.#catalogue.ours().flatMap((name) => this.#catalogue.places(name));
    const parts = { connection: this.#connection, prefix: this.#prefix };
    return await committedPositions(parts, await this.#groupName(group), places);
  }

  /**
   * Of sealed topics, whole seals, and only in the process that seals. What the broker compacts it compacts by itself.
   */
  async expire(nowMs: number): Promise<number> {
    this.#assertOpen();
    return await this.#expiry.run(nowMs);
  }

  /** Waits until what is there now is sealed by this process; false when it is not within `patienceMs`. */
  sealed(patienceMs: number): Promise<boolean> {
    this.#assertOpen();
    return this.#sealer.caughtUp(patienceMs);
  }

  /** Waits until everything that was committed can be read; false when something is not within `patienceMs`. */
  settled(patienceMs: number): Promise<boolean> {
    this.#assertOpen();
    const places = this.#catalogue.ours().flatMap((name) => this.#catalogue.places(name));
    return this.#ends.settledWithin(places, patienceMs);
  }

  /** Whether sealing has stopped at something that does not follow from what was sealed before. */
  get sealsAreDamaged(): boolean {
    return this.#sealer.damage !== null;
  }

  /** How far the log reached, as noted outside it. */
  heads(): readonly LogHead[] {
    return this.#heads.all();
  }

  /** How many partitions a topic has on the cluster; `null` where there is no such topic. */
  partitionsOf(topic: string): number | null {
    return this.#catalogue.has(topic) ? this.#catalogue.count(topic) : null;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#sealer.finish(LAST_SEALS_MS);
    this.#stopResting();
    await this.#watch.stop();
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()));
    await Promise.all([...this.#producers].map((producer) => producer.close()));
    await this.#appender.close();
    await this.#readers.close();
    for (const name of this.#groupNames.values()) {
      await (await name.catch(() => null))?.close();
    }
    await this.#connection.close();
    this.#heads.close();
  }
}

/** Throws an `OperatingError` that says what is wrong: the address, the user, TLS, the client, the cluster. */
export function openKafkaEventLog(options: KafkaEventLogOptions): Promise<KafkaEventLog> {
  return KafkaEventLog.open(options);
}
