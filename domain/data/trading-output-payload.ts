/** The payloads of execution's outputs on the wire, as `trading-output-codec.ts` reads them. */
import { writeDecimal, writeJson, writeText, writeTimestamp } from './record-writer.ts';
import type {
  LedgerEntry,
  OrderUpdate,
  TradeExecuted,
  TradeOutcome,
  TradingOutput,
  VenueCommand,
} from './trading-events.ts';

/** Into the record that has been begun. */
export function writePayload(output: TradingOutput): void {
  switch (output.type) {
    case 'TradeExecuted':
      writeTrade(output);
      return;
    case 'OrderUpdate':
      writeUpdate(output);
      return;
    case 'LedgerEntry':
      writeEntry(output);
      return;
    case 'VenueCommand':
      writeVenueCommand(output);
      return;
  }
}

function writeTrade(trade: TradeExecuted): void {
  writeJson('{"orderId":"');
  writeJson(trade.orderId);
  writeJson('","userId":"');
  writeJson(trade.accountId);
  writeJson('","symbol":"');
  writeJson(trade.symbol);
  writeJson('","quantity":');
  writeDecimal(trade.quantity);
  writeJson(',"side":"');
  writeJson(trade.side);
  writeJson('","executionTimestamp":');
  writeTimestamp(trade.timeMs);
  writeOutcome(trade.outcome);
  writeJson('}');
}

function writeOutcome(outcome: TradeOutcome): void {
  writeJson(',"status":"');
  writeJson(outcome.status);
  if (outcome.status !== 'EXECUTED') {
    writeJson('","failureReason":');
    writeText(outcome.failureReason);
    return;
  }
  const { priceEventId, priceTimestampMs } = outcome;
  writeJson('","executionId":');
  writeText(outcome.executionId);
  writeJson(',"executionPrice":');
  writeDecimal(outcome.executionPrice);
  writeJson(',"fee":');
  writeDecimal(outcome.fee);
  if (priceEventId !== null) {
    writeJson(',"priceEventId":');
    writeText(priceEventId);
  }
  if (priceTimestampMs !== null) {
    writeJson(',"priceTimestamp":');
    writeTimestamp(priceTimestampMs);
  }
}

function writeUpdate(update: OrderUpdate): void {
  const { symbol, side, orderType, timeInForce, quantity, limitPrice } = update;
  const { clientOrderId, averageFillPrice, reason } = update;
  writeJson('{"orderId":"');
  writeJson(update.orderId);
  writeJson('","userId":"');
  writeJson(update.accountId);
  writeJson('","update":"');
  writeJson(update.update);
  writeJson('","status":"');
  writeJson(update.status);
  writeJson('",');
  if (symbol !== null) writeWord('"symbol":"', symbol);
  if (side !== null) writeWord('"side":"', side);
  if (orderType !== null) writeWord('"type":"', orderType);
  if (timeInForce !== null) writeWord('"timeInForce":"', timeInForce);
  if (quantity !== null) writeAmount('"quantity":', quantity);
  if (limitPrice !== null) writeAmount('"limitPrice":', limitPrice);
  if (clientOrderId !== null) writeAnyText('"clientOrderId":', clientOrderId);
  if (averageFillPrice !== null) writeAmount('"averageFillPrice":', averageFillPrice);
  if (reason !== null) writeAnyText('"reason":', reason);
  writeJson('"filledQuantity":');
  writeDecimal(update.filledQuantity);
  writeJson('}');
}

function writeEntry(entry: LedgerEntry): void {
  const { postings, symbol, price, note } = entry;
  writeJson('{"userId":"');
  writeJson(entry.accountId);
  writeJson('","kind":"');
  writeJson(entry.kind);
  writeJson('","reference":');
  writeText(entry.reference);
  writeJson(',"postings":[');
  let mark = '{"account":"';
  for (const posting of postings) {
    writeJson(mark);
    writeJson(posting.account);
    writeJson('","asset":"');
    writeJson(posting.asset);
    writeJson('","amount":');
    writeDecimal(posting.amount);
    writeJson('}');
    mark = ',{"account":"';
  }
  writeJson('],');
  if (symbol !== null) writeWord('"symbol":"', symbol);
  if (price !== null) writeAmount('"price":', price);
  if (note !== null) writeAnyText('"note":', note);
  writeJson('"cashAfter":');
  writeDecimal(entry.cashAfter);
  writeJson('}');
}

function writeVenueCommand(command: VenueCommand): void {
  writeJson('{"command":"');
  writeJson(command.command);
  writeJson('","orderId":"');
  writeJson(command.orderId);
  writeJson('","userId":"');
  writeJson(command.accountId);
  writeJson('","symbol":"');
  writeJson(command.symbol);
  writeJson('","side":"');
  writeJson(command.side);
  writeJson('","quantity":');
  writeDecimal(command.quantity);
  if (command.limitPrice !== null) {
    writeJson(',"limitPrice":');
    writeDecimal(command.limitPrice);
  }
  writeJson('}');
}

// A field that may be missing, with the comma behind it: what is always there comes last.

function writeWord(name: string, word: string): void {
  writeJson(name);
  writeJson(word);
  writeJson('",');
}

function writeAmount(name: string, amount: bigint): void {
  writeJson(name);
  writeDecimal(amount);
  writeJson(',');
}

function writeAnyText(name: string, text: string): void {
  writeJson(name);
  writeText(text);
  writeJson(',');
}
