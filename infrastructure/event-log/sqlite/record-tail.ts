/**
 * The last committed records, kept in memory: consumers that keep up never touch the file. Whoever is further behind
 * reads the file.
 *
 * One limit for all partitions together, and the oldest go first wherever they lie. Records of all topics share
 * stretches of memory (record-writer.ts), so that those of a quiet topic, kept by a limit of its own, would keep all
 * that was written in the same hour.
 */
import type { LogRecord } from '../event-log.ts';

/** What a record takes beside its value. */
const BYTES_BESIDE_VALUE = 300;

function bytesOf(record: LogRecord): number {
  return BYTES_BESIDE_VALUE + (record.value?.length ?? 0);
}

interface Held {
  readonly tail: RecordTail;
  /** Behind the last record. */
  readonly endOffset: number;
  readonly bytes: number;
}

/** What all tails hold, in the order in which it came. */
export class TailMemory {
  readonly #bytesMax: number;
  #held: Held[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Says that `tail` holds so many more bytes, up to `endOffset`. */
  add(tail: RecordTail, endOffset: number, bytes: number): void {
    this.#held.push({ tail, endOffset, bytes });
    this.#bytes += bytes;
    if (this.#bytes <= this.#bytesMax) return;
    // Somewhat further than needed, so that tails are not cut at every commit.
    const enough = this.#bytesMax * 0.875;
    const cuts = new Map<RecordTail, number>();
    let cut = 0;
    for (const oldest of this.#held) {
      if (this.#bytes <= enough) break;
      this.#bytes -= oldest.bytes;
      cuts.set(oldest.tail, oldest.endOffset);
      cut += 1;
    }
    this.#held = this.#held.slice(cut);
    for (const [cutTail, offset] of cuts) cutTail.dropBelow(offset);
  }
}

/** Of one partition. */
export class RecordTail {
  readonly #memory: TailMemory;
  #records: LogRecord[] = [];

  constructor(memory: TailMemory) {
    this.#memory = memory;
  }

  /** Records just committed, the first of which follows the last one held. */
  push(records: readonly LogRecord[]): void {
    const [first] = records;
    const end = records.at(-1);
    if (first === undefined || end === undefined) return;
    const last = this.#records.at(-1);
    if (last !== undefined && first.offset !== last.offset + 1) this.clear();
    let bytes = 0;
    for (const record of records) {
      this.#records.push(record);
      bytes += bytesOf(record);
    }
    this.#memory.add(this, end.offset + 1, bytes);
  }

  /** `null`: the record at `offset` is not held. */
  read(offset: number, maxRecords: number): LogRecord[] | null {
    const [first] = this.#records;
    if (first === undefined || offset < first.offset) return null;
    const from = offset - first.offset;
    return from < this.#records.length ? this.#records.slice(from, from + maxRecords) : null;
  }

  /** Lets the records below `offset` go. */
  dropBelow(offset: number): void {
    const [first] = this.#records;
    if (first !== undefined && offset > first.offset)
      this.#records = this.#records.slice(offset - first.offset);
  }

  clear(): void {
    this.#records = [];
  }
}
