/**
 * Where partitions begin and end. An end is one past the last record that a reader can see, as in every event log: what
 * the broker calls the end counts markers of transactions too, and a reader never stands behind one that is last.
 *
 *   offset  7        8        9        10
 *           record   record   marker        the broker's end is 10, ours 9
 */
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { PartitionExtent, Position, TopicPartition } from '../event-log.ts';
import { chainKey } from '../seal.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { firstFailure, type KafkaFailure } from './kafka-library.ts';
import { CALL_TIMEOUT_MS } from './kafka-settings.ts';
import type { ReaderPool } from './reader-pool.ts';

const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;
/** How far before the broker's end the last record is looked for first; four times as far each time after. */
const STEP_BACK = 8;
const ASK_AGAIN_MS = 100;
const SETTLING_MS = 20;

interface OffsetFound extends TopicPartition {
  readonly offset: number;
  readonly error?: KafkaFailure;
}

interface KnownEnd {
  /** The broker's, when this was found. */
  readonly stableEnd: number;
  readonly nextOffset: number;
}

export class LogEnds {
  readonly #connection: KafkaConnection;
  readonly #prefix: string;
  readonly #readers: ReaderPool;
  readonly #known = new Map<string, KnownEnd>();
  /** Offsets that some record reached for certain; positions up to them need no question. */
  readonly #seen = new Map<string, number>();
  readonly #topicsSeen = new Set<string>();

  constructor(connection: KafkaConnection, prefix: string, readers: ReaderPool) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#readers = readers;
  }

  /** A record before `offset` is there. */
  noteSeen(topic: string, partition: number, offset: number): void {
    const key = chainKey(topic, partition);
    if (offset <= (this.#seen.get(key) ?? 0)) return;
    this.#seen.set(key, offset);
    this.#topicsSeen.add(topic);
  }

  /** Whether this process knows of a record in one of its partitions. */
  hasSeen(topic: string): boolean {
    return this.#topicsSeen.has(topic);
  }

  async #offsets(
    places: readonly TopicPartition[],
    spec: unknown,
    isolationLevel = READ_COMMITTED,
  ): Promise<ReadonlyMap<string, number>> {
    const found = await this.#connection.read('list_offsets', () =>
      this.#connection.ask<readonly OffsetFound[]>((admin, callback) =>
        admin.listOffsets(
          places.map(({ topic, partition }) => ({ topic: this.#prefix + topic, partition, offset: spec })),
          { timeout: CALL_TIMEOUT_MS, isolationLevel },
          (error, result) => callback(error ?? firstFailure(result), result),
        ),
      ),
    );
    return new Map(
      found.map(({ topic, partition, offset }) => [
        chainKey(topic.slice(this.#prefix.length), partition),
        offset,
      ]),
    );
  }

  firstOffsets(places: readonly TopicPartition[]): Promise<ReadonlyMap<string, number>> {
    return this.#offsets(places, this.#connection.library.OffsetSpec.EARLIEST);
  }

  /** The broker's: everything committed is before it, and nothing that an open transaction has written. */
  stableEnds(places: readonly TopicPartition[]): Promise<ReadonlyMap<string, number>> {
    return this.#offsets(places, this.#connection.library.OffsetSpec.LATEST);
  }

  /**
   * Whether no transaction is open there. One that was committed is, until the broker has written its markers, and until
   * then nobody reads it nor what came after it.
   */
  async #settled(places: readonly TopicPartition[]): Promise<boolean> {
    if (places.length === 0) return true;
    const latest = this.#connection.library.OffsetSpec.LATEST;
    const written = await this.#offsets(places, latest, READ_UNCOMMITTED);
    const stable = await this.stableEnds(places);
    return [...written].every(([key, offset]) => (stable.get(key) ?? 0) >= offset);
  }

  /** False when something is still open there after `patienceMs`. */
  async settledWithin(places: readonly TopicPartition[], patienceMs: number): Promise<boolean> {
    const { clock, timers } = this.#connection.runtime;
    const endMs = clock.monotonicMs() + patienceMs;
    while (!(await this.#settled(places))) {
      if (clock.monotonicMs() >= endMs) return false;
      await timers.sleep(SETTLING_MS);
    }
    return true;
  }

  /** The first offset whose record was appended at `timeMs` or later; -1 where there is none. */
  firstSince(places: readonly TopicPartition[], timeMs: number): Promise<ReadonlyMap<string, number>> {
    return this.#offsets(places, new this.#connection.library.OffsetSpec(Math.max(0, timeMs)));
  }

  /** Resolves when every one of `places` has a leader: the controller has a new topic before the brokers do. */
  async led(places: readonly TopicPartition[]): Promise<void> {
    if (places.length === 0) return;
    const { clock, timers } = this.#connection.runtime;
    const endMs = clock.monotonicMs() + CALL_TIMEOUT_MS;
    for (;;) {
      try {
        await this.stableEnds(places);
        return;
      } catch (error) {
        const isEarly = error instanceof OperatingError && error.retry === 'retry';
        if (!isEarly || clock.monotonicMs() >= endMs) throw error;
        await timers.sleep(ASK_AGAIN_MS);
      }
    }
  }

  async extents(places: readonly TopicPartition[]): Promise<readonly PartitionExtent[]> {
    if (places.length === 0) return [];
    const [firsts, ends] = await Promise.all([this.firstOffsets(places), this.stableEnds(places)]);
    const extents = places.map((place) => {
      const key = chainKey(place.topic, place.partition);
      return { ...place, firstOffset: firsts.get(key) ?? 0, nextOffset: ends.get(key) ?? 0 };
    });
    const unsure = extents.filter(
      ({ topic, partition, firstOffset, nextOffset }) =>
        nextOffset > firstOffset && this.#known.get(chainKey(topic, partition))?.stableEnd !== nextOffset,
    );
    await this.#findLast(unsure, STEP_BACK);
    return extents.map((extent) => {
      const known = this.#known.get(chainKey(extent.topic, extent.partition));
      return known?.stableEnd === extent.nextOffset ? { ...extent, nextOffset: known.nextOffset } : extent;
    });
  }

  async #findLast(extents: readonly PartitionExtent[], stepBack: number): Promise<void> {
    if (extents.length === 0) return;
    const starts = extents.map(
      ({ topic, partition, firstOffset, nextOffset }): Position => ({
        topic,
        partition,
        offset: Math.max(firstOffset, nextOffset - stepBack),
      }),
    );
    const last = await this.#connection.read('last_records', () =>
      this.#readers.use(null, (reader) => reader.lastRecords(starts)),
    );
    const further: PartitionExtent[] = [];
    for (const extent of extents) {
      const { topic, partition, firstOffset, nextOffset: stableEnd } = extent;
      const offset = last.get(`${topic}/${partition}`);
      if (offset === undefined && stableEnd - stepBack > firstOffset) {
        further.push(extent);
        continue;
      }
      const nextOffset = offset === undefined ? firstOffset : offset + 1;
      this.#known.set(chainKey(topic, partition), { stableEnd, nextOffset });
      if (offset !== undefined) this.noteSeen(topic, partition, nextOffset);
    }
    await this.#findLast(further, stepBack * 4);
  }

  /** The first of `positions` that is past the end, with the end; `null` when there is none. */
  async beyond(
    positions: readonly Position[],
  ): Promise<{ readonly position: Position; readonly end: number } | null> {
    const unsure = positions.filter(
      ({ topic, partition, offset }) => offset > (this.#seen.get(chainKey(topic, partition)) ?? 0),
    );
    if (unsure.length === 0) return null;
    const ends = await this.stableEnds(unsure);
    for (const position of unsure) {
      const end = ends.get(chainKey(position.topic, position.partition)) ?? 0;
      if (position.offset > end) return { position, end };
    }
    return null;
  }
}

export function beyondEnd({
  position: { topic, partition, offset },
  end,
}: {
  readonly position: Position;
  readonly end: number;
}): OperatingError {
  return new OperatingError(
    'LOG_POSITION_BEYOND_END',
    `Position ${offset} of ${topic}/${partition} is past the end, ${end}.`,
    { retry: 'never' },
  );
}
