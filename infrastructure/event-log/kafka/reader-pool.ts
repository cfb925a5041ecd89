/** A few readers, taken in turn; one that stands where the next page begins goes on from there. */

import type { Position } from '../event-log.ts';
import type { EndReader } from './end-reader.ts';

const READERS = 4;
const IDLE_MS = 1_000;

interface Slot {
  readonly reader: EndReader;
  usedAtMs: number;
}

export class ReaderPool {
  readonly #open: () => Promise<EndReader>;
  readonly #nowMs: () => number;
  readonly #free: Slot[] = [];
  readonly #waiting: (() => void)[] = [];
  #count = 0;

  constructor(open: () => Promise<EndReader>, nowMs: () => number) {
    this.#open = open;
    this.#nowMs = nowMs;
  }

  /** A reader that fails is not used again. */
  async use<Value>(position: Position | null, task: (reader: EndReader) => Promise<Value>): Promise<Value> {
    while (this.#free.length === 0 && this.#count >= READERS) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    const reader = this.#take(position) ?? (await this.#another());
    try {
      const value = await task(reader);
      this.#free.push({ reader, usedAtMs: this.#nowMs() });
      return value;
    } catch (error) {
      this.#count -= 1;
      void reader.close();
      throw error;
    } finally {
      this.#waiting.shift()?.();
    }
  }

  #take(position: Position | null): EndReader | null {
    const at = position === null ? -1 : this.#free.findIndex(({ reader }) => reader.isAt(position));
    const [slot] = this.#free.splice(at < 0 ? this.#free.length - 1 : at, 1);
    return slot?.reader ?? null;
  }

  async #another(): Promise<EndReader> {
    this.#count += 1;
    try {
      return await this.#open();
    } catch (error) {
      this.#count -= 1;
      this.#waiting.shift()?.();
      throw error;
    }
  }

  /** Called now and then: a reader that nobody went on with stops fetching. */
  rest(): void {
    const beforeMs = this.#nowMs() - IDLE_MS;
    for (const { reader, usedAtMs } of this.#free) if (usedAtMs < beforeMs) reader.idle();
  }

  async close(): Promise<void> {
    await Promise.all(this.#free.splice(0).map(({ reader }) => reader.close()));
  }
}
