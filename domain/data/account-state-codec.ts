/**
 * The records of `account_states`: one entity each, as JSON with `kind` and `schemaVersion` in front.
 *
 * They are states, not events, so they wear no envelope: no id of their own, no time but the entity's. A reader
 * ignores fields that it does not know; every 1.x version is readable.
 */
import type {
  AccountStateEntity,
  ClosedOrderStatus,
  OpenOrderEntity,
  OrderIntent,
  OrderLifetime,
  OrderProgress,
  PartitionHeadEntity,
} from './account-state.ts';
import { formatDecimal, formatScaled } from './decimal.ts';
import type { Decoded } from './decoded.ts';
import {
  checkSchemaVersion,
  MAX_ID_LENGTH,
  parseWireObject,
  quote,
  SCHEMA_VERSION,
  toBytes,
} from './event-envelope.ts';
import { FieldReader, type WireObject } from './field-reader.ts';
import type { CommandId } from './identifiers.ts';
import { formatTimestamp } from './timestamp.ts';
import {
  batchPriceToWire,
  feesToWire,
  limitsToWire,
  MAX_CLIENT_ORDER_ID_LENGTH,
  MAX_DIGEST_LENGTH,
  MAX_NAME_LENGTH,
  MAX_SOURCE_LENGTH,
  readBatchPrice,
  readFees,
  readLimits,
} from './trading-input-codec.ts';

const KINDS: readonly AccountStateEntity['kind'][] = [
  'account',
  'position',
  'order',
  'closed_order',
  'account_command',
  'price',
  'ledger',
  'controls',
  'venue_source',
  'counters',
  'head',
];
const SIDES = ['BUY', 'SELL'] as const;
const ORDER_TYPES = ['MARKET', 'LIMIT'] as const;
const TIMES_IN_FORCE = ['DAY', 'GTC'] as const;
const PROGRESS_KINDS = ['unfilled', 'partially_filled'] as const;
const CLOSED_STATUSES: readonly ClosedOrderStatus[] = ['FILLED', 'CANCELED', 'EXPIRED', 'REJECTED', 'DENIED'];

function intentToWire(intent: OrderIntent): string {
  const price =
    intent.type === 'LIMIT'
      ? `,"limitPrice":"${formatDecimal(intent.limitPrice)}"`
      : intent.side === 'BUY'
        ? `,"collar":"${formatDecimal(intent.collar)}"`
        : '';
  const reserved = intent.side === 'BUY' ? `,"reservedCash":"${formatDecimal(intent.reservedCash)}"` : '';
  return `"side":"${intent.side}","type":"${intent.type}"${price}${reserved}`;
}

function progressToWire(progress: OrderProgress): string {
  if (progress.kind === 'unfilled') return '"progress":"unfilled"';
  return (
    `"progress":"partially_filled","filledQuantity":"${formatDecimal(progress.filledQuantity)}",` +
    `"filledNotional":"${formatDecimal(progress.filledNotional)}",` +
    `"feesCharged":"${formatDecimal(progress.feesCharged)}","fills":${progress.fills}`
  );
}

function orderToWire(order: OpenOrderEntity): string {
  const { lifetime } = order;
  return (
    `"userId":"${order.accountId}","orderId":"${order.orderId}","acceptanceNumber":${order.acceptanceNumber},` +
    `"symbol":"${order.symbol}","quantity":"${formatDecimal(order.quantity)}",${intentToWire(order.intent)},` +
    `"timeInForce":"${lifetime.timeInForce}",` +
    (lifetime.timeInForce === 'DAY' ? `"expiresAt":"${formatTimestamp(lifetime.expiresAtMs)}",` : '') +
    `${progressToWire(order.progress)},"fees":${feesToWire(order.fees)},` +
    (order.clientOrderId === null ? '' : `"clientOrderId":${quote(order.clientOrderId)},`) +
    `"bodyDigest":${quote(order.bodyDigest)},"acceptedAt":"${formatTimestamp(order.acceptedAtMs)}"`
  );
}

function fieldsToWire(entity: AccountStateEntity): string {
  switch (entity.kind) {
    case 'account':
      return (
        `"userId":"${entity.accountId}","name":${quote(entity.name)},"cash":"${formatDecimal(entity.cash)}",` +
        `"cashReserved":"${formatDecimal(entity.cashReserved)}","sequence":${entity.sequence},` +
        `"killSwitchEngaged":${entity.killSwitchEngaged},"accountHash":${quote(entity.accountHash)},` +
        `"updatedAt":"${formatTimestamp(entity.updatedAtMs)}"`
      );
    case 'position': {
      const { liquidityUsed: used } = entity;
      return (
        `"userId":"${entity.accountId}","symbol":"${entity.symbol}","quantity":"${formatDecimal(entity.quantity)}",` +
        `"reserved":"${formatDecimal(entity.reserved)}","costBasis":"${formatDecimal(entity.costBasis)}",` +
        `"realisedProfit":"${formatDecimal(entity.realisedProfit)}","liquidityUsed":{"sequence":${used.sequence},` +
        `"bought":"${formatDecimal(used.bought)}","sold":"${formatDecimal(used.sold)}"}`
      );
    }
    case 'order':
      return orderToWire(entity);
    case 'closed_order':
      return (
        `"closingNumber":${entity.closingNumber},"userId":"${entity.accountId}","orderId":"${entity.orderId}",` +
        `"bodyDigest":${quote(entity.bodyDigest)},"status":"${entity.status}",` +
        `"filledQuantity":"${formatDecimal(entity.filledQuantity)}"`
      );
    case 'account_command':
      return (
        `"commandNumber":${entity.commandNumber},"commandId":${quote(entity.commandId)},` +
        `"fingerprint":${quote(entity.fingerprint)}`
      );
    case 'price':
      return `"price":${batchPriceToWire(entity.price)}`;
    case 'ledger':
      return (
        `"asset":"${entity.asset}","outside":"${formatScaled(entity.outside)}","venue":"${formatScaled(entity.venue)}",` +
        `"fees":"${formatScaled(entity.fees)}","clearing":"${formatScaled(entity.clearing)}",` +
        `"accounts":"${formatScaled(entity.accounts)}"`
      );
    case 'controls':
      return (
        `"fees":${feesToWire(entity.fees)},"limits":${limitsToWire(entity.limits)},` +
        `"rulesVersion":${entity.rulesVersion},"killSwitchEngaged":${entity.killSwitchEngaged}`
      );
    case 'venue_source':
      return `"source":${quote(entity.source)},"lastSequence":${entity.lastSequence}`;
    case 'counters':
      return (
        `"clock":"${formatTimestamp(entity.clockMs)}","ordersAccepted":${entity.ordersAccepted},` +
        `"ordersClosed":${entity.ordersClosed},"accountCommands":${entity.accountCommands}`
      );
    case 'head':
      return (
        `"partition":${entity.partition},"nextInputOffset":${entity.nextInputOffset},` +
        `"lastCommandId":${entity.lastCommandId === null ? 'null' : quote(entity.lastCommandId)},` +
        `"inputsApplied":${entity.inputsApplied},"stateHash":${quote(entity.stateHash)}`
      );
  }
}

/** Of the entity that the stream writes itself; the core names the keys of its own. */
export function accountStateKey(entity: PartitionHeadEntity): string {
  return entity.kind;
}

export function encodeAccountStateEntity(entity: AccountStateEntity): Uint8Array {
  return toBytes(`{"kind":"${entity.kind}","schemaVersion":"${SCHEMA_VERSION}",${fieldsToWire(entity)}}`);
}

function readIntent(fields: WireObject, reader: FieldReader): OrderIntent {
  const side = reader.oneOf(fields['side'], 'side', SIDES);
  const type = reader.oneOf(fields['type'], 'type', ORDER_TYPES);
  if (side === 'SELL') {
    if (type === 'MARKET') return { side, type };
    return { side, type, limitPrice: reader.price(fields['limitPrice'], 'limitPrice') };
  }
  const reservedCash = reader.nonNegativeMoney(fields['reservedCash'], 'reservedCash');
  return type === 'MARKET'
    ? { side, type, collar: reader.price(fields['collar'], 'collar'), reservedCash }
    : { side, type, limitPrice: reader.price(fields['limitPrice'], 'limitPrice'), reservedCash };
}

function readLifetime(fields: WireObject, reader: FieldReader): OrderLifetime {
  const timeInForce = reader.oneOf(fields['timeInForce'], 'timeInForce', TIMES_IN_FORCE);
  if (timeInForce === 'GTC') return { timeInForce };
  return { timeInForce, expiresAtMs: reader.timestampMs(fields['expiresAt'], 'expiresAt') };
}

function readProgress(fields: WireObject, reader: FieldReader): OrderProgress {
  const kind = reader.oneOf(fields['progress'], 'progress', PROGRESS_KINDS);
  if (kind === 'unfilled') return { kind };
  return {
    kind,
    filledQuantity: reader.positiveQuantity(fields['filledQuantity'], 'filledQuantity'),
    filledNotional: reader.nonNegativeMoney(fields['filledNotional'], 'filledNotional'),
    feesCharged: reader.nonNegativeMoney(fields['feesCharged'], 'feesCharged'),
    fills: reader.integer(fields['fills'], 'fills', 1),
  };
}

function readOrder(fields: WireObject, reader: FieldReader): OpenOrderEntity {
  return {
    kind: 'order',
    accountId: reader.accountId(fields['userId'], 'userId'),
    orderId: reader.orderId(fields['orderId'], 'orderId'),
    acceptanceNumber: reader.integer(fields['acceptanceNumber'], 'acceptanceNumber', 0),
    symbol: reader.symbol(fields['symbol'], 'symbol'),
    quantity: reader.positiveQuantity(fields['quantity'], 'quantity'),
    intent: readIntent(fields, reader),
    lifetime: readLifetime(fields, reader),
    progress: readProgress(fields, reader),
    fees: readFees(fields, '', reader),
    clientOrderId: reader.optionalText(fields['clientOrderId'], 'clientOrderId', MAX_CLIENT_ORDER_ID_LENGTH),
    bodyDigest: reader.text(fields['bodyDigest'], 'bodyDigest', MAX_DIGEST_LENGTH),
    acceptedAtMs: reader.timestampMs(fields['acceptedAt'], 'acceptedAt'),
  };
}

function readEntity(
  kind: AccountStateEntity['kind'],
  fields: WireObject,
  reader: FieldReader,
): AccountStateEntity {
  switch (kind) {
    case 'account':
      return {
        kind,
        accountId: reader.accountId(fields['userId'], 'userId'),
        name: reader.text(fields['name'], 'name', MAX_NAME_LENGTH),
        cash: reader.money(fields['cash'], 'cash'),
        cashReserved: reader.nonNegativeMoney(fields['cashReserved'], 'cashReserved'),
        sequence: reader.integer(fields['sequence'], 'sequence', 0),
        killSwitchEngaged: reader.boolean(fields['killSwitchEngaged'], 'killSwitchEngaged'),
        accountHash: reader.text(fields['accountHash'], 'accountHash', MAX_DIGEST_LENGTH),
        updatedAtMs: reader.timestampMs(fields['updatedAt'], 'updatedAt'),
      };
    case 'position': {
      const used = reader.object(fields['liquidityUsed'], 'liquidityUsed');
      reader.base = 'liquidityUsed.';
      const liquidityUsed = {
        sequence: reader.integer(used['sequence'], 'sequence', 0),
        bought: reader.quantity(used['bought'], 'bought'),
        sold: reader.quantity(used['sold'], 'sold'),
      };
      reader.base = '';
      return {
        kind,
        accountId: reader.accountId(fields['userId'], 'userId'),
        symbol: reader.symbol(fields['symbol'], 'symbol'),
        quantity: reader.quantity(fields['quantity'], 'quantity'),
        reserved: reader.quantity(fields['reserved'], 'reserved'),
        costBasis: reader.money(fields['costBasis'], 'costBasis'),
        realisedProfit: reader.money(fields['realisedProfit'], 'realisedProfit'),
        liquidityUsed,
      };
    }
    case 'order':
      return readOrder(fields, reader);
    case 'closed_order':
      return {
        kind,
        closingNumber: reader.integer(fields['closingNumber'], 'closingNumber', 0),
        accountId: reader.accountId(fields['userId'], 'userId'),
        orderId: reader.orderId(fields['orderId'], 'orderId'),
        bodyDigest: reader.text(fields['bodyDigest'], 'bodyDigest', MAX_DIGEST_LENGTH),
        status: reader.oneOf(fields['status'], 'status', CLOSED_STATUSES),
        filledQuantity: reader.quantity(fields['filledQuantity'], 'filledQuantity'),
      };
    case 'account_command':
      return {
        kind,
        commandNumber: reader.integer(fields['commandNumber'], 'commandNumber', 0),
        commandId: reader.text(fields['commandId'], 'commandId', MAX_ID_LENGTH) as CommandId,
        fingerprint: reader.text(fields['fingerprint'], 'fingerprint', MAX_DIGEST_LENGTH),
      };
    case 'price':
      reader.base = 'price.';
      return { kind, price: readBatchPrice(fields['price'], reader) };
    case 'ledger':
      return {
        kind,
        asset: reader.symbol(fields['asset'], 'asset'),
        outside: reader.scaled(fields['outside'], 'outside'),
        venue: reader.scaled(fields['venue'], 'venue'),
        fees: reader.scaled(fields['fees'], 'fees'),
        clearing: reader.scaled(fields['clearing'], 'clearing'),
        accounts: reader.scaled(fields['accounts'], 'accounts'),
      };
    case 'controls':
      return {
        kind,
        fees: readFees(fields, '', reader),
        limits: readLimits(fields, '', reader),
        rulesVersion: reader.integer(fields['rulesVersion'], 'rulesVersion', 0),
        killSwitchEngaged: reader.boolean(fields['killSwitchEngaged'], 'killSwitchEngaged'),
      };
    case 'venue_source':
      return {
        kind,
        source: reader.text(fields['source'], 'source', MAX_SOURCE_LENGTH),
        lastSequence: reader.integer(fields['lastSequence'], 'lastSequence', 0),
      };
    case 'counters':
      return {
        kind,
        clockMs: reader.timestampMs(fields['clock'], 'clock'),
        ordersAccepted: reader.integer(fields['ordersAccepted'], 'ordersAccepted', 0),
        ordersClosed: reader.integer(fields['ordersClosed'], 'ordersClosed', 0),
        accountCommands: reader.integer(fields['accountCommands'], 'accountCommands', 0),
      };
    case 'head': {
      const lastCommandId = reader.optionalText(fields['lastCommandId'], 'lastCommandId', MAX_ID_LENGTH);
      return {
        kind,
        partition: reader.integer(fields['partition'], 'partition', 0),
        nextInputOffset: reader.integer(fields['nextInputOffset'], 'nextInputOffset', 0),
        lastCommandId: lastCommandId as CommandId | null,
        inputsApplied: reader.integer(fields['inputsApplied'], 'inputsApplied', 0),
        stateHash: reader.text(fields['stateHash'], 'stateHash', MAX_DIGEST_LENGTH),
      };
    }
  }
}

export function decodeAccountStateEntity(bytes: Uint8Array): Decoded<AccountStateEntity> {
  const reader = new FieldReader();
  const fields = parseWireObject(bytes, reader);
  if (fields === null) return reader.unreadable();
  checkSchemaVersion(fields['schemaVersion'], reader);
  const value = readEntity(reader.oneOf(fields['kind'], 'kind', KINDS), fields, reader);
  return reader.failed ? reader.unreadable() : { kind: 'decoded', value };
}
