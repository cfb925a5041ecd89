/** A socket hub on a clock, timers and connections that a test moves by hand. */
import type { Price, Quantity } from '#domain/data/decimal.ts';
import {
  type AccountId,
  type CommandId,
  type EventId,
  type OrderId,
  parseSymbol,
  type Symbol as Ticker,
} from '#domain/data/identifiers.ts';
import type { OrderUpdate } from '#domain/data/trading-events.ts';
import { encodeTradingOutput } from '#domain/data/trading-output-codec.ts';
import type { CachedPrice } from '#infrastructure/cache/cache.ts';
import type { Principal, SocketConnection, SocketHandler } from '#infrastructure/core/http.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import { readWireUpdate } from '../order-update-wire.ts';
import { AccountChannels } from './account-channel.ts';
import { PriceChannels } from './price-channels.ts';
import { SocketHub, type SocketHubLimits } from './socket-hub.ts';

export const ACCOUNT = '0b8f3a1c-1111-4222-8333-444455556666' as AccountId;

export interface ManualRuntime extends Runtime {
  /** Moves the clock on and runs what falls due. */
  advance(durationMs: number): void;
}

export function manualRuntime(): ManualRuntime {
  let nowMs = 1_000;
  const tasks = new Set<{
    readonly periodMs: number;
    dueMs: number;
    readonly run: () => void | Promise<void>;
  }>();
  return {
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
    timers: {
      sleep: async () => {},
      every(periodMs, run) {
        const task = { periodMs, dueMs: nowMs + periodMs, run };
        tasks.add(task);
        return () => tasks.delete(task);
      },
      yieldTurn: () => new Promise((resolve) => setImmediate(resolve)),
    },
    randomness: { bytes: (length) => new Uint8Array(length), fraction: () => 0 },
    ids: { uuid: () => ACCOUNT },
    advance(durationMs) {
      const untilMs = nowMs + durationMs;
      for (;;) {
        const [next] = [...tasks].sort((left, right) => left.dueMs - right.dueMs);
        if (next === undefined || next.dueMs > untilMs) break;
        nowMs = next.dueMs;
        next.dueMs += next.periodMs;
        void next.run();
      }
      nowMs = untilMs;
    },
  };
}

export interface FakeConnection extends SocketConnection {
  /** Every frame sent, parsed. */
  readonly frames: unknown[];
  readonly texts: string[];
  closed: { readonly code: number; readonly reason: string } | null;
  /** While false, what is sent stays in the buffer. */
  reading: boolean;
  /** Takes up to `bytes` out of the buffer. */
  drain(bytes?: number): void;
  /** The frames since the last call. */
  taken(): unknown[];
}

export function fakeConnection(
  vsn: string | null = '2.0.0',
  principal: Principal | null = { kind: 'api-key', keyId: 'key-1', accountId: ACCOUNT },
): FakeConnection {
  let bufferedBytes = 0;
  let seen = 0;
  const connection: FakeConnection = {
    principal,
    connectParameters: vsn === null ? {} : { vsn },
    frames: [],
    texts: [],
    closed: null,
    reading: true,
    send(text) {
      if (connection.closed !== null) throw new Error('sent to a closed socket');
      connection.texts.push(text);
      connection.frames.push(JSON.parse(text));
      if (!connection.reading) bufferedBytes += Buffer.byteLength(text);
    },
    bufferedBytes: () => bufferedBytes,
    close(code, reason) {
      if (connection.closed !== null) throw new Error('closed twice');
      connection.closed = { code, reason };
    },
    drain(bytes = bufferedBytes) {
      bufferedBytes = Math.max(0, bufferedBytes - bytes);
    },
    taken() {
      const news = connection.frames.slice(seen);
      seen = connection.frames.length;
      return news;
    },
  };
  return connection;
}

export const LIMITS: SocketHubLimits = {
  maxSockets: 10,
  maxSocketsPerAccount: 5,
  maxSymbolsPerSocket: 3,
  maxFrameBytes: 16_384,
  framesPerSecond: 10,
  frameBurst: 100,
  heartbeatTimeoutMs: 60_000,
  conflateAboveBytes: 1_000,
  maxBufferedBytes: 5_000,
  stallTimeoutMs: 5_000,
  flushIntervalMs: 25,
};

export function openHub(limits: Partial<SocketHubLimits> = {}, ring = 4) {
  const runtime = manualRuntime();
  const unreadable: AccountId[] = [];
  const prices = new PriceChannels({
    timers: runtime.timers,
    maxSymbols: 20,
    resumeEventsPerSymbol: ring,
    resumeEventsTotal: 1_000,
    crash: (error) => {
      throw error;
    },
  });
  const accounts = new AccountChannels({
    maxPerAccount: 3,
    maxTotal: 100,
    read: readWireUpdate,
    onUnreadable: (accountId) => unreadable.push(accountId),
  });
  const state = { ready: true, closedCodes: [] as number[], conflated: 0 };
  const hub = new SocketHub({
    runtime,
    limits: { ...LIMITS, ...limits },
    prices,
    accounts,
    isReady: () => state.ready,
    onClosed: ({ code }) => state.closedCodes.push(code),
    onConflated: () => {
      state.conflated += 1;
    },
  });
  hub.start();
  const connect = (connection: FakeConnection = fakeConnection()) => {
    const handler = hub.accept(connection);
    return { connection, handler, push: pusher(handler) };
  };
  return { hub, runtime, prices, accounts, state, unreadable, connect };
}

/** Sends frames in the array form. */
function pusher(handler: SocketHandler) {
  return (
    ...frame: readonly [joinRef: unknown, ref: unknown, topic: unknown, event: unknown, payload: unknown]
  ) => handler.onMessage(JSON.stringify(frame));
}

export function price(symbol: string, sequence: number): CachedPrice {
  const parsed = parseSymbol(symbol);
  if (parsed === null) throw new Error(`not a symbol: ${symbol}`);
  return {
    symbol: parsed,
    price: (100_000_000_000n + BigInt(sequence) * 10_000_000n) as Price,
    bid: null,
    bidSize: null,
    ask: null,
    askSize: null,
    size: null,
    volume: null,
    sequence,
    eventId: `test/${symbol}/${sequence}` as EventId,
    feedTimestampMs: 1_549_895_400_000 + sequence,
  };
}

/** The payload of a `price_update` of `price`. */
export function pricePayload(symbol: string, sequence: number): Record<string, unknown> {
  const { price: value } = price(symbol, sequence);
  const cents = String(value / 10_000_000n);
  const decimals = cents.slice(-2).replace(/0+$/, '');
  return {
    eventId: `test/${symbol}/${sequence}`,
    sequence,
    symbol,
    price: decimals === '' ? cents.slice(0, -2) : `${cents.slice(0, -2)}.${decimals}`,
    feedTimestamp: new Date(1_549_895_400_000 + sequence).toISOString(),
  };
}

export const ACCOUNT_TOPIC = `account:${ACCOUNT}`;

/** An `order_updates` record of the account. */
export function update(sequence: number, reason: string | null = null): Uint8Array {
  const event: OrderUpdate = {
    type: 'OrderUpdate',
    eventId: `update/${sequence}` as EventId,
    cause: 'command-1' as CommandId,
    accountId: ACCOUNT,
    sequence,
    timeMs: 1_549_895_400_000,
    ingestTimeMs: 1_549_895_400_000,
    update: 'new',
    orderId: '0b8f3a1c-9999-4222-8333-444455556666' as OrderId,
    status: 'NEW',
    symbol: 'AAPL' as Ticker,
    side: 'BUY',
    orderType: 'MARKET',
    timeInForce: 'DAY',
    quantity: null,
    limitPrice: null,
    clientOrderId: null,
    filledQuantity: 0n as Quantity,
    averageFillPrice: null,
    reason,
  };
  return encodeTradingOutput(event, { sourceService: 'test' });
}

/** A reply in the array form. */
export const reply = (joinRef: unknown, ref: unknown, topic: string, status: string, response: unknown) => [
  joinRef,
  ref,
  topic,
  'phx_reply',
  { status, response },
];
export const sequencesOf = (frames: readonly unknown[]) =>
  frames.map((frame) => (frame as [unknown, unknown, unknown, string, { sequence?: number }])[4].sequence);
