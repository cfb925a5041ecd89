/**
 * A producer whose every record is accounted for: written at an offset, or failed. Within a transaction, whose end fails
 * when one of its records did, the offsets can be done without; then only failures are reported.
 */
import type { HeldClient } from './held-client.ts';
import { CODE, codeOfEvent } from './kafka-failures.ts';
import type { KafkaFailure, NativeProducer } from './kafka-library.ts';

export interface PlacedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly key: string | null;
  readonly value: Uint8Array | null;
}

/** Records handed over together. */
interface Shipment {
  readonly offsets: number[];
  waiting: number;
  failure: KafkaFailure | null;
  settle(): void;
}

interface Ticket {
  readonly shipment: Shipment;
  readonly at: number;
}

function isTicket(opaque: unknown): opaque is Ticket {
  return typeof opaque === 'object' && opaque !== null && 'shipment' in opaque;
}

/**
 * What is handed over at once, of a transaction: well within what the client takes (kafka-settings.ts), and more than a
 * commit has unless one input leads to as much by itself. Handing over is work of the event loop, a few µs a record.
 */
const SLICE_RECORDS = 20_000;
/** Of values. */
const SLICE_BYTES = 64 * 1024 * 1024;
/** By an abort, whose reason is told. */
const PURGED = new Set<number>([CODE.purgedInQueue, CODE.purgedInFlight]);

function tooLate(records: number): KafkaFailure {
  return { code: CODE.timedOut, message: `a transaction of ${records} records was not written in time` };
}

export class DeliveringProducer {
  readonly client: HeldClient<NativeProducer>;
  /** What ended this producer; nothing can be sent any more. */
  fatal: KafkaFailure | null = null;
  /** Of a record handed over by `sendAll`, since the last of its calls: the first one. */
  failure: KafkaFailure | null = null;

  constructor(client: HeldClient<NativeProducer>) {
    this.client = client;
    client.now((native) => this.#listen(native));
  }

  #listen(native: NativeProducer): void {
    native.on('event.error', (error) => {
      if (codeOfEvent(error) === CODE.fatal) this.fatal ??= error;
    });
    native.on('delivery-report', (error, report) => {
      if (!isTicket(report.opaque)) {
        if (error && !PURGED.has(error.code)) this.failure ??= error;
        return;
      }
      const { shipment, at } = report.opaque;
      if (error) shipment.failure ??= error;
      else shipment.offsets[at] = report.offset ?? -1;
      shipment.waiting -= 1;
      if (shipment.waiting === 0) shipment.settle();
    });
  }

  /**
   * Hands the records over, in order, and resolves with their offsets when every one of them is settled. Rejects with
   * the first failure, then too: others of them may have been written.
   */
  async send(
    records: readonly PlacedRecord[],
    timestampMs: number,
    prefix: string,
  ): Promise<readonly number[]> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const shipment: Shipment = { offsets: [], waiting: records.length, failure: null, settle: resolve };
    let refused: unknown = null;
    for (const [at, record] of records.entries()) {
      try {
        this.client.now((native) => produce(native, record, timestampMs, prefix, { shipment, at }));
      } catch (error) {
        refused = error;
        shipment.waiting -= records.length - at;
        break;
      }
    }
    // A client that goes before it has reported would never report.
    if (shipment.waiting > 0) await this.client.hold(promise);
    if (refused !== null) throw refused;
    if (shipment.failure !== null) throw shipment.failure;
    return shipment.offsets;
  }

  /**
   * Hands the records of a transaction over, in order, and resolves when every one of them is written or has failed,
   * which the transaction's end tells. More than the client takes at once go slice by slice, and none any more when
   * nothing is left of the time.
   */
  async sendAll(
    records: readonly PlacedRecord[],
    timestampMs: number,
    prefix: string,
    remainingMs: () => number,
  ): Promise<void> {
    this.failure = null;
    for (const slice of slicesOf(records)) {
      if (remainingMs() <= 0) throw tooLate(records.length);
      this.client.now((native) => {
        for (const record of slice) produce(native, record, timestampMs, prefix);
      });
      const limitMs = Math.max(1, Math.ceil(remainingMs()));
      await this.client.call<undefined>((native, callback) =>
        native.flush(limitMs, (error) =>
          callback(error?.code === CODE.timedOut ? tooLate(records.length) : error, undefined),
        ),
      );
    }
  }
}

function* slicesOf(records: readonly PlacedRecord[]): Generator<readonly PlacedRecord[]> {
  let from = 0;
  let bytes = 0;
  for (const [at, { value }] of records.entries()) {
    if (at - from >= SLICE_RECORDS || bytes >= SLICE_BYTES) {
      yield records.slice(from, at);
      from = at;
      bytes = 0;
    }
    bytes += value?.length ?? 0;
  }
  if (from < records.length) yield from === 0 ? records : records.slice(from);
}

function produce(
  native: NativeProducer,
  { topic, partition, key, value }: PlacedRecord,
  timestampMs: number,
  prefix: string,
  ticket?: Ticket,
): void {
  const keyBytes = key === null ? null : Buffer.from(key, 'utf8');
  const valueBytes = value === null || Buffer.isBuffer(value) ? value : bufferOver(value);
  native.produce(prefix + topic, partition, valueBytes, keyBytes, timestampMs, ticket);
}

/** The library takes Node's buffers only. */
function bufferOver({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
