/** A producer whose every record is accounted for: written at an offset, or failed. */
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

export class DeliveringProducer {
  readonly client: HeldClient<NativeProducer>;
  /** What ended this producer; nothing can be sent any more. */
  fatal: KafkaFailure | null = null;

  constructor(client: HeldClient<NativeProducer>) {
    this.client = client;
    client.now((native) => this.#listen(native));
  }

  #listen(native: NativeProducer): void {
    native.on('event.error', (error) => {
      if (codeOfEvent(error) === CODE.fatal) this.fatal ??= error;
    });
    native.on('delivery-report', (error, report) => {
      if (!isTicket(report.opaque)) return;
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
    for (const [at, { topic, partition, key, value }] of records.entries()) {
      try {
        const keyBytes = key === null ? null : Buffer.from(key, 'utf8');
        const valueBytes = value === null || Buffer.isBuffer(value) ? value : bufferOver(value);
        this.client.now((native) =>
          native.produce(prefix + topic, partition, valueBytes, keyBytes, timestampMs, { shipment, at }),
        );
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
}

/** The library takes Node's buffers only. */
function bufferOver({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
