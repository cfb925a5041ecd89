/** The payloads of execution's outputs on the wire, as `trading-output-codec.ts` reads them. */
import {
  fieldName,
  MARK,
  writeDecimal,
  writeLiteral,
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
  writeLiteral(FIRST_ORDER_ID);
  writeWord(trade.orderId);
  writeLiteral(USER_ID);
  writeWord(trade.accountId);
  writeLiteral(SYMBOL);
  writeWord(trade.symbol);
  writeLiteral(QUANTITY);
  writeDecimal(trade.quantity);
  writeLiteral(SIDE);
  writeWord(trade.side);
  writeLiteral(EXECUTION_TIMESTAMP);
  writeTimestamp(trade.timeMs);
  writeOutcome(trade.outcome);
}

function writeOutcome(outcome: TradeOutcome): void {
  writeLiteral(STATUS);
  writeWord(outcome.status);
  if (outcome.status !== 'EXECUTED') {
    writeLiteral(FAILURE_REASON);
    writeText(outcome.failureReason);
    return;
  }
  const { priceEventId, priceTimestampMs } = outcome;
  writeLiteral(EXECUTION_ID);
  writeText(outcome.executionId);
  writeLiteral(EXECUTION_PRICE);
  writeDecimal(outcome.executionPrice);
  writeLiteral(FEE);
  writeDecimal(outcome.fee);
  if (priceEventId !== null) {
    writeLiteral(PRICE_EVENT_ID);
    writeText(priceEventId);
  }
  if (priceTimestampMs !== null) {
    writeLiteral(PRICE_TIMESTAMP);
    writeTimestamp(priceTimestampMs);
  }
}

function writeUpdate(update: OrderUpdate): void {
  const { symbol, side, orderType, timeInForce, quantity, limitPrice } = update;
  const { clientOrderId, averageFillPrice, reason } = update;
  writeLiteral(FIRST_ORDER_ID);
  writeWord(update.orderId);
  writeLiteral(USER_ID);
  writeWord(update.accountId);
  writeLiteral(UPDATE);
  writeWord(update.update);
  writeLiteral(STATUS);
  writeWord(update.status);
  if (symbol !== null) {
    writeLiteral(SYMBOL);
    writeWord(symbol);
  }
  if (side !== null) {
    writeLiteral(SIDE);
    writeWord(side);
  }
  if (orderType !== null) {
    writeLiteral(TYPE);
    writeWord(orderType);
  }
  if (timeInForce !== null) {
    writeLiteral(TIME_IN_FORCE);
    writeWord(timeInForce);
  }
  if (quantity !== null) {
    writeLiteral(QUANTITY);
    writeDecimal(quantity);
  }
  if (limitPrice !== null) {
    writeLiteral(LIMIT_PRICE);
    writeDecimal(limitPrice);
  }
  if (clientOrderId !== null) {
    writeLiteral(CLIENT_ORDER_ID);
    writeText(clientOrderId);
  }
  if (averageFillPrice !== null) {
    writeLiteral(AVERAGE_FILL_PRICE);
    writeDecimal(averageFillPrice);
  }
  if (reason !== null) {
    writeLiteral(REASON);
    writeText(reason);
  }
  writeLiteral(FILLED_QUANTITY);
  writeDecimal(update.filledQuantity);
}

function writeEntry(entry: LedgerEntry): void {
  const { postings, symbol, price, note } = entry;
  writeLiteral(FIRST_USER_ID);
  writeWord(entry.accountId);
  writeLiteral(KIND);
  writeWord(entry.kind);
  writeLiteral(REFERENCE);
  writeText(entry.reference);
  writeLiteral(POSTINGS);
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
    writeLiteral(SYMBOL);
    writeWord(symbol);
  }
  if (price !== null) {
    writeLiteral(PRICE);
    writeDecimal(price);
  }
  if (note !== null) {
    writeLiteral(NOTE);
    writeText(note);
  }
  writeLiteral(CASH_AFTER);
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
  writeLiteral(FIRST_ACCOUNT);
  writeWord(account);
  writeLiteral(ASSET);
  writeWord(asset);
  writeLiteral(AMOUNT);
  writeDecimal(amount);
  writeMark(MARK.closeObject);
}

function writeVenueCommand(command: VenueCommand): void {
  writeLiteral(FIRST_COMMAND);
  writeWord(command.command);
  writeLiteral(ORDER_ID);
  writeWord(command.orderId);
  writeLiteral(USER_ID);
  writeWord(command.accountId);
  writeLiteral(SYMBOL);
  writeWord(command.symbol);
  writeLiteral(SIDE);
  writeWord(command.side);
  writeLiteral(QUANTITY);
  writeDecimal(command.quantity);
  if (command.limitPrice !== null) {
    writeLiteral(LIMIT_PRICE);
    writeDecimal(command.limitPrice);
  }
}
