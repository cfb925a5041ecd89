/** Where a loop reads on in the partitions that it has, and how that compares with the ends of the log and with its store. */
import assert from 'node:assert/strict';
import type { StorePosition, Stretch } from '#infrastructure/common/store-progress.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { EventLog, LogRecord, PartitionExtent, Position, TopicPartition } from './event-log.ts';

/** By `topic/partition`. */
export type Extents = ReadonlyMap<string, PartitionExtent>;

/** Of those that the log can tell. */
export async function extentsOf(log: Pick<EventLog, 'extents'>, topics: readonly string[]): Promise<Extents> {
  const extents = new Map<string, PartitionExtent>();
  try {
    for (const topic of topics) {
      for (const extent of await log.extents(topic)) extents.set(nameOf(extent), extent);
    }
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
  }
  return extents;
}

/** The positions after `records`: what to commit when all of them are stored. */
export function positionsAfter(records: readonly LogRecord[]): readonly Position[] {
  const last = new Map<string, Position>();
  records.forEach(({ topic, partition, offset }, at) => {
    const next = records[at + 1];
    // Records of a partition mostly come together: of each run of them the last one counts.
    if (next !== undefined && next.partition === partition && next.topic === topic) return;
    last.set(`${topic}/${partition}`, { topic, partition, offset: offset + 1 });
  });
  return [...last.values()];
}

export class ReadPositions {
  readonly #byName = new Map<string, Position>();

  get isEmpty(): boolean {
    return this.#byName.size === 0;
  }

  set(positions: readonly Position[]): void {
    for (const { topic, partition, offset } of positions) {
      this.#byName.set(nameOf({ topic, partition }), { topic, partition, offset });
    }
  }

  drop(places: readonly TopicPartition[]): void {
    for (const place of places) this.#byName.delete(nameOf(place));
  }

  clear(): void {
    this.#byName.clear();
  }

  /** What `records`, which were read from here on, cover. */
  stretchesOf(records: readonly LogRecord[]): readonly Stretch[] {
    return positionsAfter(records).map((position) => {
      const before = this.#byName.get(nameOf(position));
      assert(before !== undefined, 'records come of partitions that were assigned');
      return { ...position, from: before.offset };
    });
  }

  /** Goes back to where a store is, in each partition where that is less. Answers where records have to be read again. */
  goBackTo(held: readonly StorePosition[], extents: Extents): readonly Position[] {
    const offsets = new Map(held.map((position) => [nameOf(position), position.offset]));
    return [...this.#byName.values()].flatMap((read) => {
      const offset = offsets.get(nameOf(read)) ?? 0;
      if (offset >= read.offset) return [];
      this.set([{ ...read, offset }]);
      // What retention has left begins later, and nothing before it can be missed.
      const readable = Math.max(offset, extents.get(nameOf(read))?.firstOffset ?? 0);
      return readable < read.offset ? [{ ...read, offset: readable }] : [];
    });
  }

  areBehind(ends: Extents): boolean {
    return [...this.#byName].some(([name, { offset }]) => offset < (ends.get(name)?.nextOffset ?? 0));
  }

  /** Records up to `ends`; `null` where none of those is known. */
  lag(ends: Extents): number | null {
    if (ends.size === 0) return null;
    let lag = 0;
    for (const [name, { offset }] of this.#byName) {
      lag += Math.max(0, (ends.get(name)?.nextOffset ?? 0) - offset);
    }
    return lag;
  }
}

export function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
