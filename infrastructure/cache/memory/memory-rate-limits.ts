/**
 * Token buckets in memory. A bucket that has refilled says nothing any more and may be dropped; while the cap on
 * buckets is reached by others, a new key is refused rather than let through unlimited.
 */
import assert from 'node:assert/strict';
import type { Clock } from '#infrastructure/core/runtime.ts';
import type { RateDecision, RateLimits } from '../cache.ts';

interface Bucket {
  tokens: number;
  updatedMs: number;
  /** When it will have refilled. */
  fullAtMs: number;
}

/** How many of the longest untouched buckets are looked at to find one that may go. */
const EVICTION_SCAN = 32;

export class MemoryRateLimits implements RateLimits {
  readonly #clock: Clock;
  readonly #maxBuckets: number;
  /** In order of last use: a bucket that is taken from moves to the end. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock, maxBuckets: number) {
    this.#clock = clock;
    this.#maxBuckets = maxBuckets;
  }

  async take(key: string, limit: number, windowMs: number): Promise<RateDecision> {
    assert(limit >= 1 && windowMs > 0, 'a rate limit allows at least one per a window of some length');
    const nowMs = this.#clock.monotonicMs();
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      const waitMs = this.#makeRoom(nowMs);
      if (waitMs > 0) return { kind: 'limited', retryAfterMs: Math.ceil(waitMs) };
      this.#buckets.set(key, { tokens: limit - 1, updatedMs: nowMs, fullAtMs: nowMs + windowMs / limit });
      return { kind: 'allowed' };
    }
    const perMs = limit / windowMs;
    // A limit lowered since the last call caps what is left of the bucket, too.
    const tokens = Math.min(limit, bucket.tokens + (nowMs - bucket.updatedMs) * perMs);
    const allowed = tokens >= 1;
    bucket.tokens = allowed ? tokens - 1 : tokens;
    bucket.updatedMs = nowMs;
    bucket.fullAtMs = nowMs + (limit - bucket.tokens) / perMs;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (allowed) return { kind: 'allowed' };
    return { kind: 'limited', retryAfterMs: Math.max(1, Math.ceil((1 - tokens) / perMs)) };
  }

  clear(): void {
    this.#buckets.clear();
  }

  /** 0 when there is room, else how long until there may be. */
  #makeRoom(nowMs: number): number {
    if (this.#buckets.size < this.#maxBuckets) return 0;
    let waitMs = Number.POSITIVE_INFINITY;
    let scanned = 0;
    for (const [key, bucket] of this.#buckets) {
      if (bucket.fullAtMs <= nowMs) {
        this.#buckets.delete(key);
        return 0;
      }
      waitMs = Math.min(waitMs, bucket.fullAtMs - nowMs);
      scanned += 1;
      if (scanned === EVICTION_SCAN) break;
    }
    return waitMs;
  }
}
