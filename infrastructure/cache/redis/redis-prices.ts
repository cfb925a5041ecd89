/**
 * Latest prices in Redis, with fan-out to the subscribers of every instance.
 *
 *   put ─▶ script: newer? ─▶ hash of prices, market time ─▶ PUBLISH ─▶ every instance's subscription ─▶ listeners
 *
 * A Redis that lost prices is filled again by whoever puts: it keeps the last price it put of each symbol, and compares how
 * many there are with each put, after each connection and now and then. market-data, which puts, begins
 * with the last event of every symbol in the log, so what it keeps is all there is.
 *
 * The market time is there once all prices are: readers take its absence for a cache that is being filled.
 */
import type { Redis } from 'ioredis';
import type { Symbol } from '#domain/data/identifiers.ts';
import { gatherReads } from '#infrastructure/common/gathered-reads.ts';
import type { ServerCalls } from '#infrastructure/common/server-calls.ts';
import type { Metrics } from '#infrastructure/core/metrics.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { CachedPrice, PriceCache } from '../cache.ts';
import { decodePrice, encodePrice } from './price-codec.ts';
import { PriceSubscription } from './price-subscription.ts';
import { afterEachConnection, type ConnectionContext } from './redis-connection.ts';
import { TOO_MANY_SYMBOLS } from './redis-failures.ts';

/** How many prices one run of the script takes: Redis does nothing else meanwhile. */
const BATCH = 500;

/**
 * ARGV: channel, most symbols, how many symbols the writer knows of, their latest time, then symbol, time and price of each.
 * Answers how many symbols there are. What it cannot read is overwritten.
 */
const PUT = `
local prices, marketTime = KEYS[1], KEYS[2]
local most, whole = tonumber(ARGV[2]), tonumber(ARGV[3])
local held = redis.call('HLEN', prices)
if held + (#ARGV - 4) / 3 > most then
  local new = {}
  for index = 5, #ARGV, 3 do
    if not new[ARGV[index]] and redis.call('HEXISTS', prices, ARGV[index]) == 0 then
      new[ARGV[index]] = true
      held = held + 1
    end
  end
  if held > most then return redis.error_reply('${TOO_MANY_SYMBOLS} more than ' .. most) end
end
local before = tonumber(redis.call('GET', marketTime))
local latest = before
local accepted = {}
for index = 5, #ARGV, 3 do
  local symbol, at, price = ARGV[index], tonumber(ARGV[index + 1]), ARGV[index + 2]
  local stored = redis.call('HGET', prices, symbol)
  local sequence = stored and tonumber(string.match(stored, '^%[(%d+),"'))
  if not sequence or tonumber(string.match(price, '^%[(%d+)')) > sequence then
    redis.call('HSET', prices, symbol, price)
    accepted[#accepted + 1] = price
    if latest and at > latest then latest = at end
  end
end
held = redis.call('HLEN', prices)
if not latest and held >= whole then latest = tonumber(ARGV[4]) end
if latest ~= before then redis.call('SET', marketTime, string.format('%.0f', latest)) end
if #accepted > 0 then
  redis.call('PUBLISH', ARGV[1], '[' .. table.concat(accepted, ',') .. ']')
end
return held
`;

type WithPut = Redis & {
  tradehallPut(prices: string, marketTime: string, ...given: (string | number)[]): Promise<number>;
};

interface Kept {
  readonly encoded: string;
  readonly sequence: number;
  readonly feedTimestampMs: number;
}

type Row = readonly [Symbol, feedTimestampMs: number, encoded: string];

/** All that a writer knows of. */
interface Whole {
  readonly symbols: number;
  readonly latestMs: number;
}

export interface RedisPricesOptions extends ConnectionContext {
  readonly redis: Redis;
  readonly subscriber: Redis;
  readonly calls: ServerCalls;
  readonly metrics: Metrics;
  /** How sentences name the server. */
  readonly name: string;
  readonly prefix: string;
  readonly maxSymbols: number;
}

export class RedisPrices implements PriceCache {
  readonly #options: RedisPricesOptions;
  readonly #redis: WithPut;
  readonly #pricesKey: string;
  readonly #marketTimeKey: string;
  readonly #channel: string;
  readonly #subscription: PriceSubscription;
  /** Every order asks for a price and the market time, and every portfolio for the price of each of its symbols. */
  readonly #get = gatherReads((symbols: readonly Symbol[]) => this.#readMany(symbols));
  readonly #getMarketTime = gatherReads<'market time', number>(async () => [await this.#readMarketTime()]);
  /** What this instance has put, to fill a Redis again that has lost it. */
  readonly #kept = new Map<Symbol, Kept>();
  #latestKeptMs = Number.NEGATIVE_INFINITY;
  readonly #countUnreadable;
  #toldUnreadable = false;
  /** Looks whether Redis has all that is kept, and fills it again until it does. A feed that is quiet need not put for that. */
  readonly lookForLoss: () => void;

  constructor(options: RedisPricesOptions) {
    const { redis, subscriber, calls, prefix } = options;
    this.#options = options;
    redis.defineCommand('tradehallPut', { numberOfKeys: 2, lua: PUT });
    this.#redis = redis as WithPut;
    this.#pricesKey = `${prefix}prices`;
    this.#marketTimeKey = `${prefix}market-time`;
    // Keys are a database's own, channels are not.
    this.#channel = `${prefix}prices-put:${redis.options.db ?? 0}`;
    this.#countUnreadable = options.metrics.counter(
      'tradehall_cache_unreadable_total',
      'Prices in the cache, or published there, that could not be read and were passed over.',
    );
    this.#subscription = new PriceSubscription({
      subscriber,
      calls,
      channel: this.#channel,
      all: () => this.all(),
      onUnreadable: () => this.#passOver(`was published on ${this.#channel}`),
      connection: options,
    });
    this.lookForLoss = afterEachConnection(redis, 'fill the cache again', options, () =>
      this.#refillIfLost(),
    );
  }

  async put(prices: readonly CachedPrice[]): Promise<void> {
    const whole = this.#wholeWith(prices);
    for (let first = 0; first < prices.length; first += BATCH) {
      const batch = prices.slice(first, first + BATCH);
      const held = await this.#send(
        batch.map((price) => [price.symbol, price.feedTimestampMs, encodePrice(price)]),
        whole,
      );
      for (const price of batch) this.#keep(price);
      if (held < this.#kept.size) await this.#refill();
    }
  }

  async get(symbol: Symbol): Promise<CachedPrice | null> {
    const encoded = await this.#get(symbol);
    if (encoded === null) return null;
    return decodePrice(encoded) ?? this.#damaged(`the field ${symbol} of ${this.#pricesKey}`);
  }

  async #readMany(symbols: readonly Symbol[]): Promise<readonly (string | null)[]> {
    const { calls } = this.#options;
    return calls.call('prices.get', () => this.#redis.hmget(this.#pricesKey, ...symbols), {
      repeatable: true,
    });
  }

  /** One that cannot be read is passed over, and told. */
  async all(): Promise<readonly CachedPrice[]> {
    const { calls } = this.#options;
    const found = await calls.call('prices.all', () => this.#redis.hgetall(this.#pricesKey), {
      repeatable: true,
    });
    return Object.entries(found).flatMap(([symbol, encoded]) => {
      const price = decodePrice(encoded);
      if (price !== null) return [price];
      this.#passOver(`is the field ${symbol} of ${this.#pricesKey}`);
      return [];
    });
  }

  latestFeedTimestampMs(): Promise<number | null> {
    return this.#getMarketTime('market time');
  }

  async #readMarketTime(): Promise<number | null> {
    const { calls } = this.#options;
    const found = await calls.call('prices.marketTime', () => this.#redis.get(this.#marketTimeKey), {
      repeatable: true,
    });
    if (found === null) return null;
    return /^-?[0-9]{1,16}$/.test(found) ? Number(found) : this.#damaged(this.#marketTimeKey);
  }

  #damaged(what: string): never {
    throw new OperatingError(
      'CACHE_DAMAGED',
      `${this.#options.name} has something in ${what} that Tradehall did not write: delete it, and it is filled again.`,
      { retry: 'retry' },
    );
  }

  /** Counted, and said once: it may come again and again. */
  #passOver(what: string): void {
    this.#countUnreadable.increment();
    if (this.#toldUnreadable) return;
    this.#toldUnreadable = true;
    this.#options.logger.error(
      {},
      `something that Tradehall did not write ${what} in ${this.#options.name}: passed over, as more like it will be`,
    );
  }

  async clear(): Promise<void> {
    this.#kept.clear();
    this.#latestKeptMs = Number.NEGATIVE_INFINITY;
    const { calls } = this.#options;
    await calls.call('prices.clear', () => this.#redis.del(this.#pricesKey, this.#marketTimeKey), {
      repeatable: true,
    });
    this.#subscription.forget();
  }

  subscribe(listener: (prices: readonly CachedPrice[]) => void): Promise<() => Promise<void>> {
    return this.#subscription.add(listener);
  }

  /** A second time changes nothing, so it may be repeated. Answers how many symbols Redis holds. */
  async #send(rows: readonly Row[], { symbols, latestMs }: Whole): Promise<number> {
    const { calls, maxSymbols } = this.#options;
    const given = [this.#channel, maxSymbols, symbols, latestMs, ...rows.flat()];
    return calls.call(
      'prices.put',
      () => this.#redis.tradehallPut(this.#pricesKey, this.#marketTimeKey, ...given),
      { repeatable: true },
    );
  }

  #wholeWith(prices: readonly CachedPrice[]): Whole {
    const fresh = new Set<Symbol>();
    let latestMs = this.#latestKeptMs;
    for (const { symbol, feedTimestampMs } of prices) {
      if (!this.#kept.has(symbol)) fresh.add(symbol);
      latestMs = Math.max(latestMs, feedTimestampMs);
    }
    return { symbols: this.#kept.size + fresh.size, latestMs };
  }

  #keep({ symbol, sequence, feedTimestampMs, ...rest }: CachedPrice): void {
    const kept = this.#kept.get(symbol);
    if (kept !== undefined && kept.sequence >= sequence) return;
    const encoded = encodePrice({ symbol, sequence, feedTimestampMs, ...rest });
    this.#kept.set(symbol, { encoded, sequence, feedTimestampMs });
    this.#latestKeptMs = Math.max(this.#latestKeptMs, feedTimestampMs);
  }

  /** Should it be lost again meanwhile, the next look finds it. */
  async #refill(): Promise<void> {
    const whole = this.#wholeWith([]);
    const rows = [...this.#kept].map(
      ([symbol, { feedTimestampMs, encoded }]): Row => [symbol, feedTimestampMs, encoded],
    );
    for (let first = 0; first < rows.length; first += BATCH)
      await this.#send(rows.slice(first, first + BATCH), whole);
    this.#options.logger.warn({ symbols: rows.length }, 'the cache had lost prices: filled again');
  }

  async #refillIfLost(): Promise<void> {
    const { size } = this.#kept;
    if (size === 0) return;
    const { calls } = this.#options;
    const [held, marketTime] = await calls.call(
      'prices.held',
      () => Promise.all([this.#redis.hlen(this.#pricesKey), this.#redis.get(this.#marketTimeKey)]),
      { repeatable: true },
    );
    if (held < size || marketTime === null) await this.#refill();
  }
}
