/** Caches on the Redis of the tests, and what stands behind them. */
import { Redis } from 'ioredis';
import { sharedServer } from '#tests/support/servers.ts';
import { serverOptions } from '#tests/support/store-faults.ts';
import type { Cache } from '../cache.ts';
import { openRedisCache, type RedisCacheOptions } from './redis-cache.ts';

export function openOn(url: string, options: Partial<RedisCacheOptions> = {}): Promise<Cache> {
  return openRedisCache({ ...serverOptions(url), ...options });
}

export const sharedUrl = await sharedServer('redis');

/** Past the cache, to see and change what it keeps. */
export async function directly<Value>(
  work: (redis: Redis) => Promise<Value>,
  url = sharedUrl,
): Promise<Value> {
  const redis = new Redis(url);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}
