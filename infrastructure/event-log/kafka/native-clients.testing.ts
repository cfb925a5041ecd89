/** Clients of the client library for tests without a broker: they note what they are asked, and tell what the test says. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { HeldClient } from './held-client.ts';
import type { KafkaFailure, NativeConsumer, NativePosition, NativeProducer } from './kafka-library.ts';

type Done = (error: KafkaFailure | null | undefined) => void;
type Told = [error: KafkaFailure | null, report: NativePosition & { readonly opaque: unknown }];

const unused = () => assert.fail('nobody needs this here');
const done = (callback: Done) => queueMicrotask(() => callback(null));

/** Every record is written at once, every call succeeds, unless a test replaces it. */
export class FakeProducer extends EventEmitter implements NativeProducer {
  readonly client: HeldClient<NativeProducer> = new HeldClient<NativeProducer>(
    this,
    (_native, disconnected) => {
      this.disconnected += 1;
      disconnected();
    },
  );
  disconnected = 0;
  #nextOffset = 0;

  produce(
    topic: string,
    partition: number,
    _value: Uint8Array | null,
    _key: Uint8Array | null,
    _timestampMs: number,
    opaque: unknown,
  ): unknown {
    const offset = this.#nextOffset;
    this.#nextOffset += 1;
    if (opaque === undefined) return true;
    const told: Told = [null, { topic, partition, offset, opaque }];
    queueMicrotask(() => this.emit('delivery-report', ...told));
    return true;
  }

  flush(_timeoutMs: number, callback: Done): void {
    done(callback);
  }

  failForGood(message: string): void {
    this.emit('event.error', { code: -150, message });
  }

  initTransactions = (_timeoutMs: number, callback: Done) => done(callback);
  beginTransaction = (callback: Done) => done(callback);
  sendOffsetsToTransaction = (_positions: unknown, _group: unknown, _timeoutMs: number, callback: Done) =>
    done(callback);
  commitTransaction = (_timeoutMs: number, callback: Done) => done(callback);
  abortTransaction = (_timeoutMs: number, callback: Done) => done(callback);
  isConnected = () => true;
  connect = unused;
  getMetadata = unused;
  disconnect = unused;
  setPollInBackground = unused;
  poll = unused;
}

/** Names a group, and is asked nothing. */
export function fakeGroupName(): HeldClient<NativeConsumer> {
  const native: NativeConsumer = {
    connect: unused,
    getMetadata: unused,
    on: unused,
    disconnect: unused,
    subscribe: unused,
    assign: unused,
    unassign: unused,
    incrementalAssign: unused,
    incrementalUnassign: unused,
    assignmentLost: unused,
    committed: unused,
    commitCb: unused,
    consume: unused,
    seek: unused,
    pause: unused,
    resume: unused,
    setDefaultConsumeTimeout: unused,
  };
  return new HeldClient(native, (_native, disconnected) => disconnected());
}
