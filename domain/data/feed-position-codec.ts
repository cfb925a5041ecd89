/**
 * The records of `feed_positions`, written in the same transaction as the market events they speak of.
 *
 * Two kinds under two kinds of key, compacted: how far each feed has been read (`source/{source}`), and the last
 * event of each symbol (`symbol/{symbol}`), whichever feed it came from. From the second a market-data service
 * fills its cache without reading all of `market_data`, and ingestion goes on counting. One record per changed
 * symbol, so that a batch costs what changed in it and not the number of symbols there are.
 */
import type { Decoded } from './decoded.ts';
import { checkSchemaVersion, parseWireObject, quote, SCHEMA_VERSION, toBytes } from './event-envelope.ts';
import { FieldReader } from './field-reader.ts';
import type { MarketEvent } from './market-event.ts';
import { readMarketEventFields, writeMarketEvent } from './market-event-codec.ts';
import { beginRecord, endRecord, literal, MARK, writeLiteral, writeMark } from './record-writer.ts';

const MAX_SOURCE_LENGTH = 1_000;
const MAX_POSITION_LENGTH = 100_000;
const SYMBOL_OPENING = literal(`{"kind":"symbol","schemaVersion":"${SCHEMA_VERSION}","lastEvent":`);

export interface FeedSourcePosition {
  readonly kind: 'source';
  /** Such as `simulated:7` or `replay:bars.csv.gz`. */
  readonly source: string;
  /** The feed's own, opaque to everybody else. */
  readonly position: string;
  /** The feed has come to its end. */
  readonly finished: boolean;
  /** Taken in since the beginning. */
  readonly events: number;
  readonly badRows: number;
  /**
   * Every event of `market_data` below this offset is reflected in the `symbol` records. A lower bound: what the
   * transaction itself writes lies at or above it.
   */
  readonly marketDataOffsetHint: number;
}

export interface FeedSymbolPosition {
  readonly kind: 'symbol';
  readonly lastEvent: MarketEvent;
}

export type FeedPosition = FeedSourcePosition | FeedSymbolPosition;

const SYMBOL_KEY = 'symbol/';

export function feedPositionKey(position: FeedPosition): string {
  return position.kind === 'source'
    ? feedSourceKey(position.source)
    : `${SYMBOL_KEY}${position.lastEvent.symbol}`;
}

export function feedSourceKey(source: string): string {
  return `source/${source}`;
}

export function isFeedSymbolKey(key: string): boolean {
  return key.startsWith(SYMBOL_KEY);
}

export function encodeFeedPosition(position: FeedPosition): Uint8Array {
  if (position.kind === 'symbol') {
    beginRecord();
    writeLiteral(SYMBOL_OPENING);
    writeMarketEvent(position.lastEvent);
    writeMark(MARK.closeObject);
    return endRecord();
  }
  return toBytes(
    `{"kind":"source","schemaVersion":"${SCHEMA_VERSION}","source":${quote(position.source)},` +
      `"position":${quote(position.position)},"finished":${position.finished},"events":${position.events},` +
      `"badRows":${position.badRows},"marketDataOffsetHint":${position.marketDataOffsetHint}}`,
  );
}

export function decodeFeedPosition(bytes: Uint8Array): Decoded<FeedPosition> {
  const reader = new FieldReader();
  const fields = parseWireObject(bytes, reader);
  if (fields === null) return reader.unreadable();
  checkSchemaVersion(fields['schemaVersion'], reader);
  let value: FeedPosition;
  if (reader.oneOf(fields['kind'], 'kind', ['source', 'symbol']) === 'symbol') {
    const lastEvent = reader.object(fields['lastEvent'], 'lastEvent');
    reader.base = 'lastEvent.';
    value = { kind: 'symbol', lastEvent: readMarketEventFields(lastEvent, reader) };
  } else {
    value = {
      kind: 'source',
      source: reader.text(fields['source'], 'source', MAX_SOURCE_LENGTH),
      position: reader.text(fields['position'], 'position', MAX_POSITION_LENGTH),
      finished: reader.boolean(fields['finished'], 'finished'),
      events: reader.integer(fields['events'], 'events', 0),
      badRows: reader.integer(fields['badRows'], 'badRows', 0),
      marketDataOffsetHint: reader.integer(fields['marketDataOffsetHint'], 'marketDataOffsetHint', 0),
    };
  }
  return reader.failed ? reader.unreadable() : { kind: 'decoded', value };
}
