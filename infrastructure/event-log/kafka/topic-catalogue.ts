/**
 * The topics of the cluster that are ours: how many partitions each has, and what was declared of it.
 *
 * The broker keeps what matters to it (partitions, compaction); whether a topic is sealed and when its records expire
 * only the declaration knows, since retention is this program's (see log-sealer.ts): the broker is told to keep all.
 */
import assert from 'node:assert/strict';
import { TOPIC } from '#domain/data/topics.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { KEY_BYTES_MAX, type NewRecord, type TopicPartition, type TopicSpec } from '../event-log.ts';
import { partitionOfKey } from '../partitioner.ts';
import type { PlacedRecord } from './delivering-producer.ts';
import {
  BROKERS_TOPICS,
  MIN_IN_SYNC,
  notReplicated,
  REPLICAS,
  requireInSyncReplicas,
} from './in-sync-replicas.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { CODE, codeOf } from './kafka-failures.ts';
import type { NativeMetadata, NativeTopic } from './kafka-library.ts';
import { CALL_TIMEOUT_MS } from './kafka-settings.ts';
import { KEPT_COMPRESSION, requireKeptCompression } from './topic-compression.ts';

/** Of a batch as the broker sees it: a record of the largest size and what is around it. */
const MAX_BATCH_BYTES = 2 * 1024 * 1024;
/** The broker compacts closed segments only: of a topic of states they are closed early. */
const COMPACTED_SEGMENT_BYTES = 64 * 1024 * 1024;
const COMPACTED_SEGMENT_MS = 3_600_000;

type Asked = Pick<KafkaConnection, 'name' | 'hostsNamed' | 'read' | 'ask' | 'failed' | 'settings'>;

export class TopicCatalogue {
  readonly #connection: Asked;
  readonly #prefix: string;
  readonly #maxRecordBytes: number;
  readonly #leavesOutAdded: boolean;
  readonly #partitions = new Map<string, number>();
  readonly #declared = new Map<string, TopicSpec>();
  /** By topic, those that are left out. */
  readonly #added = new Map<string, readonly TopicPartition[]>();
  /** At work when the cluster was asked. */
  #brokerIds: readonly number[] = [];
  /** With those that are down, as far as somebody names them: a topic as the place of a replica, or the address. */
  #size = 1;
  /** By name on the cluster, of the partition that has fewest. */
  #replicas: ReadonlyMap<string, number> = new Map();

  /** Partitions that a topic has beyond those declared are refused, or left out. */
  constructor(connection: Asked, prefix: string, maxRecordBytes: number, leavesOutAdded = false) {
    this.#leavesOutAdded = leavesOutAdded;
    this.#connection = connection;
    this.#prefix = prefix;
    this.#maxRecordBytes = maxRecordBytes;
  }

  /** What a cluster says of itself. */
  learn({ brokers, topics }: NativeMetadata): void {
    this.#brokerIds = brokers.map(({ id }) => id);
    const named = topics.flatMap(({ partitions }) => partitions.flatMap(({ replicas }) => replicas));
    const known = new Set([...this.#brokerIds, ...named]);
    this.#size = Math.max(known.size, this.#connection.hostsNamed);
    for (const { name, partitions } of topics) {
      if (name.startsWith(this.#prefix))
        this.#partitions.set(name.slice(this.#prefix.length), partitions.length);
    }
    this.#replicas = new Map(
      topics.map(({ name, partitions }) => [
        name,
        Math.min(...partitions.map(({ replicas }) => replicas.length)),
      ]),
    );
  }

  specs(): readonly TopicSpec[] {
    return [...this.#declared.values()];
  }

  sealedTopics(): readonly TopicSpec[] {
    return this.specs().filter(({ sealed }) => sealed);
  }

  has(topic: string): boolean {
    return this.#partitions.has(topic);
  }

  /** Those declared. Before any is, all with the log's name before theirs, which without one are those of the whole cluster. */
  ours(): readonly string[] {
    const there = [...this.#partitions.keys()];
    return this.#declared.size === 0 ? there : there.filter((name) => this.#declared.has(name));
  }

  /** The number of partitions. */
  count(topic: string): number {
    const count = this.#partitions.get(topic);
    if (count === undefined) throw unknownTopic(topic);
    return count;
  }

  places(topic: string): readonly TopicPartition[] {
    return Array.from({ length: this.count(topic) }, (_unused, partition) => ({ topic, partition }));
  }

  assertPlace({ topic, partition }: TopicPartition): void {
    if (partition < 0 || partition >= this.count(topic)) throw unknownTopic(`${topic}/${partition}`);
  }

  /** Of places that the cluster named. Throws `LOG_TOPIC_MISMATCH` for one that was not there when the log was begun. */
  requireDeclared(places: readonly TopicPartition[]): void {
    for (const { topic, partition } of places) {
      const count = this.count(topic);
      if (partition >= count) throw mismatch(topic, `a partition ${partition}`, count);
    }
  }

  /** Where a record goes, and whether it may be written at all. */
  place(record: NewRecord): PlacedRecord {
    const { topic, key, value } = record;
    assert(topic !== TOPIC.logSeals, 'only the log itself writes seals');
    const partition = record.partition ?? partitionOfKey(key, this.count(topic));
    this.assertPlace({ topic, partition });
    const keyBytes = key === null ? 0 : Buffer.byteLength(key, 'utf8');
    const bytes = keyBytes + (value?.length ?? 0);
    if (keyBytes > KEY_BYTES_MAX || bytes > this.#maxRecordBytes) {
      throw new OperatingError(
        'LOG_RECORD_TOO_LARGE',
        `A record of ${topic} has ${bytes} bytes; the limits are ${this.#maxRecordBytes}, and ${KEY_BYTES_MAX} for its key.`,
        { retry: 'never' },
      );
    }
    assert(key === null || key.isWellFormed(), 'a key is well-formed text');
    assert(
      this.#declared.get(topic)?.cleanup.kind !== 'compact' || key !== null,
      `${topic} is compacted: its records need a key`,
    );
    return { topic, partition, key, value };
  }

  /**
   * By name, the ids that the cluster gave those of `specs` that it has. Throws `LOG_TOPIC_MISMATCH` where one has another
   * number of partitions than declared: which of them a key belongs to follows from the number.
   */
  async ids(specs: readonly TopicSpec[]): Promise<ReadonlyMap<string, string>> {
    const described = await this.#connection.read('describe_topics', () =>
      this.#connection.ask<readonly NativeTopic[]>((admin, callback) =>
        admin.describeTopics(
          specs.map(({ name }) => this.#prefix + name),
          { timeout: CALL_TIMEOUT_MS },
          callback,
        ),
      ),
    );
    const ids = new Map<string, string>();
    for (const { name: nameOnBroker, topicId, partitions, error } of described) {
      const name = nameOnBroker.slice(this.#prefix.length);
      if (error) {
        if (codeOf(error) === CODE.unknownTopicOrPartition) continue;
        throw this.#connection.failed(error);
      }
      this.#learnCount(name, partitions.length, this.#declared.get(name));
      ids.set(name, `${topicId.mostSignificantBits}/${topicId.leastSignificantBits}`);
    }
    return ids;
  }

  /** Throws where a topic that is there is not as declared, or could lose what it acknowledged. */
  declare(specs: readonly TopicSpec[]): void {
    for (const { name, madeBy } of BROKERS_TOPICS) {
      this.#requireReplicas(name, 'its own topic', describeSettings(madeBy));
    }
    for (const spec of specs) {
      const existing = this.#partitions.get(spec.name);
      if (existing !== undefined) this.#learnCount(spec.name, existing, spec);
      const ofTopic = `min.insync.replicas=${MIN_IN_SYNC} (kafka-configs.sh)`;
      this.#requireReplicas(this.#prefix + spec.name, 'the topic', ofTopic);
      this.#declared.set(spec.name, spec);
    }
  }

  #learnCount(name: string, existing: number, declared: TopicSpec | undefined): void {
    const count = declared?.partitions ?? existing;
    if (existing !== count && !(this.#leavesOutAdded && existing > count))
      throw mismatch(name, `${existing} partitions`, count);
    this.#partitions.set(name, count);
    const added = Array.from({ length: existing - count }, (_unused, at) => count + at);
    if (added.length > 0)
      this.#added.set(
        name,
        added.map((partition) => ({ topic: name, partition })),
      );
  }

  /** Of topics that are declared, the partitions that are left out. */
  added(): readonly TopicPartition[] {
    return [...this.#added.values()].flat();
  }

  /** One that is not there yet has what it takes. */
  #requireReplicas(nameOnBroker: string, kind: string, remedy: string): void {
    const replicas = this.#replicas.get(nameOnBroker) ?? REPLICAS;
    if (this.#size === 1 || replicas >= REPLICAS) return;
    throw notReplicated(
      `${this.#connection.name} has ${kind} ${nameOnBroker} with ${replicas} replicas, on ${this.#size} brokers: what was acknowledged may be lost with one of them. ` +
        `Give it ${REPLICAS} (kafka-reassign-partitions.sh), and ${remedy}`,
    );
  }

  /** Throws `LOG_NOT_REPLICATED` where a cluster acknowledges what fewer than two replicas in sync have. */
  async requireInSync(specs: readonly TopicSpec[]): Promise<void> {
    if (this.#size === 1) return;
    await requireInSyncReplicas(this.#connection, this.#found(specs), this.#brokerIds, (name) =>
      this.#replicas.has(name),
    );
  }

  /** Throws `LOG_COMPRESSION` where a topic that was found may hold what cannot be read. */
  async requireReadable(specs: readonly TopicSpec[]): Promise<void> {
    await requireKeptCompression(this.#connection, this.#found(specs));
  }

  /** By name on the cluster, those that there were when it told. */
  #found(specs: readonly TopicSpec[]): readonly string[] {
    return specs.map(({ name }) => this.#prefix + name).filter((name) => this.#replicas.has(name));
  }

  /** Throws `LOG_NOT_REPLICATED` while brokers of a cluster are down, since a topic keeps the replicas it was made with. */
  async make(specs: readonly TopicSpec[]): Promise<void> {
    if (specs.length > 0 && this.#size > 1 && this.#brokerIds.length < REPLICAS) {
      throw notReplicated(
        `${this.#connection.name} has ${this.#brokerIds.length} of its brokers at work, and the topics of a log have ${REPLICAS} replicas on a cluster: start the others, then start again. ` +
          'For trying out one broker is enough, named by itself',
      );
    }
    await Promise.all(specs.map((spec) => this.#create(spec)));
    for (const { name, partitions } of specs) this.#partitions.set(name, partitions);
  }

  async #create(spec: TopicSpec): Promise<void> {
    const replicas = this.#size === 1 ? 1 : REPLICAS;
    const topic = {
      topic: this.#prefix + spec.name,
      num_partitions: spec.partitions,
      replication_factor: replicas,
      config: {
        'min.insync.replicas': String(replicas === REPLICAS ? MIN_IN_SYNC : 1),
        'max.message.bytes': String(MAX_BATCH_BYTES),
        'message.timestamp.type': 'CreateTime',
        ...KEPT_COMPRESSION,
        ...cleanupConfig(spec),
      },
    };
    await this.#connection.read('create_topic', async () => {
      try {
        await this.#connection.ask<unknown>((admin, callback) =>
          admin.createTopic(topic, CALL_TIMEOUT_MS, (error) => callback(error, null)),
        );
      } catch (error) {
        // Another process of ours starts at the same time; a count that differs shows at the next start.
        if (codeOf(error) !== CODE.topicExists) throw error;
      }
    });
  }
}

function cleanupConfig({ cleanup }: TopicSpec): Readonly<Record<string, string>> {
  if (cleanup.kind === 'retain') {
    return { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1' };
  }
  return {
    'cleanup.policy': 'compact',
    'delete.retention.ms': String(cleanup.tombstoneMs),
    'segment.bytes': String(COMPACTED_SEGMENT_BYTES),
    'segment.ms': String(COMPACTED_SEGMENT_MS),
    'min.cleanable.dirty.ratio': '0.2',
  };
}

/** `a=3 and b=2`, as properties have them. */
function describeSettings(settings: Readonly<Record<string, number>>): string {
  return Object.entries(settings)
    .map(([setting, value]) => `${setting}=${value}`)
    .join(' and ');
}

function mismatch(topic: string, has: string, declared: number): OperatingError {
  return new OperatingError(
    'LOG_TOPIC_MISMATCH',
    `The topic ${topic} has ${has}, and is declared with ${declared}; the number is fixed when the log is created. ` +
      'Where somebody has added some: docs/servers.md, partitions that somebody added.',
    { retry: 'never' },
  );
}

function unknownTopic(name: string): OperatingError {
  return new OperatingError('LOG_UNKNOWN_TOPIC', `The event log has no ${name}.`, { retry: 'never' });
}
