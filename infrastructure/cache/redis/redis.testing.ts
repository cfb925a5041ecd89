/** Caches on the Redis of the tests, and what stands behind them. */
import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { parseServerUrl, type ServerAddress } from '#infrastructure/common/server-address.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { sharedServer } from '#tests/support/servers.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import type { Cache } from '../cache.ts';
import { openRedisCache, type RedisCacheOptions } from './redis-cache.ts';

export const runtime = createSystemRuntime();

function addressOf(url: string): ServerAddress {
  const parsed = parseServerUrl(url, {
    product: 'Redis',
    example: 'redis://host',
    defaultPort: 6_379,
    path: /^\d+$/,
  });
  assert.ok(parsed.kind === 'value');
  return parsed.value;
}

export function openOn(url: string, options: Partial<RedisCacheOptions> = {}): Promise<Cache> {
  return openRedisCache({
    address: addressOf(url),
    runtime,
    metrics: createPrometheusMetrics({ processFigures: false }),
    logger: SILENT,
    ...options,
  });
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
