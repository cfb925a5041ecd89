/**
 * The last committed records of a partition, kept in memory: consumers that keep up never touch the file. Bounded;
 * whoever is further behind reads the file.
 */
import type { LogRecord } from '../event-log.ts';

const RECORDS_MAX = 2048;
const BYTES_MAX = 512 * 1024;

function bytesOf(record: LogRecord): number {
  return 100 + (record.value?.length ?? 0);
}

export class RecordTail {
  #records: LogRecord[] = [];
  #bytes = 0;

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
    if (this.#records.length <= RECORDS_MAX && this.#bytes <= BYTES_MAX) return;
    // Down to half of both limits, so that the front is not cut at every commit.
    let cut = 0;
    for (const record of this.#records) {
      if (this.#records.length - cut <= RECORDS_MAX / 2 && this.#bytes <= BYTES_MAX / 2) break;
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
