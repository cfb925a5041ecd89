/**
 * One client's side of the protocol: its frames in, its channels, the answers.
 *
 *   phx_join ──▶ joined ──phx_leave──▶ left
 *                  └── joined again: the former one gets phx_close, the new one stands
 *
 * Whatever a client sends, it gets an answer naming field and rule, or a close code that says why.
 */
import { Buffer } from 'node:buffer';
import type { FieldError, SocketHandler } from '#infrastructure/core/http.ts';
import type { Clock } from '#infrastructure/core/runtime.ts';
import { CLOSE } from './close-codes.ts';
import { FrameAllowance } from './frame-allowance.ts';
import { type JoinAnswer, readJoinPayload } from './join.ts';
import type { Outbox } from './outbox.ts';
import {
  type ClientFrame,
  eventFrame,
  HEARTBEAT_TOPIC,
  type ParsedFrame,
  type PhoenixVersion,
  parseFrame,
  type Ref,
  replyFrame,
} from './phoenix-frames.ts';
import { PRICE_TOPIC_PREFIX } from './price-channel.ts';

/** A channel that this client has joined. */
export interface Joined {
  readonly joinRef: Ref;
  leave(): void;
}

interface Refusal {
  readonly reason: string;
  readonly errors?: readonly FieldError[];
}

export type JoinOutcome =
  | { readonly kind: 'joined'; readonly answer: JoinAnswer; readonly joined: Joined }
  | ({ readonly kind: 'refused' } & Refusal);

const UNKNOWN_EVENT: Refusal = {
  reason: 'unknown event',
  errors: [
    {
      field: 'event',
      rule: 'enum',
      message: 'must be phx_join, phx_leave, or heartbeat on the topic phoenix',
    },
  ],
};

/** What a session needs of the whole: to join a topic on behalf of its client. */
export interface TopicDirectory {
  join(session: SocketSession, topic: string, resumeAfter: number | null, joinRef: Ref): JoinOutcome;
}

export interface SessionLimits {
  readonly maxSymbolsPerSocket: number;
  readonly maxFrameBytes: number;
  readonly framesPerSecond: number;
  readonly frameBurst: number;
  readonly heartbeatTimeoutMs: number;
}

export class SocketSession implements SocketHandler {
  readonly version: PhoenixVersion;
  readonly outbox: Outbox;
  /** The account whose topic it may join; `null` for the operator, who has none. */
  readonly accountId: string | null;
  readonly #clock: Clock;
  readonly #directory: TopicDirectory;
  readonly #limits: SessionLimits;
  readonly #allowance: FrameAllowance;
  readonly #onEnd: (session: SocketSession) => void;
  readonly #joined = new Map<string, Joined>();
  #lastHeardMs: number;

  constructor(parts: {
    readonly version: PhoenixVersion;
    readonly outbox: Outbox;
    readonly accountId: string | null;
    readonly clock: Clock;
    readonly directory: TopicDirectory;
    readonly limits: SessionLimits;
    readonly onEnd: (session: SocketSession) => void;
  }) {
    this.version = parts.version;
    this.outbox = parts.outbox;
    this.accountId = parts.accountId;
    this.#clock = parts.clock;
    this.#directory = parts.directory;
    this.#limits = parts.limits;
    this.#onEnd = parts.onEnd;
    this.#lastHeardMs = parts.clock.monotonicMs();
    this.#allowance = new FrameAllowance(
      parts.limits.framesPerSecond,
      parts.limits.frameBurst,
      this.#lastHeardMs,
    );
  }

  onMessage(text: string): void {
    if (this.outbox.isClosed) return;
    this.#lastHeardMs = this.#clock.monotonicMs();
    if (!this.#allowance.take(this.#lastHeardMs)) this.outbox.close(CLOSE.tooManyFrames);
    else if (Buffer.byteLength(text) > this.#limits.maxFrameBytes) this.outbox.close(CLOSE.frameTooLarge);
    else this.#take(parseFrame(text, this.version));
  }

  onClose(): void {
    this.outbox.end();
    this.end();
  }

  /** Leaves every channel; safe to repeat. */
  end(): void {
    for (const joined of this.#joined.values()) joined.leave();
    this.#joined.clear();
    this.#onEnd(this);
  }

  closeIfSilent(nowMs: number): void {
    if (nowMs - this.#lastHeardMs >= this.#limits.heartbeatTimeoutMs) this.outbox.close(CLOSE.silent);
  }

  /** The channel can go on no longer: the client is told, and joins again by itself. */
  fail(topic: string, joinRef: Ref): void {
    const joined = this.#joined.get(topic);
    if (joined === undefined || joined.joinRef !== joinRef) return;
    joined.leave();
    this.#joined.delete(topic);
    this.outbox.deliver(eventFrame(this.version, topic, 'phx_error', '{}', joinRef));
  }

  #take(parsed: ParsedFrame): void {
    switch (parsed.kind) {
      case 'not-json':
        this.outbox.close(CLOSE.notJson);
        break;
      case 'invalid':
        this.#refuse(parsed, { reason: 'invalid frame', errors: parsed.errors });
        break;
      case 'frame':
        this.#handle(parsed.frame);
        break;
    }
  }

  #handle(frame: ClientFrame): void {
    const { topic, event } = frame;
    if (topic === HEARTBEAT_TOPIC && event === 'heartbeat') this.#reply(frame, '{}');
    else if (event === 'phx_join') this.#join(frame);
    else if (event === 'phx_leave') this.#leave(frame);
    else this.#refuse(frame, this.#joined.has(topic) ? UNKNOWN_EVENT : { reason: 'unmatched topic' });
  }

  #join(frame: ClientFrame): void {
    const joinRef = frame.joinRef ?? frame.ref;
    const outcome = this.#tryJoin(frame, joinRef);
    if (outcome.kind === 'refused') {
      this.#refuse(frame, outcome);
      return;
    }
    const former = this.#joined.get(frame.topic);
    // Settled before anything is sent, since a frame too many closes the socket and leaves every channel.
    this.#joined.set(frame.topic, outcome.joined);
    if (former !== undefined) this.#close(frame.topic, former);
    this.#reply({ ...frame, joinRef }, outcome.answer.response);
    for (const missed of outcome.answer.missed) this.outbox.deliver(missed);
  }

  #tryJoin(frame: ClientFrame, joinRef: Ref): JoinOutcome {
    const payload = readJoinPayload(frame.payload);
    if (payload.kind === 'refused') return { ...payload, reason: 'invalid payload' };
    const { maxSymbolsPerSocket } = this.#limits;
    if (
      isPriceTopic(frame.topic) &&
      !this.#joined.has(frame.topic) &&
      this.#symbolsJoined() >= maxSymbolsPerSocket
    ) {
      const message = `a socket may join at most ${maxSymbolsPerSocket} symbols`;
      const errors = [{ field: 'topic', rule: 'maxItems', message }];
      return { kind: 'refused', reason: 'too many symbols', errors };
    }
    return this.#directory.join(this, frame.topic, payload.resumeAfter, joinRef);
  }

  #leave(frame: ClientFrame): void {
    const joined = this.#joined.get(frame.topic);
    this.#reply(frame, '{}');
    // A leave of a former join does not end the one that has replaced it.
    if (joined === undefined || (frame.joinRef !== null && frame.joinRef !== joined.joinRef)) return;
    this.#joined.delete(frame.topic);
    this.#close(frame.topic, joined);
  }

  #close(topic: string, joined: Joined): void {
    joined.leave();
    this.outbox.deliver(eventFrame(this.version, topic, 'phx_close', '{}', joined.joinRef));
  }

  #symbolsJoined(): number {
    let symbols = 0;
    for (const topic of this.#joined.keys()) if (isPriceTopic(topic)) symbols += 1;
    return symbols;
  }

  #reply(frame: Pick<ClientFrame, 'joinRef' | 'ref' | 'topic'>, response: string): void {
    this.outbox.deliver(replyFrame(this.version, frame, 'ok', response));
  }

  #refuse(frame: Pick<ClientFrame, 'joinRef' | 'ref' | 'topic'>, refusal: Refusal): void {
    const { reason, errors } = refusal;
    const response = JSON.stringify(errors === undefined ? { reason } : { reason, errors });
    this.outbox.deliver(replyFrame(this.version, frame, 'error', response));
  }
}

function isPriceTopic(topic: string): boolean {
  return topic.startsWith(PRICE_TOPIC_PREFIX);
}
