/**
 * The last committed records of a partition, kept in memory: consumers that keep up never touch the file. Bounded;
 * whoever is further behind reads the file.
 */
import type { LogRecord } from '../event-log.ts';

/** Of a topic's partitions together, as far as each has its least. */
const RECORDS_OF_TOPIC = 16_384;
const BYTES_OF_TOPIC = 8 * 1024 * 1024;
const RECORDS_LEAST = 2_048;
const BYTES_LEAST = 512 * 1024;

function bytesOf(record: LogRecord): number {
  return 100 + (record.value?.length ?? 0);
}

export class RecordTail {
  readonly #recordsMax: number;
  readonly #bytesMax: number;
  #records: LogRecord[] = [];
  #bytes = 0;

  /** `partitions`: of the topic. */
  constructor(partitions: number) {
    this.#recordsMax = Math.max(RECORDS_LEAST, Math.floor(RECORDS_OF_TOPIC / partitions));
    this.#bytesMax = Math.max(BYTES_LEAST, Math.floor(BYTES_OF_TOPIC / partitions));
  }

  /** Records just committed, the first of which follows the last one held. */
  push(records: readonly LogRecord[]): void {
    const [first] = records;
    const last = this.#records.at(-1);
    if (first === undefined) return;
    if (last !== undefined && first.offset !== last.offset + 1) this.clear();
    for (const record of records) {
      this.#records.push(record);
      this.#bytes += bytesOf(record);
    }
    if (this.#records.length <= this.#recordsMax && this.#bytes <= this.#bytesMax) return;
    // Down to half of both limits, so that the front is not cut at every commit.
    let cut = 0;
    for (const record of this.#records) {
      if (this.#records.length - cut <= this.#recordsMax / 2 && this.#bytes <= this.#bytesMax / 2) break;
      this.#bytes -= bytesOf(record);
      cut += 1;
    }
    this.#records = this.#records.slice(cut);
  }

  /** `null`: the record at `offset` is not held. */
  read(offset: number, maxRecords: number): LogRecord[] | null {
    const [first] = this.#records;
    if (first === undefined || offset < first.offset) return null;
    const from = offset - first.offset;
    return from < this.#records.length ? this.#records.slice(from, from + maxRecords) : null;
  }

  clear(): void {
    this.#records = [];
    this.#bytes = 0;
  }
}
