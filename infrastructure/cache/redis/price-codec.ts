/**
 * A price as Redis holds and publishes it: a JSON array that begins with the sequence, which the script reads off it.
 * Amounts are decimal counts of 10⁻⁹ units in text, since JSON's numbers are floats.
 */
import type { Price, Quantity } from '#domain/data/decimal.ts';
import { type EventId, parseSymbol, type Symbol } from '#domain/data/identifiers.ts';
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

/** `null` for what `encodePrice` did not write: others may write to Redis too. */
export function decodePrice(json: string): CachedPrice | null {
  return fromRow(parsed(json));
}

/** Of a published message: the prices, `null` for each that cannot be read. */
export function decodePrices(json: string): readonly (CachedPrice | null)[] {
  const rows = parsed(json);
  return Array.isArray(rows) ? rows.map(fromRow) : [null];
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return null;
  }
}

function fromRow(given: unknown): CachedPrice | null {
  if (!isRow(given)) return null;
  const [sequence, symbol, eventId, feedTimestampMs, price, bid, bidSize, ask, askSize, size, volume] = given;
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

const ROW_LENGTH = 11;
const AMOUNT = /^-?[0-9]{1,19}$/;

function isRow(given: unknown): given is Row {
  if (!Array.isArray(given) || given.length !== ROW_LENGTH) return false;
  const [sequence, symbol, eventId, feedTimestampMs, price, ...amounts]: readonly unknown[] = given;
  const isAmount = (value: unknown) => typeof value === 'string' && AMOUNT.test(value);
  return (
    Number.isSafeInteger(sequence) &&
    typeof symbol === 'string' &&
    parseSymbol(symbol) !== null &&
    typeof eventId === 'string' &&
    Number.isSafeInteger(feedTimestampMs) &&
    isAmount(price) &&
    amounts.every((value) => value === null || isAmount(value))
  );
}

function text(value: bigint | null): Amount {
  return value === null ? null : value.toString();
}

function amount<Brand extends bigint>(value: Amount): Brand | null {
  return value === null ? null : (BigInt(value) as Brand);
}
