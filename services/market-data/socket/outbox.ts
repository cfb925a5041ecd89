/**
 * What waits to be sent to one client, and the judgement of how fast it takes it.
 *
 *   fast ── more than conflateAboveBytes wait ──▶ slow ── nothing taken for stallTimeoutMs ──▶ closed (4008)
 *     ◀──────────── drained, latest sent ──────────┘
 *
 * Prices to a slow client are conflated: of each symbol only the latest is kept (the subscription itself is what
 * waits, so this costs no memory per event). Replies and order updates are never dropped; when more than
 * maxBufferedBytes wait, the next one closes the socket instead.
 */
import { Buffer } from 'node:buffer';
import type { SocketConnection } from '#infrastructure/core/http.ts';
import { CLOSE, type CloseCode } from './close-codes.ts';

export interface OutboxLimits {
  readonly conflateAboveBytes: number;
  readonly maxBufferedBytes: number;
  readonly stallTimeoutMs: number;
}

export interface OutboxEvents {
  /** It has become slow and wants `flush` to be called from time to time, until that answers `fast` or `closed`. */
  slow(outbox: Outbox): void;
  conflated(): void;
  closed(code: CloseCode): void;
}

/** Something of which only the latest state matters. */
export interface Conflatable {
  /** The frame of the latest state; `null` when the client has it already. */
  takeFrame(): string | null;
}

export class Outbox {
  readonly #connection: SocketConnection;
  readonly #limits: OutboxLimits;
  readonly #events: OutboxEvents;
  readonly #pending = new Set<Conflatable>();
  #slow = false;
  #closed = false;
  /** All that was ever queued; less what is buffered, it is what the client has taken. */
  #queuedBytes = 0;
  #takenBytes = 0;
  #progressAtMs = 0;

  constructor(connection: SocketConnection, limits: OutboxLimits, events: OutboxEvents) {
    this.#connection = connection;
    this.#limits = limits;
    this.#events = events;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get isSlow(): boolean {
    return this.#slow || this.#connection.bufferedBytes() > this.#limits.conflateAboveBytes;
  }

  /** A frame that must arrive, or the socket is closed. */
  deliver(frame: string): void {
    if (this.#closed) return;
    const bufferedBytes = this.#connection.bufferedBytes();
    if (bufferedBytes > this.#limits.maxBufferedBytes) {
      this.close(CLOSE.stalled);
      return;
    }
    this.#send(frame);
    if (bufferedBytes > this.#limits.conflateAboveBytes) this.#becomeSlow();
  }

  /** A newer state: sent at once to a fast client, and to a slow one the latest when it has drained. */
  offer(source: Conflatable): void {
    if (this.#closed) return;
    if (this.isSlow) {
      if (this.#pending.has(source)) this.#events.conflated();
      else this.#pending.add(source);
      this.#becomeSlow();
      return;
    }
    const frame = source.takeFrame();
    if (frame !== null) this.#send(frame);
  }

  /** What `source` still had waiting is not sent. */
  forget(source: Conflatable): void {
    this.#pending.delete(source);
  }

  flush(nowMs: number): 'slow' | 'fast' | 'closed' {
    if (this.#closed) return 'closed';
    const { conflateAboveBytes, stallTimeoutMs } = this.#limits;
    this.#noteProgress(nowMs);
    while (this.#connection.bufferedBytes() <= conflateAboveBytes) {
      const [source] = this.#pending;
      if (source === undefined) {
        this.#slow = false;
        return 'fast';
      }
      this.#pending.delete(source);
      const frame = source.takeFrame();
      if (frame !== null) this.#send(frame);
    }
    if (nowMs - this.#progressAtMs < stallTimeoutMs) return 'slow';
    this.close(CLOSE.stalled);
    return 'closed';
  }

  close(code: CloseCode): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pending.clear();
    this.#events.closed(code);
    this.#connection.close(code.code, code.reason);
  }

  /** The client has gone: nothing is sent any more. */
  end(): void {
    this.#closed = true;
    this.#pending.clear();
  }

  #send(frame: string): void {
    this.#queuedBytes += Buffer.byteLength(frame);
    this.#connection.send(frame);
  }

  #becomeSlow(): void {
    if (this.#slow) return;
    this.#slow = true;
    this.#takenBytes = this.#queuedBytes - this.#connection.bufferedBytes();
    // The clock starts with the first flush, at most one interval later.
    this.#progressAtMs = Number.POSITIVE_INFINITY;
    this.#events.slow(this);
  }

  #noteProgress(nowMs: number): void {
    const takenBytes = this.#queuedBytes - this.#connection.bufferedBytes();
    if (takenBytes <= this.#takenBytes && this.#progressAtMs !== Number.POSITIVE_INFINITY) return;
    this.#takenBytes = takenBytes;
    this.#progressAtMs = nowMs;
  }
}
