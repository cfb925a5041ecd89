/**
 * A price as Redis holds and publishes it: a JSON array that begins with the sequence, which the script reads off it.
 * Amounts are decimal counts of 10⁻⁹ units in text, since JSON's numbers are floats.
 */
import type { Price, Quantity } from '#domain/data/decimal.ts';
import type { EventId, Symbol } from '#domain/data/identifiers.ts';
import type { CachedPrice } from '../cache.ts';

type Amount = string | null;
type Row = readonly [
  sequence: number,
  symbol: string,
  eventId: string,
  feedTimestampMs: number,
  price: string,
  bid: Amount,
  bidSize: Amount,
  ask: Amount,
  askSize: Amount,
  size: Amount,
  volume: Amount,
];

export function encodePrice(given: CachedPrice): string {
  const row: Row = [
    given.sequence,
    given.symbol,
    given.eventId,
    given.feedTimestampMs,
    given.price.toString(),
    text(given.bid),
    text(given.bidSize),
    text(given.ask),
    text(given.askSize),
    text(given.size),
    text(given.volume),
  ];
  return JSON.stringify(row);
}

/** Of one that `encodePrice` wrote. */
export function decodePrice(json: string): CachedPrice {
  return fromRow(JSON.parse(json) as Row);
}

/** Of a published message: an array of prices. */
export function decodePrices(json: string): readonly CachedPrice[] {
  return (JSON.parse(json) as readonly Row[]).map(fromRow);
}

function fromRow(row: Row): CachedPrice {
  const [sequence, symbol, eventId, feedTimestampMs, price, bid, bidSize, ask, askSize, size, volume] = row;
  return {
    symbol: symbol as Symbol,
    price: BigInt(price) as Price,
    bid: amount<Price>(bid),
    bidSize: amount<Quantity>(bidSize),
    ask: amount<Price>(ask),
    askSize: amount<Quantity>(askSize),
    size: amount<Quantity>(size),
    volume: amount<Quantity>(volume),
    sequence,
    eventId: eventId as EventId,
    feedTimestampMs,
  };
}

function text(value: bigint | null): Amount {
  return value === null ? null : value.toString();
}

function amount<Brand extends bigint>(value: Amount): Brand | null {
  return value === null ? null : (BigInt(value) as Brand);
}
