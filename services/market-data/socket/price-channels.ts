/**
 * All price channels, and the fan-out of new prices to whoever listens.
 *
 * A turn of the event loop sends at most `SENDS_PER_TURN` updates. Within it every client gets every update; a flood
 * beyond it (a replay flat out to a thousand clients) marks the channel instead, and later turns send its latest:
 * the feed, the orders and the other clients are not held up by fan-out.
 */
import type { Symbol } from '#domain/data/identifiers.ts';
import type { CachedPrice } from '#infrastructure/cache/cache.ts';
import type { Timers } from '#infrastructure/core/runtime.ts';
import { PriceChannel } from './price-channel.ts';
import type { RingBudget } from './sequence-ring.ts';

export interface PriceChannelsOptions {
  readonly timers: Timers;
  readonly maxSymbols: number;
  readonly resumeEventsPerSymbol: number;
  readonly resumeEventsTotal: number;
  readonly crash: (error: unknown) => void;
}

const SENDS_PER_TURN = 2_000;

export class PriceChannels {
  readonly #options: PriceChannelsOptions;
  readonly #channels = new Map<Symbol, PriceChannel>();
  readonly #budget: RingBudget;
  /** Channels whose latest price is still to be offered. */
  readonly #behind = new Set<PriceChannel>();
  #sendsLeft = SENDS_PER_TURN;
  #turnRunning = false;

  constructor(options: PriceChannelsOptions) {
    this.#options = options;
    this.#budget = { remaining: options.resumeEventsTotal };
  }

  get symbols(): number {
    return this.#channels.size;
  }

  publish(prices: readonly CachedPrice[]): void {
    for (const price of prices) {
      const channel = this.#channels.get(price.symbol) ?? this.#create(price.symbol);
      if (!channel.record(price) || channel.subscriptions.size === 0) continue;
      this.#sendsLeft -= channel.subscriptions.size;
      // One that is behind stays behind until its turn, or a client would see its prices out of order.
      if (this.#sendsLeft >= 0 && !this.#behind.has(channel)) offer(channel);
      else this.#behind.add(channel);
    }
    if (this.#sendsLeft < SENDS_PER_TURN) this.#startTurns();
  }

  /** The channel to join; `null` when there are too many symbols already. */
  open(symbol: Symbol): PriceChannel | null {
    const found = this.#channels.get(symbol);
    if (found !== undefined) return found;
    return this.#channels.size < this.#options.maxSymbols ? this.#create(symbol) : null;
  }

  /** Forgets a channel that nobody listens to and that never had a price. */
  release(channel: PriceChannel): void {
    const isIdle = channel.subscriptions.size === 0 && channel.latest === null;
    if (isIdle && this.#channels.get(channel.symbol) === channel) this.#channels.delete(channel.symbol);
  }

  #create(symbol: Symbol): PriceChannel {
    const channel = new PriceChannel(symbol, this.#options.resumeEventsPerSymbol, this.#budget);
    this.#channels.set(symbol, channel);
    return channel;
  }

  #startTurns(): void {
    if (this.#turnRunning) return;
    this.#turnRunning = true;
    void this.#turns().catch(this.#options.crash);
  }

  async #turns(): Promise<void> {
    do {
      await this.#options.timers.yieldTurn();
      this.#sendsLeft = SENDS_PER_TURN;
      for (const channel of this.#behind) {
        if (this.#sendsLeft <= 0) break;
        this.#behind.delete(channel);
        this.#sendsLeft -= channel.subscriptions.size;
        offer(channel);
      }
    } while (this.#behind.size > 0);
    this.#turnRunning = false;
  }
}

function offer(channel: PriceChannel): void {
  for (const subscription of channel.subscriptions) subscription.outbox.offer(subscription);
}
