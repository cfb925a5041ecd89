/**
 * Reads partitions without a group up to their ends: what `read` and the ends of partitions are made of.
 *
 * An end is what the client reports as such: markers of transactions and records that were aborted or compacted away
 * take offsets too, so no arithmetic tells where the last record is.
 */
import assert from 'node:assert/strict';
import type { LogRecord, Position } from '../event-log.ts';
import type { HeldClient } from './held-client.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { CODE, codeOf } from './kafka-failures.ts';
import type { NativeConsumer, NativeMessage } from './kafka-library.ts';
import { CALL_TIMEOUT_MS, endReaderSettings } from './kafka-settings.ts';

/** The client does not wake its user for an end; somebody waits for this one. */
const LOOK_MS = 4;
const RECORDS_PER_CALL = 2_000;

export function logRecord(message: NativeMessage, prefix: string): LogRecord {
  const { topic, partition, offset, key, value, timestamp } = message;
  return {
    topic: topic.slice(prefix.length),
    partition,
    offset,
    key: key === null || key === undefined ? null : key.toString(),
    value,
    appendedAtMs: timestamp ?? 0,
  };
}

function placeName({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`;
}

/** What a position was out of: what the log holds has moved on, or never reached it. */
export class OutOfRange extends Error {}

export class EndReader {
  readonly #connection: KafkaConnection;
  readonly #prefix: string;
  readonly #client: HeldClient<NativeConsumer>;
  readonly #ended = new Set<string>();
  #wake: (() => void) | null = null;
  #signalled = false;
  #reading: Position | null = null;

  private constructor(
    connection: KafkaConnection,
    prefix: string,
    client: HeldClient<NativeConsumer>,
    hook: { onData: () => void },
  ) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#client = client;
    hook.onData = () => this.#signal();
    client.now((native) => native.on('partition.eof', (end) => this.#ended.add(placeName(end))));
  }

  static async open(connection: KafkaConnection, prefix: string): Promise<EndReader> {
    const hook = { onData: () => {} };
    const client = await connection.consumer('reader', {
      ...endReaderSettings(),
      queue_non_empty_cb: () => hook.onData(),
    });
    return new EndReader(connection, prefix, client, hook);
  }

  #signal(): void {
    this.#signalled = true;
    this.#wake?.();
  }

  /** Whether the next records of this position are at hand. */
  isAt({ topic, partition, offset }: Position): boolean {
    const at = this.#reading;
    return at !== null && at.topic === topic && at.partition === partition && at.offset === offset;
  }

  /** At most `maxRecords` from `from` on; fewer only at the end. Throws `OutOfRange`. */
  async read(from: Position, maxRecords: number): Promise<readonly LogRecord[]> {
    if (!this.isAt(from)) this.#assign([from]);
    this.#reading = null;
    const records: LogRecord[] = [];
    const place = placeName({ topic: this.#prefix + from.topic, partition: from.partition });
    const startedMs = this.#connection.runtime.clock.monotonicMs();
    while (records.length < maxRecords && !this.#ended.has(place)) {
      const messages = await this.#consume(maxRecords - records.length);
      for (const message of messages) records.push(logRecord(message, this.#prefix));
      if (messages.length === 0) await this.#wait(startedMs);
    }
    const last = records.at(-1);
    // At an end the client falls silent: the next read is a new one.
    if (!this.#ended.has(place) && last !== undefined) this.#reading = { ...from, offset: last.offset + 1 };
    else this.idle();
    return records;
  }

  /** The last record at or after each of `positions`, by `topic/partition`; missing where there is none. */
  async lastRecords(positions: readonly Position[]): Promise<ReadonlyMap<string, number>> {
    this.#assign(positions);
    this.#reading = null;
    const last = new Map<string, number>();
    const startedMs = this.#connection.runtime.clock.monotonicMs();
    while (this.#ended.size < positions.length) {
      const messages = await this.#consume(RECORDS_PER_CALL);
      for (const { topic, partition, offset } of messages) {
        last.set(placeName({ topic: topic.slice(this.#prefix.length), partition }), offset);
      }
      if (messages.length === 0) await this.#wait(startedMs);
    }
    this.idle();
    return last;
  }

  /** Stops fetching. */
  idle(): void {
    this.#reading = null;
    this.#client.now((native) => native.unassign());
  }

  #assign(positions: readonly Position[]): void {
    this.#ended.clear();
    const wanted = positions.map(({ topic, partition, offset }) => ({
      topic: this.#prefix + topic,
      partition,
      offset,
    }));
    this.#client.now((native) => {
      native.unassign();
      native.assign(wanted);
    });
  }

  async #consume(count: number): Promise<readonly NativeMessage[]> {
    assert(count > 0);
    this.#signalled = false;
    try {
      return await this.#client.call<readonly NativeMessage[]>((native, callback) =>
        native.consume(count, callback),
      );
    } catch (error) {
      this.idle();
      const code = codeOf(error);
      if (code === CODE.autoOffsetReset || code === CODE.offsetOutOfRange) throw new OutOfRange();
      throw error;
    }
  }

  async #wait(startedMs: number): Promise<void> {
    const { runtime } = this.#connection;
    if (runtime.clock.monotonicMs() - startedMs > CALL_TIMEOUT_MS) {
      this.idle();
      throw this.#connection.unavailable(`gave no records within ${CALL_TIMEOUT_MS} ms`);
    }
    if (this.#signalled) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await runtime.timers.sleep(LOOK_MS, woken.signal);
    this.#wake = null;
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
