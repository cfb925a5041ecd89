/** Market events on the wire: records of `market_data`, and the last event per symbol in `feed_positions`. */

import type { Decoded } from './decoded.ts';
import {
  beginEnvelope,
  type EventContext,
  endEnvelope,
  openEnvelopeText,
  requirePresent,
  requireSameTime,
  toText,
} from './event-envelope.ts';
import { FieldReader, type WireObject } from './field-reader.ts';
import { type EventId, MAX_ID_LENGTH } from './identifiers.ts';
import type { MarketEvent } from './market-event.ts';
import {
  beginRecord,
  endRecord,
  fieldName,
  MARK,
  writeDecimalField,
  writeInteger,
  writeLiteral,
  writeMark,
  writeText,
  writeTimestamp,
  writeWord,
} from './record-writer.ts';

const EVENT_TYPE = 'MarketDataUpdated';
const decoder = new TextDecoder();

const FIRST_EVENT_ID = fieldName('eventId', '{');
const FIRST_SYMBOL = fieldName('symbol', '{');
const SEQUENCE = fieldName('sequence');
const SYMBOL = fieldName('symbol');
const PRICE = fieldName('price');
const FEED_TIMESTAMP = fieldName('feedTimestamp');
const BID = fieldName('bid');
const BID_SIZE = fieldName('bidSize');
const ASK = fieldName('ask');
const ASK_SIZE = fieldName('askSize');
const SIZE = fieldName('size');
const VOLUME = fieldName('volume');

/** From the symbol to the end of the object. */
function writeMarketFields(event: MarketEvent): void {
  const { bid, bidSize, ask, askSize, size, volume } = event;
  writeWord(event.symbol);
  writeDecimalField(PRICE, event.price);
  writeLiteral(FEED_TIMESTAMP);
  writeTimestamp(event.feedTimestampMs);
  if (bid !== null) writeDecimalField(BID, bid);
  if (bidSize !== null) writeDecimalField(BID_SIZE, bidSize);
  if (ask !== null) writeDecimalField(ASK, ask);
  if (askSize !== null) writeDecimalField(ASK_SIZE, askSize);
  if (size !== null) writeDecimalField(SIZE, size);
  if (volume !== null) writeDecimalField(VOLUME, volume);
  writeMark(MARK.closeObject);
}

/** An event without its envelope, as `feed_positions` keeps it: the payload with its id and sequence. */
export function writeMarketEvent(event: MarketEvent): void {
  writeLiteral(FIRST_EVENT_ID);
  writeText(event.eventId);
  writeLiteral(SEQUENCE);
  writeInteger(event.sequence);
  writeLiteral(SYMBOL);
  writeMarketFields(event);
}

/** The same as text, as sockets send it. */
export function marketEventToWire(event: MarketEvent): string {
  beginRecord();
  writeMarketEvent(event);
  return decoder.decode(endRecord());
}

function readPayload(
  payload: WireObject,
  reader: FieldReader,
  eventId: string,
  sequence: number,
  feedTimestampMs: number,
): MarketEvent {
  return {
    eventId: eventId as EventId,
    symbol: reader.symbol(payload['symbol'], 'symbol'),
    sequence,
    price: reader.price(payload['price'], 'price'),
    feedTimestampMs,
    bid: reader.optionalPrice(payload['bid'], 'bid'),
    bidSize: reader.optionalQuantity(payload['bidSize'], 'bidSize'),
    ask: reader.optionalPrice(payload['ask'], 'ask'),
    askSize: reader.optionalQuantity(payload['askSize'], 'askSize'),
    size: reader.optionalQuantity(payload['size'], 'size'),
    volume: reader.optionalQuantity(payload['volume'], 'volume'),
  };
}

const PLAIN = '[ !#-\\[\\]-~]';
const optionalField = (name: string) => `(?:,"${name}":"(${PLAIN}+)")?`;

/**
 * The record exactly as `encodeMarketEvent` writes it without a trace context. Matching it costs a third of what
 * `JSON.parse` does, and nearly every record does match; any other way of writing the same takes the general way.
 */
const CANONICAL = new RegExp(
  `^\\{"eventType":"${EVENT_TYPE}","eventId":"(${PLAIN}{1,${MAX_ID_LENGTH}})","cause":null,` +
    `"eventTimestamp":"(${PLAIN}+)","sourceService":"${PLAIN}{1,100}","schemaVersion":"1\\.0",` +
    `"sequence":([1-9][0-9]{0,14}),"payload":\\{"symbol":"(${PLAIN}+)","price":"(${PLAIN}+)",` +
    `"feedTimestamp":"(${PLAIN}+)"${['bid', 'bidSize', 'ask', 'askSize', 'size', 'volume'].map(optionalField).join('')}` +
    '\\}\\}$',
);

/** `null` when the text is not canonical, or something in it is wrong: the general way then says what. */
function decodeCanonical(text: string): MarketEvent | null {
  const match = CANONICAL.exec(text);
  if (match === null || match[2] !== match[6]) return null;
  const reader = new FieldReader();
  const value: MarketEvent = {
    eventId: match[1] as EventId,
    symbol: reader.symbol(match[4], 'symbol'),
    sequence: Number(match[3]),
    price: reader.price(match[5], 'price'),
    feedTimestampMs: reader.timestampMs(match[2], 'eventTimestamp'),
    bid: reader.optionalPrice(match[7], 'bid'),
    bidSize: reader.optionalQuantity(match[8], 'bidSize'),
    ask: reader.optionalPrice(match[9], 'ask'),
    askSize: reader.optionalQuantity(match[10], 'askSize'),
    size: reader.optionalQuantity(match[11], 'size'),
    volume: reader.optionalQuantity(match[12], 'volume'),
  };
  return reader.failed ? null : value;
}

/** Reads what `writeMarketEvent` wrote, once parsed; issues go to `reader`. */
export function readMarketEventFields(fields: WireObject, reader: FieldReader): MarketEvent {
  return readPayload(
    fields,
    reader,
    reader.id(fields['eventId'], 'eventId'),
    reader.integer(fields['sequence'], 'sequence', 1),
    reader.timestampMs(fields['feedTimestamp'], 'feedTimestamp'),
  );
}

export function encodeMarketEvent(event: MarketEvent, context: EventContext): Uint8Array {
  beginEnvelope(
    {
      eventType: EVENT_TYPE,
      eventId: event.eventId,
      cause: null,
      timeMs: event.feedTimestampMs,
      ingestTimeMs: null,
      sequence: event.sequence,
    },
    context,
  );
  writeLiteral(FIRST_SYMBOL);
  writeMarketFields(event);
  return endEnvelope(context);
}

export function decodeMarketEvent(bytes: Uint8Array): Decoded<MarketEvent> {
  const reader = new FieldReader();
  const text = toText(bytes, reader);
  if (text === null) return reader.unreadable();
  const canonical = decodeCanonical(text);
  if (canonical !== null) return { kind: 'decoded', value: canonical };
  const envelope = openEnvelopeText(text, reader);
  if (envelope === null) return reader.unreadable();
  const { payload } = envelope;
  const sequence = requirePresent(envelope.sequence, 'sequence', 1, reader);
  if (sequence < 1) reader.envelopeIssue('sequence', 'minimum', 'must be at least 1');
  if (envelope.eventType !== EVENT_TYPE) reader.envelopeIssue('eventType', 'enum', `must be ${EVENT_TYPE}`);
  requireSameTime(payload['feedTimestamp'], 'feedTimestamp', envelope, reader);
  const value = readPayload(payload, reader, envelope.eventId, sequence, envelope.timeMs);
  return reader.failed ? reader.unreadable() : { kind: 'decoded', value };
}
