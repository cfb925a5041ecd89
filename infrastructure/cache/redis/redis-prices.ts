/**
 * Latest prices in Redis, with fan-out to the subscribers of every instance.
 *
 *   put ─▶ script: newer? ─▶ hash of prices, market time ─▶ PUBLISH ─▶ every instance's subscription ─▶ listeners
 *
 * A Redis that lost its memory is filled again by whoever puts: it keeps the last price it put of each symbol, and the
 * script tells it when the market time is missing, which is there from the first put on. market-data, which puts, begins
 * with the last event of every symbol in the log, so what it keeps is all there is.
 */
import type { Redis } from 'ioredis';
import type { Symbol } from '#domain/data/identifiers.ts';
import { gatherReads } from '#infrastructure/common/gathered-reads.ts';
import type { ServerCalls } from '#infrastructure/common/server-calls.ts';
import type { CachedPrice, PriceCache } from '../cache.ts';
import { decodePrice, encodePrice } from './price-codec.ts';
import { PriceSubscription } from './price-subscription.ts';
import { afterEachConnection, type ConnectionContext } from './redis-connection.ts';
import { TOO_MANY_SYMBOLS } from './redis-failures.ts';

/** How many prices one run of the script takes: Redis does nothing else meanwhile. */
const BATCH = 500;

/** Answers 1 when there was no market time: nothing was ever put, or all was lost. */
const PUT = `
local prices, marketTime = KEYS[1], KEYS[2]
local most = tonumber(ARGV[2])
local count = (#ARGV - 2) / 3
local held = redis.call('HLEN', prices)
if held + count > most then
  local new = {}
  for index = 3, #ARGV, 3 do
    if not new[ARGV[index]] and redis.call('HEXISTS', prices, ARGV[index]) == 0 then
      new[ARGV[index]] = true
      held = held + 1
    end
  end
  if held > most then return redis.error_reply('${TOO_MANY_SYMBOLS} more than ' .. most) end
end
local before = redis.call('GET', marketTime)
local latest = before and tonumber(before)
local accepted = {}
for index = 3, #ARGV, 3 do
  local symbol, at, price = ARGV[index], tonumber(ARGV[index + 1]), ARGV[index + 2]
  local stored = redis.call('HGET', prices, symbol)
  if not stored or tonumber(string.match(price, '^%[(%d+)')) > tonumber(string.match(stored, '^%[(%d+)')) then
    redis.call('HSET', prices, symbol, price)
    accepted[#accepted + 1] = price
    if not latest or at > latest then latest = at end
  end
end
if #accepted > 0 then
  redis.call('SET', marketTime, string.format('%.0f', latest))
  redis.call('PUBLISH', ARGV[1], '[' .. table.concat(accepted, ',') .. ']')
end
return before and 0 or 1
`;

type WithPut = Redis & {
  tradehallPut(prices: string, marketTime: string, ...given: (string | number)[]): Promise<number>;
};

interface Kept {
  readonly encoded: string;
  readonly sequence: number;
  readonly feedTimestampMs: number;
}

export interface RedisPricesOptions extends ConnectionContext {
  readonly redis: Redis;
  readonly subscriber: Redis;
  readonly calls: ServerCalls;
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
  /** Set from a loss until all is back. */
  #refillDue = false;

  constructor(options: RedisPricesOptions) {
    const { redis, subscriber, calls, prefix } = options;
    this.#options = options;
    redis.defineCommand('tradehallPut', { numberOfKeys: 2, lua: PUT });
    this.#redis = redis as WithPut;
    this.#pricesKey = `${prefix}prices`;
    this.#marketTimeKey = `${prefix}market-time`;
    // Keys are a database's own, channels are not.
    this.#channel = `${prefix}prices-put:${redis.options.db ?? 0}`;
    this.#subscription = new PriceSubscription({
      subscriber,
      calls,
      channel: this.#channel,
      all: () => this.all(),
      connection: options,
    });
    // A feed that is quiet need not put for the cache to be full.
    afterEachConnection(redis, 'fill the cache again', options, () => this.#refillIfLost());
  }

  async put(prices: readonly CachedPrice[]): Promise<void> {
    if (this.#refillDue) await this.#refill();
    for (let first = 0; first < prices.length; first += BATCH) {
      const batch = prices.slice(first, first + BATCH);
      const lost = await this.#send(
        batch.map((price) => [price.symbol, price.feedTimestampMs, encodePrice(price)]),
      );
      const hadPut = this.#kept.size > 0;
      for (const price of batch) this.#keep(price);
      if (lost && hadPut) await this.#refill();
    }
  }

  get(symbol: Symbol): Promise<CachedPrice | null> {
    return this.#get(symbol);
  }

  async #readMany(symbols: readonly Symbol[]): Promise<readonly (CachedPrice | null)[]> {
    const { calls } = this.#options;
    const found = await calls.call('prices.get', () => this.#redis.hmget(this.#pricesKey, ...symbols), {
      repeatable: true,
    });
    return found.map((encoded) => (encoded === null ? null : decodePrice(encoded)));
  }

  async all(): Promise<readonly CachedPrice[]> {
    const { calls } = this.#options;
    const found = await calls.call('prices.all', () => this.#redis.hvals(this.#pricesKey), {
      repeatable: true,
    });
    return found.map(decodePrice);
  }

  latestFeedTimestampMs(): Promise<number | null> {
    return this.#getMarketTime('market time');
  }

  async #readMarketTime(): Promise<number | null> {
    const { calls } = this.#options;
    const found = await calls.call('prices.marketTime', () => this.#redis.get(this.#marketTimeKey), {
      repeatable: true,
    });
    return found === null ? null : Number(found);
  }

  async clear(): Promise<void> {
    this.#kept.clear();
    this.#refillDue = false;
    const { calls } = this.#options;
    await calls.call('prices.clear', () => this.#redis.del(this.#pricesKey, this.#marketTimeKey), {
      repeatable: true,
    });
    this.#subscription.forget();
  }

  subscribe(listener: (prices: readonly CachedPrice[]) => void): Promise<() => Promise<void>> {
    return this.#subscription.add(listener);
  }

  /** A second time changes nothing, so it may be repeated. Answers whether Redis had lost its memory. */
  async #send(rows: readonly (readonly [Symbol, number, string])[]): Promise<boolean> {
    const { calls, maxSymbols } = this.#options;
    const given = rows.flat();
    const answer = await calls.call(
      'prices.put',
      () =>
        this.#redis.tradehallPut(this.#pricesKey, this.#marketTimeKey, this.#channel, maxSymbols, ...given),
      { repeatable: true },
    );
    return answer === 1;
  }

  #keep({ symbol, sequence, feedTimestampMs, ...rest }: CachedPrice): void {
    const kept = this.#kept.get(symbol);
    if (kept !== undefined && kept.sequence >= sequence) return;
    const encoded = encodePrice({ symbol, sequence, feedTimestampMs, ...rest });
    this.#kept.set(symbol, { encoded, sequence, feedTimestampMs });
  }

  async #refill(): Promise<void> {
    this.#refillDue = true;
    const rows = [...this.#kept].map(
      ([symbol, { feedTimestampMs, encoded }]) => [symbol, feedTimestampMs, encoded] as const,
    );
    for (let first = 0; first < rows.length; first += BATCH)
      await this.#send(rows.slice(first, first + BATCH));
    this.#refillDue = false;
    this.#options.logger.warn({ symbols: rows.length }, 'the cache had lost its prices: filled again');
  }

  async #refillIfLost(): Promise<void> {
    if (this.#kept.size === 0) return;
    if (this.#refillDue || (await this.latestFeedTimestampMs()) === null) await this.#refill();
  }
}
