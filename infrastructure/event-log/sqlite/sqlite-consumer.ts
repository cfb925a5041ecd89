/** One consumer of the embedded log: a member of a group, or a reader of every partition by itself. */
import assert from 'node:assert/strict';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Consumer, ConsumerSpec, LogRecord, Polled, Position, TopicPartition } from '../event-log.ts';
import type { ConsumerGroup, GroupMember } from './consumer-groups.ts';
import type { PartitionState, TopicState } from './topic-registry.ts';

interface Fetch {
  readonly partition: PartitionState;
  offset: number;
  paused: boolean;
  /** Until its user seeks. */
  held: boolean;
}

export interface ConsumerOptions {
  readonly spec: ConsumerSpec;
  readonly topics: readonly TopicState[];
  readonly group: ConsumerGroup | null;
  partitionOf(place: TopicPartition): PartitionState;
  /** `endOffset`: where the partition ended when it was assigned, for `latest`. */
  startOf(partition: PartitionState, endOffset: number): number;
  read(partition: PartitionState, fromOffset: number, maxRecords: number): readonly LogRecord[];
  commit(
    positions: readonly { readonly partition: PartitionState; readonly offset: number }[],
    owned: () => boolean,
  ): Promise<void>;
  onClosed(consumer: SqliteConsumer): void;
}

function placeOf(partition: PartitionState): TopicPartition {
  return { topic: partition.topic.spec.name, partition: partition.partition };
}

export class SqliteConsumer implements Consumer, GroupMember {
  readonly topics: readonly TopicState[];
  readonly #options: ConsumerOptions;
  readonly #fetches = new Map<PartitionState, Fetch>();
  /** Where the next poll begins, so that a busy partition does not starve the others. */
  #turn = 0;
  /** Where partitions ended when they were assigned: what comes after that is read, however late the first poll. */
  readonly #ends = new Map<PartitionState, number>();
  #assigned: PartitionState[] | null = null;
  #revoked: PartitionState[] = [];
  #lost: PartitionState[] = [];
  /** Reported as revoked by the last poll; the next one acknowledges. */
  #leaving: readonly PartitionState[] = [];
  #reportedAssignment = false;
  #polling = false;
  #closed = false;
  #wake: (() => void) | null = null;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.topics = options.topics;
  }

  /** Called once, when the log knows this consumer. */
  begin(): void {
    if (this.#options.group !== null) this.#options.group.join(this);
    else this.onAssigned(this.topics.flatMap((topic) => topic.partitions));
  }

  onAssigned(partitions: readonly PartitionState[]): void {
    for (const partition of partitions) this.#ends.set(partition, partition.nextOffset);
    if (this.#assigned !== null) this.#assigned.push(...partitions);
    // A member that joined with nothing to do still reports its (empty) assignment, once.
    else if (partitions.length > 0 || !this.#reportedAssignment) this.#assigned = [...partitions];
    this.wake();
  }

  onRevoked(partitions: readonly PartitionState[]): void {
    const unreported = partitions.filter((partition) => this.#assigned?.includes(partition));
    this.#assigned = this.#assigned?.filter((partition) => !unreported.includes(partition)) ?? null;
    for (const partition of partitions) this.#fetches.delete(partition);
    this.#revoked.push(...partitions.filter((partition) => !unreported.includes(partition)));
    this.wake();
    // Its user never heard of these, so there is nothing to wait for.
    if (unreported.length > 0) this.#options.group?.acknowledge(this, unreported);
  }

  onLost(partitions: readonly PartitionState[]): void {
    for (const partition of partitions) this.#fetches.delete(partition);
    this.#revoked = this.#revoked.filter((partition) => !partitions.includes(partition));
    this.#lost.push(...partitions);
    this.wake();
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  reads(partition: PartitionState): boolean {
    const fetch = this.#fetches.get(partition);
    return fetch !== undefined && !fetch.paused && !fetch.held;
  }

  /** Of the next record that it will read; `null` where it reads none of the partition. */
  nextOffsetOf(partition: PartitionState): number | null {
    const fetch = this.#fetches.get(partition);
    return fetch === undefined || fetch.held ? null : fetch.offset;
  }

  async poll(options: { readonly maxRecords: number; readonly signal: AbortSignal }): Promise<Polled> {
    assert(!this.#polling, 'one poll at a time');
    assert(options.maxRecords > 0, 'a poll asks for at least one record');
    this.#polling = true;
    const onAbort = () => this.wake();
    options.signal.addEventListener('abort', onAbort, { once: true });
    try {
      if (this.#leaving.length > 0) {
        const leaving = this.#leaving;
        this.#leaving = [];
        this.#options.group?.acknowledge(this, leaving);
      }
      for (;;) {
        if (this.#closed || options.signal.aborted) return { kind: 'ended' };
        const polled = this.#change() ?? this.#records(options.maxRecords);
        if (polled !== null) return polled;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      options.signal.removeEventListener('abort', onAbort);
      this.#polling = false;
    }
  }

  #change(): Polled | null {
    if (this.#lost.length > 0) {
      return { kind: 'revoked', partitions: this.#lost.splice(0).map(placeOf), lost: true };
    }
    if (this.#revoked.length > 0) {
      this.#leaving = this.#revoked.splice(0);
      return { kind: 'revoked', partitions: this.#leaving.map(placeOf), lost: false };
    }
    if (this.#assigned === null) return null;
    const partitions = this.#assigned;
    this.#assigned = null;
    this.#reportedAssignment = true;
    const held = this.#options.spec.start === 'sought';
    const positions = partitions.map((partition) => {
      const endOffset = this.#ends.get(partition) ?? partition.nextOffset;
      const offset = held ? 0 : this.#options.startOf(partition, endOffset);
      this.#fetches.set(partition, { partition, offset, paused: false, held });
      return { ...placeOf(partition), offset };
    });
    return { kind: 'assigned', partitions: positions };
  }

  #records(maxRecords: number): Polled | null {
    const fetches = [...this.#fetches.values()];
    const parts: (readonly LogRecord[])[] = [];
    let wanted = maxRecords;
    for (let step = 0; step < fetches.length && wanted > 0; step += 1) {
      const fetch = fetches[(this.#turn + step) % fetches.length];
      if (fetch === undefined || fetch.paused || fetch.held) continue;
      const read = this.#options.read(fetch.partition, fetch.offset, wanted);
      const last = read.at(-1);
      if (last === undefined) continue;
      fetch.offset = last.offset + 1;
      wanted -= read.length;
      // One that could fill a poll by itself comes last in the next.
      if (parts.push(read) === 1 && wanted === 0) this.#turn += step;
    }
    this.#turn = (this.#turn + 1) % Math.max(1, fetches.length);
    const [only] = parts;
    if (only === undefined) return null;
    return { kind: 'records', records: parts.length === 1 ? only : parts.flat() };
  }

  async commit(positions: readonly Position[]): Promise<void> {
    const { group, spec } = this.#options;
    assert(group !== null, 'a consumer without a group has no positions to commit');
    const places = positions.map((position) => ({
      partition: this.#options.partitionOf(position),
      offset: position.offset,
    }));
    const notOwned = () => places.find(({ partition }) => this.#closed || !group.owns(this, partition));
    const refused = notOwned();
    if (refused !== undefined) {
      const { topic, partition } = placeOf(refused.partition);
      const message = `Group ${spec.group} has given ${topic}/${partition} to another member; its position cannot be committed here.`;
      throw new OperatingError('LOG_NOT_ASSIGNED', message, { retry: 'never' });
    }
    if (places.length > 0) await this.#options.commit(places, () => notOwned() === undefined);
  }

  /** `null` for a partition that is being taken away: its user may not have heard of that yet. */
  #fetchOf(place: TopicPartition): Fetch | null {
    const partition = this.#options.partitionOf(place);
    const fetch = this.#fetches.get(partition);
    if (fetch !== undefined) return fetch;
    const leaving = [...this.#revoked, ...this.#lost, ...this.#leaving].includes(partition);
    if (leaving || this.#closed) return null;
    throw new OperatingError(
      'LOG_NOT_ASSIGNED',
      `${place.topic}/${place.partition} is not assigned to this consumer.`,
      { retry: 'never' },
    );
  }

  seek(position: Position): void {
    const fetch = this.#fetchOf(position);
    if (fetch !== null) {
      fetch.offset = position.offset;
      fetch.held = false;
    }
    this.wake();
  }

  pause(partition: TopicPartition): void {
    const fetch = this.#fetchOf(partition);
    if (fetch !== null) fetch.paused = true;
  }

  resume(partition: TopicPartition): void {
    const fetch = this.#fetchOf(partition);
    if (fetch !== null) fetch.paused = false;
    this.wake();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#fetches.clear();
    this.#options.group?.leave(this);
    this.#options.onClosed(this);
    this.wake();
  }
}

/** Wakes whoever reads one of `partitions`, and lets memory go of what all of `consumers` have taken of them. */
export function tellOfCommit(
  partitions: ReadonlySet<PartitionState>,
  consumers: ReadonlySet<SqliteConsumer>,
): void {
  for (const partition of partitions) {
    let taken = Number.POSITIVE_INFINITY;
    for (const consumer of consumers) taken = Math.min(taken, consumer.nextOffsetOf(partition) ?? taken);
    partition.tail?.dropBelow(taken);
  }
  for (const consumer of consumers) {
    for (const partition of partitions) {
      if (!consumer.reads(partition)) continue;
      consumer.wake();
      break;
    }
  }
}
