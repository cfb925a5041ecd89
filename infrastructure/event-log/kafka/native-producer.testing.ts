/** A producer of the client library for tests without a broker: it notes what it is handed, and tells what the test says. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { HeldClient } from './held-client.ts';
import type { KafkaFailure, NativePosition, NativeProducer } from './kafka-library.ts';

type Done = (error: KafkaFailure | null | undefined) => void;
type Told = [error: KafkaFailure | null, report: NativePosition & { readonly opaque: unknown }];

const unused = () => assert.fail('nobody needs this here');

/** Every record is written at once, unless `produce` is replaced. */
export class FakeProducer extends EventEmitter implements NativeProducer {
  readonly client: HeldClient<NativeProducer> = new HeldClient<NativeProducer>(this, (_native, done) => {
    this.disconnected += 1;
    done();
  });
  disconnected = 0;
  #nextOffset = 0;

  produce(topic: string, partition: number, ...[, , , opaque]: [unknown, unknown, number, unknown]): unknown {
    const offset = this.#nextOffset;
    this.#nextOffset += 1;
    const told: Told = [null, { topic, partition, offset, opaque }];
    queueMicrotask(() => this.emit('delivery-report', ...told));
    return true;
  }

  flush(_timeoutMs: number, callback: Done): void {
    queueMicrotask(() => callback(null));
  }

  failForGood(message: string): void {
    this.emit('event.error', { code: -150, message });
  }

  isConnected = () => true;
  connect = unused;
  getMetadata = unused;
  disconnect = unused;
  setPollInBackground = unused;
  poll = unused;
  initTransactions = unused;
  beginTransaction = unused;
  sendOffsetsToTransaction = unused;
  commitTransaction = unused;
  abortTransaction = unused;
}
