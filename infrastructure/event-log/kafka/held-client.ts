/**
 * A native client that is not pulled away from under its own calls. The binding frees what a call in another thread may
 * still use: a disconnect during a commit, or a call after a disconnect, ends the process with a segmentation fault.
 */
import { type KafkaFailure, promised } from './kafka-library.ts';

/** As the library says it of a client that is gone. */
const GONE: KafkaFailure = { message: 'Local: Erroneous state', code: -172 };

export class HeldClient<Native> {
  readonly #native: Native;
  readonly #disconnect: (done: () => void) => void;
  readonly #calls = new Set<Promise<unknown>>();
  #closing: Promise<void> | null = null;

  /** `disconnect` is called once, when nothing is under way. */
  constructor(native: Native, disconnect: (native: Native, done: () => void) => void) {
    this.#native = native;
    this.#disconnect = (done) => disconnect(native, done);
  }

  /** A call that answers by a callback. Every one of them has a time limit of its own. */
  call<Value = void>(
    start: (
      native: Native,
      callback: (error: KafkaFailure | null | undefined, value: Value) => void,
    ) => unknown,
  ): Promise<Value> {
    if (this.#closing !== null) return Promise.reject(GONE);
    return this.hold(promised<Value>((callback) => start(this.#native, callback)));
  }

  /** A call that answers at once. */
  now<Value>(task: (native: Native) => Value): Value {
    if (this.#closing !== null) throw GONE;
    return task(this.#native);
  }

  /** Keeps this client for as long as `work`, another client's call that uses it. */
  hold<Value>(work: Promise<Value>): Promise<Value> {
    this.#calls.add(work);
    const forget = () => this.#calls.delete(work);
    work.then(forget, forget);
    return work;
  }

  /** For what the native side asks of its user while it disconnects. */
  whileClosing(task: (native: Native) => void): void {
    task(this.#native);
  }

  get isClosing(): boolean {
    return this.#closing !== null;
  }

  /** Waits for the calls under way. */
  close(): Promise<void> {
    this.#closing ??= Promise.allSettled([...this.#calls]).then(
      () => new Promise<void>((resolve) => this.#disconnect(resolve)),
    );
    return this.#closing;
  }
}
