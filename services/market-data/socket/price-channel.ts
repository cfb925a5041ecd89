/**
 * One symbol's channel, `prices:{SYMBOL}`: the latest price, the recent ones for clients that come back, and who
 * listens. A price is written as JSON once per serialisation, however many clients get it.
 */
import type { Symbol } from '#domain/data/identifiers.ts';
import { marketEventToWire } from '#domain/data/market-event-codec.ts';
import type { CachedPrice } from '#infrastructure/cache/cache.ts';
import type { Conflatable, Outbox } from './outbox.ts';
import { eventFrame, type PhoenixVersion, type Ref } from './phoenix-frames.ts';
import { type RingBudget, SequenceRing } from './sequence-ring.ts';

export const PRICE_TOPIC_PREFIX = 'prices:';

export class PriceChannel {
  readonly symbol: Symbol;
  readonly topic: string;
  readonly subscriptions = new Set<PriceSubscription>();
  readonly #recent: SequenceRing<CachedPrice>;
  readonly #frames: [string | null, string | null] = [null, null];
  #latest: CachedPrice | null = null;

  constructor(symbol: Symbol, maxRecent: number, budget: RingBudget) {
    this.symbol = symbol;
    this.topic = `${PRICE_TOPIC_PREFIX}${symbol}`;
    this.#recent = new SequenceRing(maxRecent, budget);
  }

  get latest(): CachedPrice | null {
    return this.#latest;
  }

  /** Whether it was news: a sequence that is not above the latest is not. */
  record(price: CachedPrice): boolean {
    if (this.#latest !== null && price.sequence <= this.#latest.sequence) return false;
    this.#latest = price;
    this.#frames[0] = null;
    this.#frames[1] = null;
    this.#recent.push(price);
    return true;
  }

  /** The prices after `sequence`, without a gap; `null` when they are not all there any more. */
  since(sequence: number): readonly CachedPrice[] | null {
    return this.#recent.since(sequence);
  }

  latestFrame(version: PhoenixVersion): string | null {
    if (this.#latest === null) return null;
    const made = this.#frames[version - 1];
    if (typeof made === 'string') return made;
    const frame = this.frameOf(this.#latest, version);
    this.#frames[version - 1] = frame;
    return frame;
  }

  frameOf(price: CachedPrice, version: PhoenixVersion): string {
    return eventFrame(version, this.topic, 'price_update', marketEventToWire(price));
  }
}

/** One client's interest in one symbol. */
export class PriceSubscription implements Conflatable {
  readonly channel: PriceChannel;
  readonly outbox: Outbox;
  readonly joinRef: Ref;
  readonly #version: PhoenixVersion;
  /** The client has seen everything up to here, or will not see it any more. */
  #sentSequence: number;

  constructor(
    channel: PriceChannel,
    outbox: Outbox,
    version: PhoenixVersion,
    joinRef: Ref,
    sentSequence: number,
  ) {
    this.channel = channel;
    this.outbox = outbox;
    this.joinRef = joinRef;
    this.#version = version;
    this.#sentSequence = sentSequence;
  }

  takeFrame(): string | null {
    const { latest } = this.channel;
    if (latest === null || latest.sequence <= this.#sentSequence) return null;
    this.#sentSequence = latest.sequence;
    return this.channel.latestFrame(this.#version);
  }
}
