/** Rate limits and tickets in Redis: each call one atomic step there, each key with an end to its life. */
import assert from 'node:assert/strict';
import type { Redis } from 'ioredis';
import type { ServerCalls } from '#infrastructure/common/server-calls.ts';
import type { RateDecision, RateLimits, Tickets } from '../cache.ts';

/**
 * A token bucket on the server's own clock, so that the clocks of many instances need not agree. The key ends when the
 * bucket has refilled: a full bucket and none are the same. Answers 0, or the milliseconds until there is one to take.
 */
const TAKE = `
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local perMs = limit / window
local tokens = limit
local stored = redis.call('GET', KEYS[1])
if stored then
  local left, at = string.match(stored, '^(%S+) (%S+)$')
  tokens = math.min(limit, tonumber(left) + math.max(0, now - tonumber(at)) * perMs)
end
local wait = 0
if tokens >= 1 then
  tokens = tokens - 1
else
  wait = math.max(1, math.ceil((1 - tokens) / perMs))
end
local life = math.max(1, math.ceil((limit - tokens) / perMs))
redis.call('SET', KEYS[1], string.format('%.17g %.17g', tokens, now), 'PX', string.format('%.0f', life))
return wait
`;

type WithTake = Redis & {
  tradehallTake(key: string, limit: number, windowMs: number): Promise<number>;
};

export function redisRateLimits(redis: Redis, calls: ServerCalls, prefix: string): RateLimits {
  redis.defineCommand('tradehallTake', { numberOfKeys: 1, lua: TAKE });
  const scripted = redis as WithTake;
  return {
    async take(key, limit, windowMs): Promise<RateDecision> {
      assert(limit >= 1 && windowMs > 0, 'a rate limit allows at least one per a window of some length');
      // At worst a repeat takes two.
      const waitMs = await calls.call(
        'rateLimits.take',
        () => scripted.tradehallTake(`${prefix}rate:${key}`, limit, windowMs),
        { repeatable: true },
      );
      return waitMs === 0 ? { kind: 'allowed' } : { kind: 'limited', retryAfterMs: waitMs };
    },
  };
}

export function redisTickets(redis: Redis, calls: ServerCalls, prefix: string): Tickets {
  const keyOf = (ticket: string): string => `${prefix}ticket:${ticket}`;
  return {
    async put(ticket, value, lifetimeMs) {
      await calls.call('tickets.put', () => redis.set(keyOf(ticket), value, 'PX', Math.ceil(lifetimeMs)), {
        repeatable: true,
      });
    },
    async redeem(ticket) {
      // A ticket whose value was lost on the way is used up: whoever asks again asks in vain, and gets a new one.
      return calls.call('tickets.redeem', () => redis.getdel(keyOf(ticket)), {
        repeatable: true,
        attempts: 1,
      });
    },
  };
}
