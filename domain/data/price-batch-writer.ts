/**
 * Writes the prices of a batch straight into a record's bytes: a feed flat out brings a hundred thousand of them a second,
 * and every other input of execution is rare beside them (trading-input-codec.ts writes those, and reads all).
 */
import {
  fieldName,
  literal,
  MARK,
  writeDecimalField,
  writeInteger,
  writeLiteral,
  writeMark,
  writeText,
  writeTimestamp,
  writeWord,
} from './record-writer.ts';
import type { BatchPrice, PriceBatch } from './trading-inputs.ts';

const FIRST_PRICES = literal('{"prices":[');
const CLOSE_PRICES = literal(']}');
const FIRST_SYMBOL = fieldName('symbol', '{');
const SEQUENCE = fieldName('sequence');
const EVENT_ID = fieldName('eventId');
const FEED_TIMESTAMP = fieldName('feedTimestamp');
const PRICE = fieldName('price');
const BID = fieldName('bid');
const BID_SIZE = fieldName('bidSize');
const ASK = fieldName('ask');
const ASK_SIZE = fieldName('askSize');
const TRADED_SIZE = fieldName('tradedSize');
const LOW = fieldName('low');
const HIGH = fieldName('high');

/** The payload of a price batch. */
export function writePriceBatch({ prices }: PriceBatch): void {
  writeLiteral(FIRST_PRICES);
  let isFirst = true;
  for (const price of prices) {
    if (!isFirst) writeMark(MARK.comma);
    isFirst = false;
    writeBatchPrice(price);
  }
  writeLiteral(CLOSE_PRICES);
}

function writeBatchPrice(item: BatchPrice): void {
  const { bid, bidSize, ask, askSize, tradedSize } = item;
  writeLiteral(FIRST_SYMBOL);
  writeWord(item.symbol);
  writeLiteral(SEQUENCE);
  writeInteger(item.sequence);
  writeLiteral(EVENT_ID);
  writeText(item.eventId);
  writeLiteral(FEED_TIMESTAMP);
  writeTimestamp(item.feedTimestampMs);
  writeDecimalField(PRICE, item.price);
  if (bid !== null) writeDecimalField(BID, bid);
  if (bidSize !== null) writeDecimalField(BID_SIZE, bidSize);
  if (ask !== null) writeDecimalField(ASK, ask);
  if (askSize !== null) writeDecimalField(ASK_SIZE, askSize);
  if (tradedSize !== null) writeDecimalField(TRADED_SIZE, tradedSize);
  writeDecimalField(LOW, item.low);
  writeDecimalField(HIGH, item.high);
  writeMark(MARK.closeObject);
}
