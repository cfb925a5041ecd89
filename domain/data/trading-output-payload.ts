/** The payloads of execution's outputs on the wire, as `trading-output-codec.ts` reads them. */
import {
  fieldName,
  MARK,
  writeBytes,
  writeDecimal,
  writeMark,
  writeText,
  writeTimestamp,
  writeWord,
} from './record-writer.ts';
import {
  CASH_ASSET,
  type FillPostings,
  type LedgerEntry,
  type OrderUpdate,
  type TradeExecuted,
  type TradeOutcome,
  type TradingOutput,
  type VenueCommand,
} from './trading-events.ts';

const AMOUNT = fieldName('amount');
const ASSET = fieldName('asset');
const AVERAGE_FILL_PRICE = fieldName('averageFillPrice');
const CASH_AFTER = fieldName('cashAfter');
const CLIENT_ORDER_ID = fieldName('clientOrderId');
const EXECUTION_ID = fieldName('executionId');
const EXECUTION_PRICE = fieldName('executionPrice');
const EXECUTION_TIMESTAMP = fieldName('executionTimestamp');
const FAILURE_REASON = fieldName('failureReason');
const FEE = fieldName('fee');
const FILLED_QUANTITY = fieldName('filledQuantity');
const FIRST_ACCOUNT = fieldName('account', '{');
const FIRST_COMMAND = fieldName('command', '{');
const FIRST_ORDER_ID = fieldName('orderId', '{');
const FIRST_USER_ID = fieldName('userId', '{');
const KIND = fieldName('kind');
const LIMIT_PRICE = fieldName('limitPrice');
const NOTE = fieldName('note');
const ORDER_ID = fieldName('orderId');
const POSTINGS = fieldName('postings');
const PRICE = fieldName('price');
const PRICE_EVENT_ID = fieldName('priceEventId');
const PRICE_TIMESTAMP = fieldName('priceTimestamp');
const QUANTITY = fieldName('quantity');
const REASON = fieldName('reason');
const REFERENCE = fieldName('reference');
const SIDE = fieldName('side');
const STATUS = fieldName('status');
const SYMBOL = fieldName('symbol');
const TIME_IN_FORCE = fieldName('timeInForce');
const TYPE = fieldName('type');
const UPDATE = fieldName('update');
const USER_ID = fieldName('userId');

/** Into the record that has been begun. */
export function writePayload(output: TradingOutput): void {
  switch (output.type) {
    case 'TradeExecuted':
      writeTrade(output);
      break;
    case 'OrderUpdate':
      writeUpdate(output);
      break;
    case 'LedgerEntry':
      writeEntry(output);
      break;
    case 'VenueCommand':
      writeVenueCommand(output);
      break;
  }
  writeMark(MARK.closeObject);
}

function writeTrade(trade: TradeExecuted): void {
  writeBytes(FIRST_ORDER_ID);
  writeWord(trade.orderId);
  writeBytes(USER_ID);
  writeWord(trade.accountId);
  writeBytes(SYMBOL);
  writeWord(trade.symbol);
  writeBytes(QUANTITY);
  writeDecimal(trade.quantity);
  writeBytes(SIDE);
  writeWord(trade.side);
  writeBytes(EXECUTION_TIMESTAMP);
  writeTimestamp(trade.timeMs);
  writeOutcome(trade.outcome);
}

function writeOutcome(outcome: TradeOutcome): void {
  writeBytes(STATUS);
  writeWord(outcome.status);
  if (outcome.status !== 'EXECUTED') {
    writeBytes(FAILURE_REASON);
    writeText(outcome.failureReason);
    return;
  }
  const { priceEventId, priceTimestampMs } = outcome;
  writeBytes(EXECUTION_ID);
  writeText(outcome.executionId);
  writeBytes(EXECUTION_PRICE);
  writeDecimal(outcome.executionPrice);
  writeBytes(FEE);
  writeDecimal(outcome.fee);
  if (priceEventId !== null) {
    writeBytes(PRICE_EVENT_ID);
    writeText(priceEventId);
  }
  if (priceTimestampMs !== null) {
    writeBytes(PRICE_TIMESTAMP);
    writeTimestamp(priceTimestampMs);
  }
}

function writeUpdate(update: OrderUpdate): void {
  const { symbol, side, orderType, timeInForce, quantity, limitPrice } = update;
  const { clientOrderId, averageFillPrice, reason } = update;
  writeBytes(FIRST_ORDER_ID);
  writeWord(update.orderId);
  writeBytes(USER_ID);
  writeWord(update.accountId);
  writeBytes(UPDATE);
  writeWord(update.update);
  writeBytes(STATUS);
  writeWord(update.status);
  if (symbol !== null) {
    writeBytes(SYMBOL);
    writeWord(symbol);
  }
  if (side !== null) {
    writeBytes(SIDE);
    writeWord(side);
  }
  if (orderType !== null) {
    writeBytes(TYPE);
    writeWord(orderType);
  }
  if (timeInForce !== null) {
    writeBytes(TIME_IN_FORCE);
    writeWord(timeInForce);
  }
  if (quantity !== null) {
    writeBytes(QUANTITY);
    writeDecimal(quantity);
  }
  if (limitPrice !== null) {
    writeBytes(LIMIT_PRICE);
    writeDecimal(limitPrice);
  }
  if (clientOrderId !== null) {
    writeBytes(CLIENT_ORDER_ID);
    writeText(clientOrderId);
  }
  if (averageFillPrice !== null) {
    writeBytes(AVERAGE_FILL_PRICE);
    writeDecimal(averageFillPrice);
  }
  if (reason !== null) {
    writeBytes(REASON);
    writeText(reason);
  }
  writeBytes(FILLED_QUANTITY);
  writeDecimal(update.filledQuantity);
}

function writeEntry(entry: LedgerEntry): void {
  const { postings, symbol, price, note } = entry;
  writeBytes(FIRST_USER_ID);
  writeWord(entry.accountId);
  writeBytes(KIND);
  writeWord(entry.kind);
  writeBytes(REFERENCE);
  writeText(entry.reference);
  writeBytes(POSTINGS);
  writeMark(MARK.openList);
  if ('settlement' in postings) writeFillPostings(entry.accountId, postings);
  else {
    let isFirst = true;
    for (const { account, asset, amount } of postings) {
      if (!isFirst) writeMark(MARK.comma);
      isFirst = false;
      writePosting(account, asset, amount);
    }
  }
  writeMark(MARK.closeList);
  if (symbol !== null) {
    writeBytes(SYMBOL);
    writeWord(symbol);
  }
  if (price !== null) {
    writeBytes(PRICE);
    writeDecimal(price);
  }
  if (note !== null) {
    writeBytes(NOTE);
    writeText(note);
  }
  writeBytes(CASH_AFTER);
  writeDecimal(entry.cashAfter);
}

/** The same that `postingsOf` spells out. */
function writeFillPostings(accountId: string, { cash, asset, shares, settlement }: FillPostings): void {
  writeMoved(accountId, CASH_ASSET, cash, settlement);
  writeMark(MARK.comma);
  writeMoved(accountId, asset, shares, settlement);
}

function writeMoved(
  accountId: string,
  asset: string,
  amount: bigint,
  settlement: FillPostings['settlement'],
): void {
  const back = -amount;
  writePosting(accountId, asset, amount);
  writeMark(MARK.comma);
  writePosting('clearing', asset, back);
  if (settlement === 'later') return;
  writeMark(MARK.comma);
  writePosting('clearing', asset, amount);
  writeMark(MARK.comma);
  writePosting('venue', asset, back);
}

function writePosting(account: string, asset: string, amount: bigint): void {
  writeBytes(FIRST_ACCOUNT);
  writeWord(account);
  writeBytes(ASSET);
  writeWord(asset);
  writeBytes(AMOUNT);
  writeDecimal(amount);
  writeMark(MARK.closeObject);
}

function writeVenueCommand(command: VenueCommand): void {
  writeBytes(FIRST_COMMAND);
  writeWord(command.command);
  writeBytes(ORDER_ID);
  writeWord(command.orderId);
  writeBytes(USER_ID);
  writeWord(command.accountId);
  writeBytes(SYMBOL);
  writeWord(command.symbol);
  writeBytes(SIDE);
  writeWord(command.side);
  writeBytes(QUANTITY);
  writeDecimal(command.quantity);
  if (command.limitPrice !== null) {
    writeBytes(LIMIT_PRICE);
    writeDecimal(command.limitPrice);
  }
}
