/** Writes records of one partition at offsets that are given (import-kafka-log.ts says how). */
import assert from 'node:assert/strict';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { LogRecord, TopicPartition } from '../event-log.ts';
import { chainKey } from '../seal.ts';
import { DeliveringProducer, type PlacedRecord } from './delivering-producer.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import type { KafkaFailure, NativeProducer } from './kafka-library.ts';
import { CALL_TIMEOUT_MS, transactionalSettings } from './kafka-settings.ts';
import type { LogEnds } from './log-ends.ts';

export interface PlacedWriterParts {
  readonly connection: KafkaConnection;
  readonly ends: LogEnds;
  readonly prefix: string;
  readonly producer: DeliveringProducer;
  onWritten(records: number): void;
}

const BATCH_RECORDS = 5_000;
const BATCH_BYTES = 4 * 1024 * 1024;
/** A marker is written a moment after its transaction was ended. */
const LOOK_MS = 2;

type End = (native: NativeProducer, callback: (error: KafkaFailure | null | undefined) => void) => void;

const commit: End = (native, callback) => native.commitTransaction(CALL_TIMEOUT_MS, callback);
const abort: End = (native, callback) => native.abortTransaction(CALL_TIMEOUT_MS, callback);

export class PlacedWriter {
  readonly #place: TopicPartition;
  readonly #parts: PlacedWriterParts;
  /** Of the first of those that wait. */
  #next = 0;
  #waiting: LogRecord[] = [];
  #waitingBytes = 0;
  #transactions: DeliveringProducer | null = null;

  constructor({ topic, partition }: TopicPartition, parts: PlacedWriterParts) {
    this.#place = { topic, partition };
    this.#parts = parts;
  }

  /** In offset order. Throws `LOG_IMPORT_FAILED` when the broker gives another offset, and what an append throws. */
  async put(record: LogRecord): Promise<void> {
    const hole = record.offset - this.#next - this.#waiting.length;
    assert(hole >= 0, 'records come in offset order');
    if (hole > 0) await this.#leaveHole(hole);
    else if (this.#waiting.length >= BATCH_RECORDS || this.#waitingBytes >= BATCH_BYTES) await this.flush();
    this.#waiting.push(record);
    this.#waitingBytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
  }

  /** Resolves when everything put is written. */
  async flush(): Promise<void> {
    const records = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    await this.#write(this.#parts.producer, records);
    this.#next += records.length;
  }

  async close(): Promise<void> {
    await this.#transactions?.client.close();
  }

  async #leaveHole(offsets: number): Promise<void> {
    if (offsets === 1) {
      const last = this.#waiting.pop();
      if (last === undefined) throw this.#failed('the first record is at offset 1, and nothing before it');
      await this.flush();
      await this.#transact([last], commit);
      return;
    }
    await this.flush();
    for (let left = offsets; left > 0; ) {
      // One marker by itself cannot be left.
      const taken = left <= BATCH_RECORDS ? left : Math.min(BATCH_RECORDS, left - 2);
      const empty = Array.from({ length: taken - 1 }, (_unused, at): LogRecord => {
        const offset = this.#next + at;
        return { ...this.#place, offset, key: null, value: null, appendedAtMs: 1 };
      });
      await this.#transact(empty, abort);
      left -= taken;
    }
  }

  /** Takes one offset more than there are records. */
  async #transact(records: readonly LogRecord[], end: End): Promise<void> {
    const { connection } = this.#parts;
    this.#transactions ??= await this.#openTransactions();
    const { client } = this.#transactions;
    try {
      await client.call<undefined>((native, callback) => native.beginTransaction(done(callback)));
      await this.#write(this.#transactions, records);
      await client.call<undefined>((native, callback) => end(native, done(callback)));
    } catch (error) {
      throw connection.failed(error);
    }
    this.#next += records.length + 1;
    await this.#untilEndIs(this.#next);
  }

  async #openTransactions(): Promise<DeliveringProducer> {
    const { connection, prefix } = this.#parts;
    const { topic, partition } = this.#place;
    const settings = transactionalSettings(`${prefix}import-${topic}-${partition}`, 'offsets');
    const producer = new DeliveringProducer(await connection.producer('import', settings));
    try {
      await connection.read('init_transactions', () =>
        producer.client.call<undefined>((native, callback) =>
          native.initTransactions(CALL_TIMEOUT_MS, done(callback)),
        ),
      );
    } catch (error) {
      await producer.client.close();
      throw error;
    }
    return producer;
  }

  async #untilEndIs(wanted: number): Promise<void> {
    const { connection, ends } = this.#parts;
    const { clock, timers } = connection.runtime;
    const startedMs = clock.monotonicMs();
    for (;;) {
      const end = (await ends.stableEnds([this.#place])).get(placeName(this.#place)) ?? 0;
      if (end === wanted) return;
      if (end > wanted) throw this.#failed(`it ends at ${end} instead of ${wanted}`);
      if (clock.monotonicMs() - startedMs > CALL_TIMEOUT_MS) {
        throw connection.unavailable('did not write the end of a transaction');
      }
      await timers.sleep(LOOK_MS);
    }
  }

  async #write(producer: DeliveringProducer, records: readonly LogRecord[]): Promise<void> {
    const { connection, prefix, onWritten } = this.#parts;
    let offsets: readonly number[];
    try {
      const sent = [...atOneTime(records)].map(({ timeMs, placed }) => producer.send(placed, timeMs, prefix));
      offsets = (await Promise.all(sent)).flat();
    } catch (error) {
      throw connection.appendFailed(error);
    }
    for (const [at, offset] of offsets.entries()) {
      if (offset !== this.#next + at) throw this.#failed(`offset ${this.#next + at} became ${offset}`);
    }
    onWritten(records.length);
  }

  #failed(what: string): OperatingError {
    const { topic, partition } = this.#place;
    return new OperatingError(
      'LOG_IMPORT_FAILED',
      `The log could not be written to Kafka as it was (${topic}/${partition}: ${what}): does somebody else write to it? Delete its topics, or choose another name.`,
      { retry: 'never' },
    );
  }
}

function* atOneTime(
  records: readonly LogRecord[],
): Generator<{ readonly timeMs: number; readonly placed: readonly PlacedRecord[] }> {
  let from = 0;
  for (let at = 1; at <= records.length; at += 1) {
    const timeMs = records[from]?.appendedAtMs ?? 0;
    if (records[at]?.appendedAtMs === timeMs) continue;
    yield { timeMs, placed: records.slice(from, at) };
    from = at;
  }
}

function placeName({ topic, partition }: TopicPartition): string {
  return chainKey(topic, partition);
}

function done(
  callback: (error: KafkaFailure | null | undefined, nothing: undefined) => void,
): (error: KafkaFailure | null | undefined) => void {
  return (error) => callback(error, undefined);
}
