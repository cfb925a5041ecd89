/** Market events on the wire: records of `market_data`, and the last event per symbol in `feed_positions`. */

import { formatDecimal } from './decimal.ts';
import type { Decoded } from './decoded.ts';
import {
  type EventContext,
  encodeEnvelope,
  MAX_ID_LENGTH,
  openEnvelope,
  quote,
  requirePresent,
  requireSameTime,
} from './event-envelope.ts';
import { FieldReader, type WireObject } from './field-reader.ts';
import type { EventId } from './identifiers.ts';
import type { MarketEvent } from './market-event.ts';
import { formatTimestamp } from './timestamp.ts';

const EVENT_TYPE = 'MarketDataUpdated';

function marketPayload(event: MarketEvent): string {
  const { bid, bidSize, ask, askSize, size, volume } = event;
  return (
    `"symbol":"${event.symbol}","price":"${formatDecimal(event.price)}",` +
    `"feedTimestamp":"${formatTimestamp(event.feedTimestampMs)}"` +
    (bid === null ? '' : `,"bid":"${formatDecimal(bid)}"`) +
    (bidSize === null ? '' : `,"bidSize":"${formatDecimal(bidSize)}"`) +
    (ask === null ? '' : `,"ask":"${formatDecimal(ask)}"`) +
    (askSize === null ? '' : `,"askSize":"${formatDecimal(askSize)}"`) +
    (size === null ? '' : `,"size":"${formatDecimal(size)}"`) +
    (volume === null ? '' : `,"volume":"${formatDecimal(volume)}"`)
  );
}

/** An event without its envelope, as `feed_positions` keeps it: the payload with its id and sequence. JSON. */
export function marketEventToWire(event: MarketEvent): string {
  return `{"eventId":${quote(event.eventId)},"sequence":${event.sequence},${marketPayload(event)}}`;
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

/** Reads what `marketEventToWire` wrote, once parsed; issues go to `reader`. */
export function readMarketEventFields(fields: WireObject, reader: FieldReader): MarketEvent {
  return readPayload(
    fields,
    reader,
    reader.text(fields['eventId'], 'eventId', MAX_ID_LENGTH),
    reader.integer(fields['sequence'], 'sequence', 1),
    reader.timestampMs(fields['feedTimestamp'], 'feedTimestamp'),
  );
}

export function encodeMarketEvent(event: MarketEvent, context: EventContext): Uint8Array {
  return encodeEnvelope(
    {
      eventType: EVENT_TYPE,
      eventId: event.eventId,
      cause: null,
      timeMs: event.feedTimestampMs,
      ingestTimeMs: null,
      sequence: event.sequence,
    },
    `{${marketPayload(event)}}`,
    context,
  );
}

export function decodeMarketEvent(bytes: Uint8Array): Decoded<MarketEvent> {
  const reader = new FieldReader();
  const envelope = openEnvelope(bytes, reader);
  if (envelope === null) return reader.unreadable();
  const { payload } = envelope;
  const sequence = requirePresent(envelope.sequence, 'sequence', 1, reader);
  if (envelope.eventType !== EVENT_TYPE) reader.envelopeIssue('eventType', 'enum', `must be ${EVENT_TYPE}`);
  requireSameTime(payload['feedTimestamp'], 'feedTimestamp', envelope, reader);
  const value = readPayload(payload, reader, envelope.eventId, sequence, envelope.timeMs);
  return reader.failed ? reader.unreadable() : { kind: 'decoded', value };
}
