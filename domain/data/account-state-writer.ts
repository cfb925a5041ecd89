/**
 * The entities of `account_states` as bytes, as `account-state-codec.ts` reads them. The kinds of which each order
 * changes some are written field by field; the others are rare, and `JSON.stringify` writes them.
 */
import type {
  AccountHeadEntity,
  AccountStateEntity,
  Breaker,
  ClosedOrderEntity,
  OpenOrderEntity,
  OrderIntent,
  OrderLifetime,
  OrderProgress,
  PositionEntity,
} from './account-state.ts';
import { formatScaled } from './decimal.ts';
import {
  beginRecord,
  endRecord,
  fieldName,
  MARK,
  writeDecimal,
  writeInteger,
  writeJson,
  writeLiteral,
  writeMark,
  writeText,
  writeWord,
} from './record-writer.ts';
import type { FeeSchedule } from './trading-inputs.ts';

const ACCEPTANCE_NUMBER = fieldName('acceptanceNumber');
const ACCEPTED_AT_MS = fieldName('acceptedAtMs');
const ACCOUNT_HASH = fieldName('accountHash');
const ACCOUNT_ID = fieldName('accountId');
const BODY_DIGEST = fieldName('bodyDigest');
const BOUGHT = fieldName('bought');
const BREAKER = fieldName('breaker');
const CASH = fieldName('cash');
const CASH_RESERVED = fieldName('cashReserved');
const CLIENT_ORDER_ID = fieldName('clientOrderId');
const CLOSING_NUMBER = fieldName('closingNumber');
const COLLAR = fieldName('collar');
const COST_BASIS = fieldName('costBasis');
const DAY_RESULT = fieldName('dayResult');
const EXPIRES_AT_MS = fieldName('expiresAtMs');
const FEES = fieldName('fees');
const FEES_CHARGED = fieldName('feesCharged');
const FILLED_NOTIONAL = fieldName('filledNotional');
const FILLED_QUANTITY = fieldName('filledQuantity');
const FILLS = fieldName('fills');
const FIRST_KIND = fieldName('kind', '{');
const FIRST_PER_SHARE = fieldName('perShare', '{');
const FIRST_SEQUENCE = fieldName('sequence', '{');
const FIRST_SIDE = fieldName('side', '{');
const FIRST_STATE = fieldName('state', '{');
const FIRST_TIME_IN_FORCE = fieldName('timeInForce', '{');
const INTENT = fieldName('intent');
const KILL_SWITCH_ENGAGED = fieldName('killSwitchEngaged');
const LIFETIME = fieldName('lifetime');
const LIMIT_PRICE = fieldName('limitPrice');
const LIQUIDITY_USED = fieldName('liquidityUsed');
const MINIMUM_PER_ORDER = fieldName('minimumPerOrder');
const NAME = fieldName('name');
const ORDER_ID = fieldName('orderId');
const PROGRESS = fieldName('progress');
const QUANTITY = fieldName('quantity');
const RATE = fieldName('rate');
const REALISED_PROFIT = fieldName('realisedProfit');
const RESERVED = fieldName('reserved');
const RESERVED_CASH = fieldName('reservedCash');
const RESULT_DAY = fieldName('resultDay');
const SEQUENCE = fieldName('sequence');
const SOLD = fieldName('sold');
const STATUS = fieldName('status');
const SYMBOL = fieldName('symbol');
const TYPE = fieldName('type');
const UNTIL_MS = fieldName('untilMs');
const UPDATED_AT_MS = fieldName('updatedAtMs');

export function encodeAccountStateEntity(entity: AccountStateEntity): Uint8Array {
  beginRecord();
  writeEntity(entity);
  return endRecord();
}

function writeEntity(entity: AccountStateEntity): void {
  switch (entity.kind) {
    case 'account':
      writeAccount(entity);
      return;
    case 'position':
      writePosition(entity);
      return;
    case 'order':
      writeOrder(entity);
      return;
    case 'closed_order':
      writeClosedOrder(entity);
      return;
    default:
      writeJson(JSON.stringify(entity, scaledAsText));
  }
}

/** Every bigint of an entity counts 10⁻⁹ units. */
function scaledAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? formatScaled(value) : value;
}

function writeAccount(account: AccountHeadEntity): void {
  writeLiteral(FIRST_KIND);
  writeWord(account.kind);
  writeLiteral(ACCOUNT_ID);
  writeWord(account.accountId);
  writeLiteral(NAME);
  writeText(account.name);
  writeLiteral(CASH);
  writeDecimal(account.cash);
  writeLiteral(CASH_RESERVED);
  writeDecimal(account.cashReserved);
  writeLiteral(SEQUENCE);
  writeInteger(account.sequence);
  writeLiteral(KILL_SWITCH_ENGAGED);
  writeJson(account.killSwitchEngaged ? 'true' : 'false');
  writeBreaker(account.breaker);
  writeLiteral(DAY_RESULT);
  writeDecimal(account.dayResult);
  writeLiteral(RESULT_DAY);
  writeInteger(account.resultDay);
  writeLiteral(ACCOUNT_HASH);
  writeText(account.accountHash);
  writeLiteral(UPDATED_AT_MS);
  writeInteger(account.updatedAtMs);
  writeMark(MARK.closeObject);
}

function writeBreaker(breaker: Breaker): void {
  writeLiteral(BREAKER);
  writeLiteral(FIRST_STATE);
  writeWord(breaker.state);
  if (breaker.state === 'QUIET_PERIOD') {
    writeLiteral(UNTIL_MS);
    writeInteger(breaker.untilMs);
  }
  writeMark(MARK.closeObject);
}

function writePosition(position: PositionEntity): void {
  const { liquidityUsed } = position;
  writeLiteral(FIRST_KIND);
  writeWord(position.kind);
  writeLiteral(ACCOUNT_ID);
  writeWord(position.accountId);
  writeLiteral(SYMBOL);
  writeWord(position.symbol);
  writeLiteral(QUANTITY);
  writeDecimal(position.quantity);
  writeLiteral(RESERVED);
  writeDecimal(position.reserved);
  writeLiteral(COST_BASIS);
  writeDecimal(position.costBasis);
  writeLiteral(REALISED_PROFIT);
  writeDecimal(position.realisedProfit);
  writeLiteral(LIQUIDITY_USED);
  writeLiteral(FIRST_SEQUENCE);
  writeInteger(liquidityUsed.sequence);
  writeLiteral(BOUGHT);
  writeDecimal(liquidityUsed.bought);
  writeLiteral(SOLD);
  writeDecimal(liquidityUsed.sold);
  writeMark(MARK.closeObject);
  writeMark(MARK.closeObject);
}

function writeOrder(order: OpenOrderEntity): void {
  writeLiteral(FIRST_KIND);
  writeWord(order.kind);
  writeLiteral(ACCOUNT_ID);
  writeWord(order.accountId);
  writeLiteral(ORDER_ID);
  writeWord(order.orderId);
  writeLiteral(ACCEPTANCE_NUMBER);
  writeInteger(order.acceptanceNumber);
  writeLiteral(SYMBOL);
  writeWord(order.symbol);
  writeLiteral(QUANTITY);
  writeDecimal(order.quantity);
  writeIntent(order.intent);
  writeLifetime(order.lifetime);
  writeProgress(order.progress);
  writeFees(order.fees);
  writeLiteral(CLIENT_ORDER_ID);
  if (order.clientOrderId === null) writeJson('null');
  else writeText(order.clientOrderId);
  writeLiteral(BODY_DIGEST);
  writeText(order.bodyDigest);
  writeLiteral(ACCEPTED_AT_MS);
  writeInteger(order.acceptedAtMs);
  writeMark(MARK.closeObject);
}

function writeIntent(intent: OrderIntent): void {
  writeLiteral(INTENT);
  writeLiteral(FIRST_SIDE);
  writeWord(intent.side);
  writeLiteral(TYPE);
  writeWord(intent.type);
  if (intent.type === 'LIMIT') {
    writeLiteral(LIMIT_PRICE);
    writeDecimal(intent.limitPrice);
  } else if (intent.side === 'BUY') {
    writeLiteral(COLLAR);
    writeDecimal(intent.collar);
  }
  if (intent.side === 'BUY') {
    writeLiteral(RESERVED_CASH);
    writeDecimal(intent.reservedCash);
  }
  writeMark(MARK.closeObject);
}

function writeLifetime(lifetime: OrderLifetime): void {
  writeLiteral(LIFETIME);
  writeLiteral(FIRST_TIME_IN_FORCE);
  writeWord(lifetime.timeInForce);
  if (lifetime.timeInForce === 'DAY') {
    writeLiteral(EXPIRES_AT_MS);
    writeInteger(lifetime.expiresAtMs);
  }
  writeMark(MARK.closeObject);
}

function writeProgress(progress: OrderProgress): void {
  writeLiteral(PROGRESS);
  writeLiteral(FIRST_KIND);
  writeWord(progress.kind);
  if (progress.kind === 'partially_filled') {
    writeLiteral(FILLED_QUANTITY);
    writeDecimal(progress.filledQuantity);
    writeLiteral(FILLED_NOTIONAL);
    writeDecimal(progress.filledNotional);
    writeLiteral(FEES_CHARGED);
    writeDecimal(progress.feesCharged);
    writeLiteral(FILLS);
    writeInteger(progress.fills);
  }
  writeMark(MARK.closeObject);
}

function writeFees(fees: FeeSchedule): void {
  writeLiteral(FEES);
  writeLiteral(FIRST_PER_SHARE);
  writeDecimal(fees.perShare);
  writeLiteral(RATE);
  writeDecimal(fees.rate);
  writeLiteral(MINIMUM_PER_ORDER);
  writeDecimal(fees.minimumPerOrder);
  writeMark(MARK.closeObject);
}

function writeClosedOrder(closed: ClosedOrderEntity): void {
  writeLiteral(FIRST_KIND);
  writeWord(closed.kind);
  writeLiteral(CLOSING_NUMBER);
  writeInteger(closed.closingNumber);
  writeLiteral(ACCOUNT_ID);
  writeWord(closed.accountId);
  writeLiteral(ORDER_ID);
  writeWord(closed.orderId);
  writeLiteral(BODY_DIGEST);
  writeText(closed.bodyDigest);
  writeLiteral(STATUS);
  writeWord(closed.status);
  writeLiteral(FILLED_QUANTITY);
  writeDecimal(closed.filledQuantity);
  writeMark(MARK.closeObject);
}
