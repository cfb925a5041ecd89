/** The socket `/v1/marketdata/websocket`: who may connect, which topics there are, and the care for slow clients. */
import { type AccountId, parseAccountId, parseSymbol } from '#domain/data/identifiers.ts';
import { marketEventToWire } from '#domain/data/market-event-codec.ts';
import type {
  FieldError,
  SocketConnection,
  SocketDeclaration,
  SocketHandler,
  SocketRoute,
} from '#infrastructure/core/http.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import { ACCOUNT_TOPIC_PREFIX, type AccountChannels, type AccountSubscription } from './account-channel.ts';
import { CLOSE, type CloseCode } from './close-codes.ts';
import { fresh, resumed, tokenOfJoin } from './join.ts';
import { Outbox, type OutboxLimits } from './outbox.ts';
import { eventFrame, phoenixVersion, type Ref } from './phoenix-frames.ts';
import { PRICE_TOPIC_PREFIX, PriceSubscription } from './price-channel.ts';
import type { PriceChannels } from './price-channels.ts';
import { type JoinOutcome, type SessionLimits, SocketSession, type TopicDirectory } from './session.ts';

export interface SocketHubLimits extends SessionLimits, OutboxLimits {
  readonly maxSockets: number;
  readonly maxSocketsPerAccount: number;
  readonly flushIntervalMs: number;
}

export interface SocketHubOptions {
  readonly runtime: Runtime;
  readonly limits: SocketHubLimits;
  readonly prices: PriceChannels;
  readonly accounts: AccountChannels;
  /** Until it is true joins are refused: a snapshot could be missing. */
  readonly isReady: () => boolean;
  readonly onClosed: (code: CloseCode) => void;
  readonly onConflated: () => void;
}

const SILENCE_CHECK_MS = 1_000;
const OPERATOR = 'operator';

/** The Phoenix client appends `/websocket` to the path that it is given. */
export const MARKET_DATA_SOCKET: SocketDeclaration = {
  path: '/v1/marketdata/websocket',
  tokenIn: (text, { vsn }) => tokenOfJoin(text, phoenixVersion(vsn)),
};

export class SocketHub implements TopicDirectory {
  readonly #options: SocketHubOptions;
  readonly #sessions = new Map<SocketSession, string>();
  readonly #perAccount = new Map<string, number>();
  readonly #slow = new Set<Outbox>();
  #draining = false;
  #stopTimers: readonly (() => void)[] = [];

  constructor(options: SocketHubOptions) {
    this.#options = options;
  }

  get sockets(): number {
    return this.#sessions.size;
  }

  get slowSockets(): number {
    return this.#slow.size;
  }

  get route(): SocketRoute {
    return {
      ...MARKET_DATA_SOCKET,
      maxFrameBytes: this.#options.limits.maxFrameBytes,
      isFull: () => this.isFull,
      accept: (connection) => this.accept(connection),
    };
  }

  get isFull(): boolean {
    return this.#sessions.size >= this.#options.limits.maxSockets;
  }

  start(): void {
    const { timers, clock } = this.#options.runtime;
    this.#stopTimers = [
      timers.every(this.#options.limits.flushIntervalMs, () => this.#flush(clock.monotonicMs())),
      timers.every(SILENCE_CHECK_MS, () => {
        const nowMs = clock.monotonicMs();
        for (const session of [...this.#sessions.keys()]) session.closeIfSilent(nowMs);
      }),
    ];
  }

  /** Closes every socket and refuses new ones. */
  drain(): void {
    this.#draining = true;
    for (const session of [...this.#sessions.keys()]) session.outbox.close(CLOSE.draining);
  }

  stop(): void {
    this.drain();
    for (const stopTimer of this.#stopTimers) stopTimer();
    this.#stopTimers = [];
  }

  accept(connection: SocketConnection): SocketHandler {
    const { limits, runtime } = this.#options;
    const { principal } = connection;
    const version = phoenixVersion(connection.connectParameters['vsn']);
    if (this.#draining) return this.#turnAway(connection, CLOSE.draining);
    if (principal === null) return this.#turnAway(connection, CLOSE.unauthenticated);
    if (version === null) return this.#turnAway(connection, CLOSE.unsupportedVersion);
    const owner = principal.kind === 'api-key' ? principal.accountId : OPERATOR;
    const ofOwner = this.#perAccount.get(owner) ?? 0;
    if (this.isFull) return this.#turnAway(connection, CLOSE.tooManySockets);
    if (ofOwner >= limits.maxSocketsPerAccount)
      return this.#turnAway(connection, CLOSE.tooManySocketsOfAccount);
    const outbox = new Outbox(connection, limits, {
      slow: (slow) => this.#slow.add(slow),
      conflated: this.#options.onConflated,
      closed: (code) => {
        this.#options.onClosed(code);
        session.end();
      },
    });
    const session = new SocketSession({
      version,
      outbox,
      accountId: principal.kind === 'api-key' ? principal.accountId : null,
      clock: runtime.clock,
      directory: this,
      limits,
      onEnd: (ended) => this.#forget(ended),
    });
    this.#sessions.set(session, owner);
    this.#perAccount.set(owner, ofOwner + 1);
    return session;
  }

  join(session: SocketSession, topic: string, resumeAfter: number | null, joinRef: Ref): JoinOutcome {
    const isPrices = topic.startsWith(PRICE_TOPIC_PREFIX);
    if (!isPrices && !topic.startsWith(ACCOUNT_TOPIC_PREFIX))
      return { kind: 'refused', reason: 'unmatched topic' };
    if (!this.#options.isReady()) return { kind: 'refused', reason: 'not ready' };
    return isPrices
      ? this.#joinPrices(session, topic.slice(PRICE_TOPIC_PREFIX.length), resumeAfter, joinRef)
      : this.#joinAccount(session, topic, resumeAfter, joinRef);
  }

  #joinPrices(session: SocketSession, text: string, resumeAfter: number | null, joinRef: Ref): JoinOutcome {
    const symbol = parseSymbol(text);
    if (symbol === null) {
      return invalidTopic('must be prices: and a symbol, a capital letter and at most 15 of A-Z 0-9 . -');
    }
    const channel = this.#options.prices.open(symbol);
    if (channel === null) return { kind: 'refused', reason: 'too many symbols' };
    const { version, outbox } = session;
    // A slow client is not sent a history that it would be slower to take.
    const missed = resumeAfter === null || outbox.isSlow ? null : channel.since(resumeAfter);
    const { latest } = channel;
    const answer =
      missed !== null && resumeAfter !== null
        ? resumed(
            resumeAfter,
            missed.map((price) => channel.frameOf(price, version)),
          )
        : fresh(latest === null ? null : marketEventToWire(latest), latest?.sequence ?? 0);
    const subscription = new PriceSubscription(channel, outbox, version, joinRef, latest?.sequence ?? 0);
    channel.subscriptions.add(subscription);
    const leave = () => {
      outbox.forget(subscription);
      channel.subscriptions.delete(subscription);
      this.#options.prices.release(channel);
    };
    return { kind: 'joined', answer, joined: { joinRef, leave } };
  }

  #joinAccount(session: SocketSession, topic: string, resumeAfter: number | null, joinRef: Ref): JoinOutcome {
    const accountId = parseAccountId(topic.slice(ACCOUNT_TOPIC_PREFIX.length));
    if (accountId === null) return invalidTopic('must be account: and an account id, a UUID in lower case');
    if (accountId !== session.accountId) return { kind: 'refused', reason: 'forbidden' };
    const { accounts } = this.#options;
    const { version, outbox } = session;
    const answer = this.#accountAnswer(session, topic, accountId, resumeAfter);
    const fail = () => session.fail(topic, joinRef);
    const subscription: AccountSubscription = { accountId, topic, outbox, version, joinRef, fail };
    accounts.subscribe(subscription);
    return { kind: 'joined', answer, joined: { joinRef, leave: () => accounts.unsubscribe(subscription) } };
  }

  #accountAnswer(session: SocketSession, topic: string, accountId: AccountId, resumeAfter: number | null) {
    const recent = this.#options.accounts.recent(accountId);
    const [oldest] = recent;
    const last = recent.at(-1);
    if (oldest === undefined || last === undefined) return fresh(null, 0);
    // Between what the client has seen and the oldest kept nothing may be missing: it must have seen the oldest.
    if (resumeAfter === null || resumeAfter < oldest.sequence || resumeAfter > last.sequence) {
      return fresh(last.json, last.sequence);
    }
    const missed = recent.filter(({ sequence }) => sequence > resumeAfter);
    return resumed(
      resumeAfter,
      missed.map(({ json }) => eventFrame(session.version, topic, 'order_update', json)),
    );
  }

  #flush(nowMs: number): void {
    for (const outbox of [...this.#slow]) {
      if (outbox.flush(nowMs) !== 'slow') this.#slow.delete(outbox);
    }
  }

  #forget(session: SocketSession): void {
    const owner = this.#sessions.get(session);
    if (owner === undefined) return;
    this.#sessions.delete(session);
    this.#slow.delete(session.outbox);
    const left = (this.#perAccount.get(owner) ?? 1) - 1;
    if (left === 0) this.#perAccount.delete(owner);
    else this.#perAccount.set(owner, left);
  }

  #turnAway(connection: SocketConnection, close: CloseCode): SocketHandler {
    this.#options.onClosed(close);
    connection.close(close.code, close.reason);
    return { onMessage() {}, onClose() {} };
  }
}

function invalidTopic(message: string): JoinOutcome {
  const errors: readonly FieldError[] = [{ field: 'topic', rule: 'pattern', message }];
  return { kind: 'refused', reason: 'invalid topic', errors };
}
