/** A cache that has been closed refuses every call of its ports, and says so, whatever its parts would do. */
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Cache } from './cache.ts';

/** `ports` until `isClosed`. From then on every call rejects with `CACHE_CLOSED`. */
export function whileOpen(
  { prices, rateLimits, tickets, halts, ping }: Omit<Cache, 'close'>,
  isClosed: () => boolean,
): Omit<Cache, 'close'> {
  const guarded =
    <Arguments extends readonly unknown[], Value>(call: (...given: Arguments) => Promise<Value>) =>
    async (...given: Arguments): Promise<Value> => {
      if (isClosed()) {
        throw new OperatingError('CACHE_CLOSED', 'the cache has been closed', { retry: 'never' });
      }
      return call(...given);
    };

  return {
    prices: {
      put: guarded((given) => prices.put(given)),
      get: guarded((symbol) => prices.get(symbol)),
      all: guarded(() => prices.all()),
      latestFeedTimestampMs: guarded(() => prices.latestFeedTimestampMs()),
      clear: guarded(() => prices.clear()),
      subscribe: guarded((listener) => prices.subscribe(listener)),
    },
    rateLimits: {
      take: guarded((key, limit, windowMs) => rateLimits.take(key, limit, windowMs)),
    },
    tickets: {
      put: guarded((ticket, value, lifetimeMs) => tickets.put(ticket, value, lifetimeMs)),
      redeem: guarded((ticket) => tickets.redeem(ticket)),
    },
    halts: {
      put: guarded((given, lifetimeMs) => halts.put(given, lifetimeMs)),
      get: guarded((partition) => halts.get(partition)),
      of: guarded((partition, accountId) => halts.of(partition, accountId)),
    },
    ping: guarded(ping),
  };
}
