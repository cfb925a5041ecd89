/** Caches on the Redis of the tests, and what stands behind them. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach } from 'node:test';
import { Redis } from 'ioredis';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
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

export function removeKeys(prefix: string): Promise<void> {
  return directly(async (redis) => {
    const keys = await redis.keys(`${prefix}*`);
    if (keys.length > 0) await redis.del(...keys);
  });
}

const runtime = createSystemRuntime();

/** Tries until it works; the runner's time limit ends it otherwise. */
export async function eventually<Value>(attempt: () => Promise<Value>): Promise<Value> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof OperatingError || error instanceof assert.AssertionError)) throw error;
      await runtime.timers.sleep(20);
    }
  }
}

/** What a cache does now and then is done when `look` is called. */
export function lookingOnDemand(): { readonly runtime: Runtime; look(): Promise<void> } {
  const tasks: (() => void | Promise<void>)[] = [];
  const every: Runtime['timers']['every'] = (_periodMs, task) => {
    tasks.push(task);
    return () => {};
  };
  return {
    runtime: { ...runtime, timers: { ...runtime.timers, every } },
    async look() {
      for (const task of tasks) await task();
    },
  };
}

/** Caches of one prefix for each test of the suite (or file) that calls this; closed, and their keys removed, after it. */
export function cachesOfEachTest(): {
  readonly prefix: string;
  open(options?: Partial<RedisCacheOptions>): Promise<Cache>;
} {
  let prefix = '';
  const opened: Cache[] = [];
  beforeEach(() => {
    prefix = `test-${randomUUID()}:`;
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((cache) => cache.close()));
    await removeKeys(prefix);
  });
  return {
    get prefix() {
      return prefix;
    },
    async open(options = {}) {
      const cache = await openOn(sharedUrl, { prefix, ...options });
      opened.push(cache);
      return cache;
    },
  };
}
