/**
 * The event log: topics of partitions of records, in order, durable, with transactions and consumer groups.
 *
 * Semantics are Kafka's, so that the embedded log (SQLite) and Kafka are interchangeable:
 * - a record's place is (topic, partition, offset); offsets grow, and may leave holes (compaction; Kafka's markers);
 * - `append` and `commit` resolve only when the records are durable; readers see committed records only, on Kafka
 *   perhaps a moment later;
 * - a transaction covers records of several topics and a group's positions, all or nothing;
 * - opening a producer under a transactional id fences the former one: its commits answer `fenced`;
 * - within a group every partition has one member at a time.
 *
 * Failures are `OperatingError`s: `LOG_UNAVAILABLE` and `LOG_FULL` (retry: nothing was written),
 * `LOG_OUTCOME_UNKNOWN` (unknown: it may have been written), `LOG_CLOSED` (never), `LOG_UNKNOWN_TOPIC` (never),
 * `LOG_RECORD_TOO_LARGE` (never), `LOG_POSITION_BEYOND_END` and `LOG_NOT_ASSIGNED` (never), `LOG_DAMAGED` (never).
 * Values of records may be shared between readers: never write to them.
 */
export type Cleanup =
  | { readonly kind: 'retain'; readonly retentionMs: number | 'forever' }
  /** Only the last record of a key stays; a record with a null value (a tombstone) goes some time after `tombstoneMs`. */
  | { readonly kind: 'compact'; readonly tombstoneMs: number };

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  readonly cleanup: Cleanup;
  /** Whether batches of this topic are sealed in `log_seals`. Compacted topics are not. */
  readonly sealed: boolean;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** `offset` is that of the next record to read. */
export interface Position extends TopicPartition {
  readonly offset: number;
}

/** Of a record that is written, as UTF-8. Who writes to Kafka by himself may write longer ones. */
export const KEY_BYTES_MAX = 1_024;

export interface NewRecord {
  readonly topic: string;
  /** Without one, the key decides (Kafka's murmur2 partitioner). */
  readonly partition?: number;
  readonly key: string | null;
  readonly value: Uint8Array | null;
}

export interface LogRecord extends TopicPartition {
  readonly offset: number;
  readonly key: string | null;
  readonly value: Uint8Array | null;
  /** Wall clock of the append, ms. Never an input to a trading decision. */
  readonly appendedAtMs: number;
}

export interface CommitOutcome {
  readonly kind: 'committed' | 'fenced';
}

export interface Transaction {
  readonly records: readonly NewRecord[];
  readonly consumed?: { readonly group: string; readonly positions: readonly Position[] };
}

export interface TransactionalProducer {
  readonly transactionalId: string;
  /** All or nothing. On `fenced` the caller must stop: another owner has taken over. */
  commit(transaction: Transaction): Promise<CommitOutcome>;
  close(): Promise<void>;
}

export interface ConsumerSpec {
  /** `null`: no group; this consumer reads every partition and commits nothing. */
  readonly group: string | null;
  readonly topics: readonly string[];
  /**
   * Where to begin in a partition without a committed position; `latest` is the end as the partition was assigned. A
   * list of positions is for groupless readers; partitions not listed begin at the earliest record.
   *
   * `sought` is for members that find out by themselves where to go on, once they have fenced the former one: no position
   * is looked up (which waits for a transaction that somebody left open), and of a partition nothing is read before its
   * first `seek`. It is assigned with offset 0.
   */
  readonly start: 'earliest' | 'latest' | 'sought' | readonly Position[];
}

export type Polled =
  /** Ordered within each partition. */
  | { readonly kind: 'records'; readonly records: readonly LogRecord[] }
  /** Partitions now this member's besides those it has; possibly none. */
  | { readonly kind: 'assigned'; readonly partitions: readonly Position[] }
  /**
   * Until the next poll what was done for them can still be committed. `lost`: another member may already own them,
   * so nothing of them can be committed any more.
   */
  | { readonly kind: 'revoked'; readonly partitions: readonly TopicPartition[]; readonly lost: boolean }
  /** The signal was aborted or the consumer closed. */
  | { readonly kind: 'ended' };

export interface Consumer {
  /** Waits for something to report. At most one call at a time. The first answer of a consumer is `assigned`. */
  poll(options: { readonly maxRecords: number; readonly signal: AbortSignal }): Promise<Polled>;
  /** Moves the group's positions forward, durably. Refuses positions of partitions not assigned. */
  commit(positions: readonly Position[]): Promise<void>;
  /** The next poll of this partition begins at `offset`. */
  seek(position: Position): void;
  /** Stops (or resumes) fetching a partition, for back-pressure. */
  pause(partition: TopicPartition): void;
  resume(partition: TopicPartition): void;
  close(): Promise<void>;
}

export interface PartitionExtent extends TopicPartition {
  /** Of the first record that is still there. */
  readonly firstOffset: number;
  /** One past the last record; no record to be written has a lower one. */
  readonly nextOffset: number;
}

export interface EventLog {
  /**
   * Whether readers of this process are given the very bytes that it wrote, for as long as the log has them in memory.
   * Then what they stand for is worth remembering with them (decode-once.ts); else it would only live longer.
   */
  readonly givesWrittenBytes: boolean;
  /** Creates what is missing. A topic that exists with another partition count is an error (`LOG_TOPIC_MISMATCH`). */
  ensureTopics(topics: readonly TopicSpec[]): Promise<void>;
  topics(): Promise<readonly TopicSpec[]>;
  /** Which partition a key goes to. */
  partitionFor(topic: string, key: string): number;
  /** Appends outside a transaction; all of them or none. Concurrent calls share one sync. */
  append(records: readonly NewRecord[]): Promise<readonly Position[]>;
  /** Fences the former holder of `transactionalId`. */
  openProducer(transactionalId: string): Promise<TransactionalProducer>;
  openConsumer(spec: ConsumerSpec): Promise<Consumer>;
  /** Committed records from `offset` on, at most `maxRecords`; empty at the end. */
  read(from: Position, maxRecords: number): Promise<readonly LogRecord[]>;
  extents(topic: string): Promise<readonly PartitionExtent[]>;
  groups(): Promise<readonly string[]>;
  /** What a person must look at before this log can be relied on, in a sentence; `null` while nothing is known to be wrong. */
  trouble(): string | null;
  /**
   * Only those of the partitions in `of`, when given. On Kafka the answer waits until no transaction is under way that
   * moves one of those asked for.
   */
  committedPositions(group: string, of?: readonly TopicPartition[]): Promise<readonly Position[]>;
  /** Removes what retention allows, whole seals only. Called by a background loop; returns records removed. */
  expire(nowMs: number): Promise<number>;
  close(): Promise<void>;
}
