/**
 * The embedded cache: everything in this process's memory, gone with it. All that it holds is rebuilt from the log
 * (prices, halts) or asked for again (tickets, rate limits). It cannot be shared by two processes.
 */
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { Cache } from '../cache.ts';
import { whileOpen } from '../while-open.ts';
import { MemoryHalts } from './memory-halts.ts';
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
  const halts = new MemoryHalts(clock);
  let closed = false;

  const ports = {
    prices,
    rateLimits,
    tickets,
    halts,
    async ping() {},
  };
  return {
    ...whileOpen(ports, () => closed),
    async close() {
      closed = true;
      prices.close();
      rateLimits.clear();
      tickets.clear();
      halts.clear();
    },
  };
}
