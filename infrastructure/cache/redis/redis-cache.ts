/**
 * The cache on Redis, shared by every instance. Two connections: one for commands, pipelined, one that listens. It
 * decides nothing: a Redis that is lost costs a moment of prices, the open tickets and what the rate limits remember.
 */
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import { describeServer } from '#infrastructure/common/server-address.ts';
import { createServerCalls } from '#infrastructure/common/server-calls.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import type { Metrics } from '#infrastructure/core/metrics.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { Cache } from '../cache.ts';
import { whileOpen } from '../while-open.ts';
import { checkServer, connectFirst, connectionTo } from './redis-connection.ts';
import { classifyRedisError, UNAVAILABLE } from './redis-failures.ts';
import { redisHalts } from './redis-halts.ts';
import { redisRateLimits, redisTickets } from './redis-limits.ts';
import { RedisPrices } from './redis-prices.ts';

export interface RedisCacheOptions {
  readonly address: ServerAddress;
  readonly runtime: Runtime;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Of every key. Default `tradehall:`. */
  readonly prefix?: string;
  readonly maxSymbols?: number;
  /** For one command. Default 1,000. */
  readonly timeoutMs?: number;
}

const DEFAULT_MAX_SYMBOLS = 20_000;
const DEFAULT_TIMEOUT_MS = 1_000;
const LOOK_MS = 5_000;

/** Throws an `OperatingError` for a server that cannot be reached, does not let us in, or is not fit. */
export async function openRedisCache(options: RedisCacheOptions): Promise<Cache> {
  const { address, runtime, metrics, logger, prefix = 'tradehall:' } = options;
  const name = describeServer('Redis', address);
  const calls = createServerCalls({
    server: 'redis',
    name,
    unavailable: UNAVAILABLE,
    classify: classifyRedisError,
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    runtime,
    metrics,
    logger,
  });
  const closing = new AbortController();
  const subscriber = connectionTo({ address, runtime, logger });
  // Only who writes is told; both lead to the same server.
  const onReplica = (): void => {
    if (subscriber.status === 'ready') subscriber.disconnect(true);
  };
  const redis = connectionTo({ address, runtime, logger, onReplica });
  const disconnect = (): void => {
    redis.disconnect();
    subscriber.disconnect();
  };
  try {
    await connectFirst(redis, calls);
    await connectFirst(subscriber, calls);
    await checkServer(redis, calls, name);
  } catch (error) {
    disconnect();
    throw error;
  }
  const prices = new RedisPrices({
    redis,
    subscriber,
    calls,
    metrics,
    name,
    prefix,
    maxSymbols: options.maxSymbols ?? DEFAULT_MAX_SYMBOLS,
    runtime,
    logger,
    signal: closing.signal,
  });
  // The listening connection owes no answers, so only asking shows whether it still leads anywhere.
  async function checkListening(): Promise<void> {
    let asked = false;
    const ping = (): Promise<unknown> => {
      asked = true;
      return subscriber.ping();
    };
    try {
      await calls.call('listening', ping, { repeatable: true });
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      // One that was not asked, or refuses, may well lead somewhere.
      if (asked && error.retry !== 'never' && !closing.signal.aborted) subscriber.disconnect(true);
    }
  }
  const stopLooking = runtime.timers.every(LOOK_MS, async () => {
    if (redis.status === 'ready') prices.lookForLoss();
    if (subscriber.status === 'ready') await checkListening();
  });
  const rateLimits = redisRateLimits(redis, calls, prefix);
  const tickets = redisTickets(redis, calls, prefix);
  const halts = redisHalts(redis, calls, prefix);

  const ports = {
    prices,
    rateLimits,
    tickets,
    halts,
    async ping() {
      await calls.call('ping', () => Promise.all([redis.ping(), subscriber.ping()]), { repeatable: true });
    },
  };
  return {
    ...whileOpen(ports, () => closing.signal.aborted),
    async close() {
      closing.abort();
      stopLooking();
      disconnect();
    },
  };
}
