/**
 * Fetches partitions to seal what was committed in them: rounds of one fetch from every broker that leads some of them, which
 * answers with what is there, whole batches as the broker keeps them. What a broker did not answer, or refused, is told beside
 * what the others gave, and its partitions are asked for again in the next round, where they are led then.
 */
import assert from 'node:assert/strict';
import type { Broker, Connection, ConnectionPool, metadataV12 } from '@platformatic/kafka';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import type { Position } from '../event-log.ts';
import { chainKey } from '../seal.ts';
import { type FetchAnswer, fetchCommitted, type WantedTopic } from './fetch-call.ts';
import { CODE } from './kafka-failures.ts';
import type { KafkaFailure } from './kafka-library.ts';
import { type ProtocolClient, type ProtocolOptions, protocolFailure } from './protocol-client.ts';
import { type BatchCodec, CommittedRecords, UnreadableBatch } from './record-batches.ts';
import { type SealedStretch, sealedStretches } from './sealed-stretches.ts';

/** Plain data, since a thread is given it. */
export interface FetchStart {
  readonly hosts: ServerAddress['hosts'];
  readonly options: ProtocolOptions;
  /** Topics as on the cluster. */
  readonly start: readonly Position[];
}

export interface FetchRound {
  /** In order within each partition. */
  readonly stretches: readonly SealedStretch[];
  /** Whether more was there than was fetched. */
  readonly isMore: boolean;
  /** One of those of this round. */
  readonly failure: KafkaFailure | null;
}

type MetadataResponse = Awaited<ReturnType<typeof metadataV12.api.async>>;

interface Place {
  readonly topic: string;
  readonly partition: number;
  next: number;
}

interface Leader {
  readonly broker: Broker;
  readonly brokerId: number;
  readonly epoch: number;
}

export class CommittedFetches {
  readonly #client: ProtocolClient;
  readonly #pool: ConnectionPool;
  readonly #codec: BatchCodec;
  /** The next to be asked for first. */
  readonly #places = new Map<string, Place>();
  readonly #topicIds = new Map<string, string>();
  /** In the address. */
  readonly #named: readonly Broker[];
  /** The first is the next to be asked who leads what. */
  #brokers: readonly Broker[];
  /** By place; what is not there has none, or is not known any more. */
  #leaders: ReadonlyMap<string, Leader> | null = null;

  constructor(client: ProtocolClient, { hosts, options, start }: FetchStart) {
    this.#client = client;
    this.#pool = new client.ConnectionPool('tradehall-sealer', options);
    // A connection that fails tells those who wait for it, and may tell once more when nobody does.
    this.#pool.on('connecting', ({ connection }) => connection.on('error', () => undefined));
    this.#codec = codecOf(client);
    this.#named = hosts.map(({ host, port }) => ({ host, port }));
    this.#brokers = this.#named;
    for (const { topic, partition, offset } of start)
      this.#places.set(chainKey(topic, partition), { topic, partition, next: offset });
  }

  async round(): Promise<FetchRound> {
    try {
      this.#leaders ??= await this.#findLeaders();
    } catch (error) {
      // One that takes connections and does not answer would be the first again.
      this.#brokers = [...this.#brokers.slice(1), ...this.#brokers.slice(0, 1)];
      return failed(this.#failure(error));
    }
    const leaders = this.#leaders;
    const byBroker = Map.groupBy(
      this.#places.values(),
      ({ topic, partition }) => leaders.get(chainKey(topic, partition))?.brokerId,
    );
    const rounds = await Promise.all(
      [...byBroker].map(([brokerId, places]) =>
        brokerId === undefined
          ? failed({ code: CODE.leaderNotAvailable, message: `${places.length} partitions have no leader` })
          : this.#fetch(leaders, places),
      ),
    );
    const failure = rounds.find((round) => round.failure !== null)?.failure ?? null;
    if (failure !== null) this.#leaders = null;
    return {
      stretches: rounds.flatMap(({ stretches }) => stretches),
      isMore: rounds.some(({ isMore }) => isMore),
      failure,
    };
  }

  /** Of an error that is no bug. */
  #failure(error: unknown): KafkaFailure {
    if (error instanceof UnreadableBatch) return { code: CODE.badMessage, message: error.message };
    const failure = protocolFailure(this.#client, error);
    if (failure === null) throw error;
    return failure;
  }

  async #fetch(leaders: ReadonlyMap<string, Leader>, places: readonly Place[]): Promise<FetchRound> {
    const [first] = places;
    const leader = first && leaders.get(chainKey(first.topic, first.partition));
    assert(leader !== undefined, 'places are asked for where they are led');
    let answer: FetchAnswer;
    try {
      const connection = await this.#pool.get(leader.broker);
      answer = await fetchCommitted(this.#client, connection, this.#wanted(leaders, places));
    } catch (error) {
      return failed(this.#failure(error));
    }
    return this.#taken(answer);
  }

  #wanted(leaders: ReadonlyMap<string, Leader>, places: readonly Place[]): readonly WantedTopic[] {
    return [...Map.groupBy(places, ({ topic }) => topic)].map(([topic, own]) => {
      const topicId = this.#topicIds.get(topic);
      assert(topicId !== undefined, 'a topic with a leader has an id');
      const partitions = own.map(({ partition, next }) => {
        const leader = leaders.get(chainKey(topic, partition));
        assert(leader !== undefined, 'places are asked for where they are led');
        return { partition, leaderEpoch: leader.epoch, offset: next };
      });
      return { topicId, partitions };
    });
  }

  #taken({ errorCode, partitions }: FetchAnswer): FetchRound {
    if (errorCode !== 0) return failed({ code: errorCode, message: 'a fetch was refused' });
    const stretches: SealedStretch[] = [];
    let isMore = false;
    let failure: KafkaFailure | null = null;
    const names = new Map([...this.#topicIds].map(([topic, id]) => [id, topic]));
    for (const answer of partitions) {
      const key = chainKey(names.get(answer.topicId) ?? '', answer.partition);
      const place = this.#places.get(key);
      if (place === undefined) continue;
      if (answer.errorCode !== 0) {
        failure = {
          code: answer.errorCode,
          message: `${place.topic}/${place.partition} cannot be fetched at ${place.next}`,
        };
        continue;
      }
      const records = new CommittedRecords(answer, place.next, this.#codec);
      try {
        stretches.push(...sealedStretches(place, records));
      } catch (error) {
        if (!(error instanceof UnreadableBatch)) throw error;
        failure = {
          code: CODE.badMessage,
          message: `${place.topic}/${place.partition} after ${place.next}: ${error.message}`,
        };
        continue;
      }
      const { next } = records;
      isMore ||= next < answer.stableEnd;
      if (next === place.next) continue;
      place.next = next;
      // It has had its turn: where an answer is full, those behind it are first the next time.
      this.#places.delete(key);
      this.#places.set(key, place);
    }
    return { stretches, isMore, failure };
  }

  async #findLeaders(): Promise<ReadonlyMap<string, Leader>> {
    const connection = await this.#pool.getFirstAvailable([...this.#brokers]);
    const topics = [...new Set([...this.#places.values()].map(({ topic }) => topic))];
    const metadata = await this.#metadata(connection, topics);
    const brokers = new Map(metadata.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    this.#brokers = differing([...brokers.values(), ...this.#named]);
    const leaders = new Map<string, Leader>();
    for (const { name, topicId, partitions } of metadata.topics) {
      if (name === null || name === undefined) continue;
      // One that was made again is another: what is sealed of the first does not go on in it.
      if ((this.#topicIds.get(name) ?? topicId) !== topicId) continue;
      this.#topicIds.set(name, topicId);
      for (const { partitionIndex, leaderId, leaderEpoch } of partitions) {
        const broker = brokers.get(leaderId);
        if (broker !== undefined)
          leaders.set(chainKey(name, partitionIndex), { broker, brokerId: leaderId, epoch: leaderEpoch });
      }
    }
    return leaders;
  }

  async #metadata(connection: Connection, topics: readonly string[]): Promise<MetadataResponse> {
    try {
      return await this.#client.metadataV12.api.async(connection, [...topics], false, false);
    } catch (error) {
      // A partition without a leader makes an error of the whole answer; the others have theirs.
      const answer: MetadataResponse | undefined =
        error instanceof this.#client.ResponseError ? error['response'] : undefined;
      if (answer === undefined || answer.topics.some(({ errorCode }) => errorCode !== 0)) throw error;
      return answer;
    }
  }
}

function differing(brokers: readonly Broker[]): readonly Broker[] {
  return [...new Map(brokers.map((broker) => [`${broker.host}:${broker.port}`, broker])).values()];
}

function failed(failure: KafkaFailure): FetchRound {
  return { stretches: [], isMore: false, failure };
}

function codecOf(client: ProtocolClient): BatchCodec {
  return {
    crc32c: (bytes) => client.crc32c(bytes),
    decompress: (kind, bytes) => client.compressionsAlgorithmsByBitmask[kind]?.decompressSync(bytes) ?? null,
  };
}
