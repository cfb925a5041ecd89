/**
 * The client library as far as it is used here, in types of our own: its callback interface, since only that one
 * shows rebalances, delivery reports and ends of partitions as they are.
 *
 * It is loaded when a log on Kafka is opened and not before: it is an optional package, compiled on request.
 */
import { OperatingError } from '#infrastructure/core/operating-error.ts';

/** What the library throws and hands to callbacks: an `Error`, or from some of its calls a plain object. */
export interface KafkaFailure {
  readonly message: string;
  readonly code: number;
  readonly isRetriable?: boolean;
  readonly isTxnRequiresAbort?: boolean;
}

export interface NativePartition {
  readonly topic: string;
  readonly partition: number;
}

export interface NativePosition extends NativePartition {
  /** Missing where there is none. */
  readonly offset?: number | null;
}

export interface NativeMessage extends NativePartition {
  readonly offset: number;
  readonly key?: Buffer | string | null;
  readonly value: Buffer | null;
  readonly timestamp?: number;
}

export interface NativeMetadata {
  readonly brokers: readonly { readonly id: number }[];
  readonly topics: readonly {
    readonly name: string;
    readonly partitions: readonly { readonly id: number; readonly replicas: readonly number[] }[];
  }[];
}

export type Settings = Readonly<Record<string, unknown>>;
type Failed = KafkaFailure | null | undefined;
type Done = (error: Failed) => void;

interface NativeClient {
  connect(
    options: { readonly timeout: number; readonly allTopics?: boolean },
    callback: (error: Failed, metadata: NativeMetadata) => void,
  ): unknown;
  getMetadata(
    options: { readonly timeout: number; readonly allTopics: boolean },
    callback: (error: Failed, metadata: NativeMetadata) => void,
  ): unknown;
  on(event: 'event.error', listener: (error: KafkaFailure) => void): unknown;
}

export interface NativeConsumer extends NativeClient {
  disconnect(callback: () => void): unknown;
  subscribe(topics: readonly string[]): unknown;
  assign(positions: readonly NativePosition[]): unknown;
  unassign(): unknown;
  incrementalAssign(positions: readonly NativePosition[]): unknown;
  incrementalUnassign(places: readonly NativePartition[]): unknown;
  assignmentLost(): boolean;
  committed(
    places: readonly NativePartition[],
    timeoutMs: number,
    callback: (error: Failed, positions: readonly (NativePosition | Error)[]) => void,
  ): unknown;
  commitCb(positions: readonly NativePosition[], callback: Done): unknown;
  consume(count: number, callback: (error: Failed, messages: readonly NativeMessage[]) => void): void;
  seek(position: NativePosition, timeoutMs: number, callback: Done): unknown;
  pause(places: readonly NativePartition[]): unknown;
  resume(places: readonly NativePartition[]): unknown;
  setDefaultConsumeTimeout(timeoutMs: number): void;
  on(event: 'event.error', listener: (error: KafkaFailure) => void): unknown;
  on(event: 'partition.eof', listener: (end: NativePosition) => void): unknown;
}

export interface NativeProducer extends NativeClient {
  disconnect(timeoutMs: number, callback: () => void): unknown;
  produce(
    topic: string,
    partition: number,
    value: Uint8Array | null,
    key: Uint8Array | null,
    timestampMs: number,
    opaque: unknown,
  ): unknown;
  setPollInBackground(on: boolean): unknown;
  /** Of the library, though it may not have heard from a broker yet. */
  isConnected(): boolean;
  /** Hands over what it has to report. */
  poll(): unknown;
  /** Answers when every record handed over is written or has failed. */
  flush(timeoutMs: number, callback: Done): unknown;
  initTransactions(timeoutMs: number, callback: Done): void;
  beginTransaction(callback: Done): void;
  sendOffsetsToTransaction(
    positions: readonly NativePosition[],
    consumer: NativeConsumer,
    timeoutMs: number,
    callback: Done,
  ): void;
  commitTransaction(timeoutMs: number, callback: Done): void;
  abortTransaction(timeoutMs: number, callback: Done): void;
  on(event: 'event.error', listener: (error: KafkaFailure) => void): unknown;
  on(
    event: 'delivery-report',
    listener: (error: Failed, report: NativePosition & { readonly opaque: unknown }) => void,
  ): unknown;
}

/** As `describeTopics` tells it; a topic that is not there has an error. */
export interface NativeTopic {
  readonly name: string;
  readonly topicId: { readonly mostSignificantBits: bigint; readonly leastSignificantBits: bigint };
  readonly partitions: readonly unknown[];
  readonly error?: KafkaFailure;
}

/** A broker that did not tell its groups is an error beside those of the others. */
export interface NativeGroups {
  readonly groups: readonly { readonly groupId: string }[];
  readonly errors: readonly KafkaFailure[];
}

export interface NativeAdmin {
  describeTopics(
    topics: readonly string[],
    options: { readonly timeout: number },
    callback: (error: Failed, topics: readonly NativeTopic[]) => void,
  ): void;
  createTopic(
    topic: {
      readonly topic: string;
      readonly num_partitions: number;
      readonly replication_factor: number;
      readonly config: Readonly<Record<string, string>>;
    },
    timeoutMs: number,
    callback: Done,
  ): void;
  createPartitions(topic: string, partitions: number, timeoutMs: number, callback: Done): void;
  deleteTopic(topic: string, timeoutMs: number, callback: Done): void;
  listGroups(
    options: { readonly timeout: number },
    callback: (error: Failed, result: NativeGroups) => void,
  ): void;
  deleteRecords(
    before: readonly NativePosition[],
    options: { readonly timeout: number },
    callback: (
      error: Failed,
      result: readonly (NativePartition & { readonly lowWatermark: number; readonly error?: KafkaFailure })[],
    ) => void,
  ): void;
  listOffsets(
    places: readonly (NativePartition & { readonly offset: unknown })[],
    options: { readonly timeout: number; readonly isolationLevel: number },
    callback: (
      error: Failed,
      result: readonly (NativePartition & { readonly offset: number; readonly error?: KafkaFailure })[],
    ) => void,
  ): void;
  disconnect(): void;
}

export interface KafkaLibrary {
  readonly KafkaConsumer: new (settings: Settings) => NativeConsumer;
  readonly Producer: new (settings: Settings) => NativeProducer;
  readonly AdminClient: { create(settings: Settings): NativeAdmin };
  readonly OffsetSpec: {
    readonly EARLIEST: unknown;
    readonly LATEST: unknown;
    new (timestampMs: number): unknown;
  };
}

function isLibrary(value: unknown): value is { readonly RdKafka: KafkaLibrary } {
  return typeof value === 'object' && value !== null && 'RdKafka' in value;
}

export function isKafkaFailure(error: unknown): error is KafkaFailure {
  return (
    typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    typeof error.code === 'number' &&
    'message' in error
  );
}

/** Of an answer whose parts may each have failed. */
export function firstFailure(parts: readonly { readonly error?: KafkaFailure }[]): KafkaFailure | undefined {
  return parts.find(({ error }) => error)?.error;
}

/** Throws `LOG_CLIENT_MISSING` with the command that helps. */
export async function loadKafkaLibrary(): Promise<KafkaLibrary> {
  let loaded: unknown;
  try {
    loaded = (await import('@confluentinc/kafka-javascript')).default;
  } catch (cause) {
    throw new OperatingError(
      'LOG_CLIENT_MISSING',
      "Kafka's client library is not compiled here: run `scripts/servers install kafka-client`, some two minutes, once.",
      { retry: 'never', cause },
    );
  }
  if (!isLibrary(loaded)) throw new TypeError('@confluentinc/kafka-javascript has another shape than known');
  return loaded.RdKafka;
}

/** A call with a callback as a promise. A throw within the call rejects. */
export function promised<Value>(
  call: (callback: (error: Failed, value: Value) => void) => unknown,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    call((error, value) => {
      if (error) reject(error);
      else resolve(value);
    });
  });
}
