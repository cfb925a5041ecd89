/**
 * The embedded cache: everything in this process's memory, gone with it. All that it holds is rebuilt from the log
 * (prices) or asked for again (tickets, rate limits). It cannot be shared by two processes.
 */
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { Cache, PriceCache, RateLimits, Tickets } from '../cache.ts';
import { MemoryPrices } from './memory-prices.ts';
import { MemoryRateLimits } from './memory-rate-limits.ts';
import { MemoryTickets } from './memory-tickets.ts';

export interface MemoryCacheOptions {
  readonly runtime: Pick<Runtime, 'clock'>;
  readonly maxSymbols?: number;
  readonly maxTickets?: number;
  readonly maxRateLimitBuckets?: number;
}

const DEFAULT_MAX_SYMBOLS = 20_000;
const DEFAULT_MAX_TICKETS = 100_000;
const DEFAULT_MAX_BUCKETS = 100_000;

export function openMemoryCache(options: MemoryCacheOptions): Cache {
  const { clock } = options.runtime;
  const prices = new MemoryPrices(options.maxSymbols ?? DEFAULT_MAX_SYMBOLS);
  const rateLimits = new MemoryRateLimits(clock, options.maxRateLimitBuckets ?? DEFAULT_MAX_BUCKETS);
  const tickets = new MemoryTickets(clock, options.maxTickets ?? DEFAULT_MAX_TICKETS);
  let closed = false;

  const whileOpen =
    <Arguments extends readonly unknown[], Value>(call: (...given: Arguments) => Promise<Value>) =>
    async (...given: Arguments): Promise<Value> => {
      if (closed) throw new OperatingError('CACHE_CLOSED', 'the cache has been closed', { retry: 'never' });
      return call(...given);
    };

  return {
    prices: {
      put: whileOpen((given) => prices.put(given)),
      get: whileOpen((symbol) => prices.get(symbol)),
      all: whileOpen(() => prices.all()),
      latestFeedTimestampMs: whileOpen(() => prices.latestFeedTimestampMs()),
      clear: whileOpen(() => prices.clear()),
      subscribe: whileOpen((listener) => prices.subscribe(listener)),
    } satisfies PriceCache,
    rateLimits: {
      take: whileOpen((key, limit, windowMs) => rateLimits.take(key, limit, windowMs)),
    } satisfies RateLimits,
    tickets: {
      put: whileOpen((ticket, value, lifetimeMs) => tickets.put(ticket, value, lifetimeMs)),
      redeem: whileOpen((ticket) => tickets.redeem(ticket)),
    } satisfies Tickets,
    ping: whileOpen(async () => {}),
    async close() {
      closed = true;
      prices.close();
      rateLimits.clear();
      tickets.clear();
    },
  };
}
