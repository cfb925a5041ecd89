/**
 * Connections to Redis: opened once at the start, where what is wrong ends it, and kept open from then on with
 * back-off. A command is never queued while there is no connection, nor sent a second time by the client: who called
 * knows better whether it may be repeated.
 */
import { Redis } from 'ioredis';
import { backoffMs, retryForever } from '#infrastructure/common/retry.ts';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import type { ServerCalls } from '#infrastructure/common/server-calls.ts';
import { tlsOf } from '#infrastructure/common/server-tls.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import { isFromReplica } from './redis-failures.ts';

const CONNECT_MS = 3_000;
const RECONNECT_MAX_MS = 2_000;
/** A connection that owes an answer for this long is given up: the other side may be gone without a word. */
const SILENT_MS = 5_000;
/** Least time from one reconnection that a replica was the reason of to the next: its name may lead to it for a while. */
const LEAVE_REPLICA_MS = 2_000;
const OLDEST_VERSION = [6, 2] as const;

export interface RedisConnectionOptions {
  readonly address: ServerAddress;
  readonly runtime: Pick<Runtime, 'clock' | 'randomness'>;
  readonly logger: Logger;
  /** Called when a write met a replica, and the connection is left for one that the name leads to now. */
  readonly onReplica?: () => void;
}

export function connectionTo({ address, runtime, logger, onReplica }: RedisConnectionOptions): Redis {
  const [{ host, port }] = address.hosts;
  const tls = tlsOf(address);
  let established = false;
  let leftReplicaAtMs = Number.NEGATIVE_INFINITY;
  const redis = new Redis({
    host,
    port,
    db: address.path === '' ? 0 : Number(address.path),
    ...(address.username === null ? {} : { username: address.username }),
    ...(address.password === null ? {} : { password: address.password }),
    ...(tls === null ? {} : { tls }),
    lazyConnect: true,
    connectionName: 'tradehall',
    connectTimeout: CONNECT_MS,
    socketTimeout: SILENT_MS,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableAutoPipelining: true,
    // It would not look at how that ends, and a connection lost at that moment would end the process.
    autoResubscribe: false,
    // A first connection that fails is not tried again behind the back of the start, which it ends.
    retryStrategy: (attempt: number) =>
      established
        ? backoffMs(attempt, { randomness: runtime.randomness, maxDelayMs: RECONNECT_MAX_MS })
        : null,
    // A primary that became a replica lives on and keeps its connections: nothing else would end them.
    reconnectOnError(error) {
      if (!isFromReplica(error)) return false;
      const nowMs = runtime.clock.monotonicMs();
      if (nowMs - leftReplicaAtMs < LEAVE_REPLICA_MS) return false;
      leftReplicaAtMs = nowMs;
      logger.warn({}, 'Redis has become a replica: connecting anew');
      onReplica?.();
      return true;
    },
  });
  redis.once('ready', () => {
    established = true;
  });
  // Every call tells its own failure; without a listener the process would end.
  redis.on('error', (error: Error) => {
    logger.debug({ error: error.message }, 'the connection to Redis fails');
  });
  return redis;
}

/**
 * The first connection, in the database of the URL. Throws an `OperatingError` that says what is wrong with the server or
 * the credentials.
 */
export async function connectFirst(redis: Redis, calls: ServerCalls): Promise<void> {
  // The client rejects with "closed" and emits the reason.
  let reason: unknown = null;
  const note = (error: unknown): void => {
    reason ??= error;
  };
  redis.on('error', note);
  try {
    await calls.call(
      'connect',
      async () => {
        try {
          await redis.connect();
        } catch (error) {
          throw reason ?? error;
        }
      },
      { timeoutMs: CONNECT_MS + 1_000 },
    );
  } finally {
    redis.off('error', note);
  }
  const { db = 0 } = redis.options;
  // The client goes on in database 0 when it may not choose another, which may be somebody else's.
  if (db !== 0) await calls.call('select', () => redis.select(db), { repeatable: true });
}

export interface ConnectionContext {
  readonly runtime: Pick<Runtime, 'timers' | 'randomness'>;
  readonly logger: Logger;
  /** Aborted when the cache is closed. */
  readonly signal: AbortSignal;
}

/**
 * Runs `task` whenever the connection is there again, and when the answer is called, until it works: the breaker may hold
 * the first tries back, and what a server refuses somebody may permit again. Once more for a connection that came while it
 * ran, since what it did before was done on one that is gone.
 */
export function afterEachConnection(
  redis: Redis,
  what: string,
  { runtime, logger, signal }: ConnectionContext,
  task: () => Promise<void>,
): () => void {
  const { timers, randomness } = runtime;
  let running = false;
  let due = false;
  const run = async (): Promise<void> => {
    due = true;
    if (running) return;
    running = true;
    while (due && !signal.aborted) {
      due = false;
      await retryForever(task, {
        timers,
        randomness,
        signal,
        logger,
        what,
        retryUnknown: true,
        retryNever: true,
      });
    }
    running = false;
  };
  redis.on('ready', run);
  return () => void run();
}

/** Throws an `OperatingError` for a server that is too old, or that may throw away what must be kept. */
export async function checkServer(redis: Redis, calls: ServerCalls, name: string): Promise<void> {
  const info = await calls.call('info', () => redis.info(), { repeatable: true });
  const version = /^redis_version:(\d+)\.(\d+)/m.exec(info);
  const [major, minor] = [Number(version?.[1]), Number(version?.[2])];
  const [oldestMajor, oldestMinor] = OLDEST_VERSION;
  if (!(major > oldestMajor || (major === oldestMajor && minor >= oldestMinor))) {
    throw new OperatingError(
      'CACHE_VERSION',
      `${name} is version ${version === null ? 'unknown' : `${major}.${minor}`}; the cache needs ${OLDEST_VERSION.join('.')} or newer.`,
      { retry: 'never' },
    );
  }
  if (/^redis_mode:cluster/m.test(info)) {
    throw new OperatingError(
      'CACHE_VERSION',
      `${name} is a Redis Cluster, which spreads what the cache changes together: name a Redis by itself.`,
      { retry: 'never' },
    );
  }
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'noeviction';
  const limited = /^maxmemory:(?!0\s)/m.test(info);
  // A rate limit that is evicted would let everything through.
  if (limited && policy !== 'noeviction') {
    throw new OperatingError(
      'CACHE_EVICTS',
      `${name} throws keys away when its memory is full (maxmemory-policy ${policy}), rate limits among them: set maxmemory-policy to noeviction.`,
      { retry: 'never' },
    );
  }
}
