/** Latest prices in this process's memory, with fan-out to its own subscribers. Symbols are capped, by refusal. */
import type { Symbol } from '#domain/data/identifiers.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { CachedPrice, PriceCache } from '../cache.ts';

type Listener = (prices: readonly CachedPrice[]) => void;

export class MemoryPrices implements PriceCache {
  readonly #maxSymbols: number;
  readonly #bySymbol = new Map<Symbol, CachedPrice>();
  /** Keyed by subscription, so that one function subscribed twice is two subscriptions. */
  readonly #listeners = new Map<number, Listener>();
  #subscriptions = 0;
  #latestFeedTimestampMs: number | null = null;

  constructor(maxSymbols: number) {
    this.#maxSymbols = maxSymbols;
  }

  async put(prices: readonly CachedPrice[]): Promise<void> {
    this.#refuseTooManySymbols(prices);
    const accepted: CachedPrice[] = [];
    for (const price of prices) {
      const stored = this.#bySymbol.get(price.symbol);
      if (stored !== undefined && price.sequence <= stored.sequence) continue;
      this.#bySymbol.set(price.symbol, price);
      accepted.push(price);
      if (this.#latestFeedTimestampMs === null || price.feedTimestampMs > this.#latestFeedTimestampMs) {
        this.#latestFeedTimestampMs = price.feedTimestampMs;
      }
    }
    if (accepted.length === 0) return;
    for (const listener of [...this.#listeners.values()]) listener(accepted);
  }

  async get(symbol: Symbol): Promise<CachedPrice | null> {
    return this.#bySymbol.get(symbol) ?? null;
  }

  async all(): Promise<readonly CachedPrice[]> {
    return [...this.#bySymbol.values()];
  }

  async latestFeedTimestampMs(): Promise<number | null> {
    return this.#latestFeedTimestampMs;
  }

  async subscribe(listener: Listener): Promise<() => Promise<void>> {
    this.#subscriptions += 1;
    const subscription = this.#subscriptions;
    this.#listeners.set(subscription, listener);
    return async () => {
      this.#listeners.delete(subscription);
    };
  }

  async clear(): Promise<void> {
    this.#bySymbol.clear();
    this.#latestFeedTimestampMs = null;
  }

  close(): void {
    this.#listeners.clear();
    this.#bySymbol.clear();
  }

  /** Before anything is stored, so that a refused batch leaves nothing behind. */
  #refuseTooManySymbols(prices: readonly CachedPrice[]): void {
    // Only when the batch could reach the cap is it worth counting its new symbols.
    if (this.#bySymbol.size + prices.length <= this.#maxSymbols) return;
    const added = new Set<Symbol>();
    for (const { symbol } of prices) if (!this.#bySymbol.has(symbol)) added.add(symbol);
    if (this.#bySymbol.size + added.size <= this.#maxSymbols) return;
    throw new OperatingError('CACHE_FULL', `the price cache holds at most ${this.#maxSymbols} symbols`, {
      retry: 'never',
    });
  }
}
