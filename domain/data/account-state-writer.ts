/**
 * The entities of `account_states` as bytes, as `account-state-codec.ts` reads them. The kinds of which each order
 * changes some are written field by field; the others are rare, and `JSON.stringify` writes them.
 */
import type {
  AccountHeadEntity,
  AccountStateEntity,
  ClosedOrderEntity,
  OpenOrderEntity,
  OrderIntent,
  OrderLifetime,
  OrderProgress,
  PositionEntity,
} from './account-state.ts';
import { formatScaled } from './decimal.ts';
import { beginRecord, endRecord, writeDecimal, writeInteger, writeJson, writeText } from './record-writer.ts';
import type { FeeSchedule } from './trading-inputs.ts';

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
  writeJson('{"kind":"account","accountId":"');
  writeJson(account.accountId);
  writeJson('","name":');
  writeText(account.name);
  writeJson(',"cash":');
  writeDecimal(account.cash);
  writeJson(',"cashReserved":');
  writeDecimal(account.cashReserved);
  writeJson(',"sequence":');
  writeInteger(account.sequence);
  writeJson(account.killSwitchEngaged ? ',"killSwitchEngaged":true' : ',"killSwitchEngaged":false');
  writeJson(',"accountHash":');
  writeText(account.accountHash);
  writeJson(',"updatedAtMs":');
  writeInteger(account.updatedAtMs);
  writeJson('}');
}

function writePosition(position: PositionEntity): void {
  const { liquidityUsed } = position;
  writeJson('{"kind":"position","accountId":"');
  writeJson(position.accountId);
  writeJson('","symbol":"');
  writeJson(position.symbol);
  writeJson('","quantity":');
  writeDecimal(position.quantity);
  writeJson(',"reserved":');
  writeDecimal(position.reserved);
  writeJson(',"costBasis":');
  writeDecimal(position.costBasis);
  writeJson(',"realisedProfit":');
  writeDecimal(position.realisedProfit);
  writeJson(',"liquidityUsed":{"sequence":');
  writeInteger(liquidityUsed.sequence);
  writeJson(',"bought":');
  writeDecimal(liquidityUsed.bought);
  writeJson(',"sold":');
  writeDecimal(liquidityUsed.sold);
  writeJson('}}');
}

function writeOrder(order: OpenOrderEntity): void {
  writeJson('{"kind":"order","accountId":"');
  writeJson(order.accountId);
  writeJson('","orderId":"');
  writeJson(order.orderId);
  writeJson('","acceptanceNumber":');
  writeInteger(order.acceptanceNumber);
  writeJson(',"symbol":"');
  writeJson(order.symbol);
  writeJson('","quantity":');
  writeDecimal(order.quantity);
  writeIntent(order.intent);
  writeLifetime(order.lifetime);
  writeProgress(order.progress);
  writeFees(order.fees);
  writeJson(',"clientOrderId":');
  if (order.clientOrderId === null) writeJson('null');
  else writeText(order.clientOrderId);
  writeJson(',"bodyDigest":');
  writeText(order.bodyDigest);
  writeJson(',"acceptedAtMs":');
  writeInteger(order.acceptedAtMs);
  writeJson('}');
}

function writeIntent(intent: OrderIntent): void {
  writeJson(',"intent":{"side":"');
  writeJson(intent.side);
  writeJson('","type":"');
  writeJson(intent.type);
  writeJson('"');
  if (intent.type === 'LIMIT') {
    writeJson(',"limitPrice":');
    writeDecimal(intent.limitPrice);
  } else if (intent.side === 'BUY') {
    writeJson(',"collar":');
    writeDecimal(intent.collar);
  }
  if (intent.side === 'BUY') {
    writeJson(',"reservedCash":');
    writeDecimal(intent.reservedCash);
  }
  writeJson('}');
}

function writeLifetime(lifetime: OrderLifetime): void {
  if (lifetime.timeInForce === 'GTC') {
    writeJson(',"lifetime":{"timeInForce":"GTC"}');
    return;
  }
  writeJson(',"lifetime":{"timeInForce":"DAY","expiresAtMs":');
  writeInteger(lifetime.expiresAtMs);
  writeJson('}');
}

function writeProgress(progress: OrderProgress): void {
  if (progress.kind === 'unfilled') {
    writeJson(',"progress":{"kind":"unfilled"}');
    return;
  }
  writeJson(',"progress":{"kind":"partially_filled","filledQuantity":');
  writeDecimal(progress.filledQuantity);
  writeJson(',"filledNotional":');
  writeDecimal(progress.filledNotional);
  writeJson(',"feesCharged":');
  writeDecimal(progress.feesCharged);
  writeJson(',"fills":');
  writeInteger(progress.fills);
  writeJson('}');
}

function writeFees(fees: FeeSchedule): void {
  writeJson(',"fees":{"perShare":');
  writeDecimal(fees.perShare);
  writeJson(',"rate":');
  writeDecimal(fees.rate);
  writeJson(',"minimumPerOrder":');
  writeDecimal(fees.minimumPerOrder);
  writeJson('}');
}

function writeClosedOrder(closed: ClosedOrderEntity): void {
  writeJson('{"kind":"closed_order","closingNumber":');
  writeInteger(closed.closingNumber);
  writeJson(',"accountId":"');
  writeJson(closed.accountId);
  writeJson('","orderId":"');
  writeJson(closed.orderId);
  writeJson('","bodyDigest":');
  writeText(closed.bodyDigest);
  writeJson(',"status":"');
  writeJson(closed.status);
  writeJson('","filledQuantity":');
  writeDecimal(closed.filledQuantity);
  writeJson('}');
}
