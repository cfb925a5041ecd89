/**
 * One subscription of this process to the prices that any instance puts, on a connection of its own, shared by all
 * listeners.
 *
 * Redis forgets a message once it is sent, so after each connection the latest prices are read: what was missed is
 * passed over, as for a slow client, and the last price of each symbol is heard. Listeners hear sequences that only grow.
 */
import type { Redis } from 'ioredis';
import type { Symbol } from '#domain/data/identifiers.ts';
import type { ServerCalls } from '#infrastructure/common/server-calls.ts';
import type { CachedPrice } from '../cache.ts';
import { decodePrices } from './price-codec.ts';
import { afterEachConnection, type ConnectionContext } from './redis-connection.ts';

type Listener = (prices: readonly CachedPrice[]) => void;

export interface PriceSubscriptionOptions {
  readonly subscriber: Redis;
  readonly calls: ServerCalls;
  readonly channel: string;
  all(): Promise<readonly CachedPrice[]>;
  /** Of each published price that others than us have written. */
  onUnreadable(): void;
  readonly connection: ConnectionContext;
}

export class PriceSubscription {
  readonly #options: PriceSubscriptionOptions;
  /** Keyed by subscription, so that one function subscribed twice is two subscriptions. */
  readonly #listeners = new Map<number, Listener>();
  readonly #heard = new Map<Symbol, number>();
  #count = 0;
  #subscribed: Promise<void> | null = null;

  constructor(options: PriceSubscriptionOptions) {
    this.#options = options;
    const { subscriber } = options;
    subscriber.on('message', (_channel, message) => {
      const readable: CachedPrice[] = [];
      for (const price of decodePrices(message)) {
        if (price === null) options.onUnreadable();
        else readable.push(price);
      }
      this.#hear(readable);
    });
    afterEachConnection(subscriber, 'hear of prices again', options.connection, async () => {
      if (this.#subscribed === null) return;
      await this.#subscribe();
      // What was missed before that.
      this.#hear(await options.all());
    });
  }

  async add(listener: Listener): Promise<() => Promise<void>> {
    this.#subscribed ??= this.#subscribe();
    try {
      await this.#subscribed;
    } catch (error) {
      this.#subscribed = null;
      throw error;
    }
    this.#count += 1;
    const key = this.#count;
    this.#listeners.set(key, listener);
    return async () => {
      this.#listeners.delete(key);
    };
  }

  /** Sequences begin anew. */
  forget(): void {
    this.#heard.clear();
  }

  async #subscribe(): Promise<void> {
    const { subscriber, calls, channel } = this.#options;
    await calls.call('prices.subscribe', () => subscriber.subscribe(channel), { repeatable: true });
  }

  #hear(prices: readonly CachedPrice[]): void {
    const news = prices.filter(({ symbol, sequence }) => {
      if (sequence <= (this.#heard.get(symbol) ?? -1)) return false;
      this.#heard.set(symbol, sequence);
      return true;
    });
    if (news.length === 0) return;
    for (const listener of [...this.#listeners.values()]) listener(news);
  }
}
