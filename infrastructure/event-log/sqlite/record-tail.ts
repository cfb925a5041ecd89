/**
 * The last committed records, kept in memory until their readers have taken them: consumers that keep up never touch the
 * file. Whoever is further behind reads the file.
 *
 * One limit for all partitions together, and the oldest go first wherever they lie. Records of all topics share
 * stretches of memory (record-writer.ts), so that those of a quiet topic, kept by a limit of its own, would keep all
 * that was written in the same hour.
 */
import type { LogRecord } from '../event-log.ts';

/** What a record takes beside its value. */
const BYTES_BESIDE_VALUE = 300;

/** Records of one partition that were committed together. */
interface Stretch {
  readonly tail: RecordTail;
  readonly records: readonly LogRecord[];
  readonly firstOffset: number;
  /** Behind the last record. */
  readonly endOffset: number;
  readonly bytes: number;
}

/** What all tails hold, in the order in which it came. */
export class TailMemory {
  readonly #bytesMax: number;
  readonly #held = new Set<Stretch>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  add(stretch: Stretch): void {
    this.#held.add(stretch);
    this.#bytes += stretch.bytes;
    for (const oldest of this.#held) {
      if (this.#bytes <= this.#bytesMax) break;
      oldest.tail.dropBelow(oldest.endOffset);
    }
  }

  /** Says that its tail holds it no more. */
  remove(stretch: Stretch): void {
    if (this.#held.delete(stretch)) this.#bytes -= stretch.bytes;
  }
}

/** Of one partition. */
export class RecordTail {
  readonly #memory: TailMemory;
  /** Without a hole from one to the next. */
  #stretches: Stretch[] = [];

  constructor(memory: TailMemory) {
    this.#memory = memory;
  }

  /** Records just committed, the first of which follows the last one held. */
  push(records: readonly LogRecord[]): void {
    const [first] = records;
    const end = records.at(-1);
    if (first === undefined || end === undefined) return;
    const last = this.#stretches.at(-1);
    if (last !== undefined && first.offset !== last.endOffset) this.clear();
    let bytes = 0;
    for (const { value } of records) bytes += BYTES_BESIDE_VALUE + (value?.length ?? 0);
    const place = { firstOffset: first.offset, endOffset: end.offset + 1 };
    const stretch = { tail: this, records, ...place, bytes };
    this.#stretches.push(stretch);
    this.#memory.add(stretch);
  }

  /** `null`: the record at `offset` is not held. */
  read(offset: number, maxRecords: number): readonly LogRecord[] | null {
    const stretches = this.#stretches;
    let at = this.#stretchWith(offset);
    const stretch = stretches[at];
    if (stretch === undefined || offset < stretch.firstOffset) return null;
    const from = offset - stretch.firstOffset;
    // Nearly always a reader is where a commit began.
    if (from === 0 && at === stretches.length - 1 && stretch.records.length <= maxRecords)
      return stretch.records;
    const read = stretch.records.slice(from, from + maxRecords);
    for (at += 1; read.length < maxRecords; at += 1) {
      const next = stretches[at];
      if (next === undefined) break;
      for (const record of next.records.slice(0, maxRecords - read.length)) read.push(record);
    }
    return read;
  }

  /** The first one that ends behind `offset`. */
  #stretchWith(offset: number): number {
    let low = 0;
    let high = this.#stretches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#stretches[middle]?.endOffset ?? Infinity) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Lets go what was committed together and lies below `offset`, all of it. */
  dropBelow(offset: number): void {
    const count = this.#stretchWith(offset);
    if (count === 0) return;
    for (const stretch of this.#stretches.splice(0, count)) this.#memory.remove(stretch);
  }

  clear(): void {
    this.dropBelow(Infinity);
  }
}
