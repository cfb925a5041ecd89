/**
 * The entities of `account_states` read from the wire: JSON in UTF-8, decimals and balances as text. Not an event: it
 * wears no envelope. A reader ignores fields that it does not know.
 */
import type {
  AccountStateEntity,
  Breaker,
  ClosedOrderStatus,
  OpenOrderEntity,
  OrderIntent,
  OrderLifetime,
  OrderProgress,
} from './account-state.ts';
import type { Decoded } from './decoded.ts';
import { parseWireObject } from './event-envelope.ts';
import { FieldReader, type WireObject } from './field-reader.ts';
import { type CommandId, type EventId, MAX_ID_LENGTH } from './identifiers.ts';
import { isTimestampMs } from './timestamp.ts';
import type { BatchPrice, FeeSchedule, TradingLimits } from './trading-inputs.ts';

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
const CLOSED_STATUSES: readonly ClosedOrderStatus[] = ['FILLED', 'CANCELED', 'EXPIRED', 'REJECTED', 'DENIED'];
const SIDES = ['BUY', 'SELL'] as const;
const ORDER_TYPES = ['MARKET', 'LIMIT'] as const;
const TIMES_IN_FORCE = ['DAY', 'GTC'] as const;
const BREAKER_STATES = ['OPEN', 'TRIPPED', 'QUIET_PERIOD'] as const;
const PROGRESSES = ['unfilled', 'partially_filled'] as const;
const MAX_TEXT_LENGTH = 1_000;
/** Balances of system accounts may pass 64 bits; no books of this world need more digits. */
const BALANCE = /^-?(0|[1-9][0-9]{0,38})(\.[0-9]{1,9})?$/;

export function decodeAccountStateEntity(bytes: Uint8Array): Decoded<AccountStateEntity> {
  const reader = new FieldReader();
  const record = parseWireObject(bytes, reader);
  if (record === null) return reader.unreadable();
  const kind = reader.oneOf(record['kind'], 'kind', KINDS);
  if (reader.failed) return reader.unreadable();
  const value = readEntity(kind, record, reader);
  return reader.failed ? reader.unreadable() : { kind: 'decoded', value };
}

function readEntity(
  kind: AccountStateEntity['kind'],
  record: WireObject,
  reader: FieldReader,
): AccountStateEntity {
  switch (kind) {
    case 'account':
      return {
        kind,
        accountId: reader.accountId(record['accountId'], 'accountId'),
        name: readAnyText(record['name'], 'name', reader),
        cash: reader.nonNegativeMoney(record['cash'], 'cash'),
        cashReserved: reader.nonNegativeMoney(record['cashReserved'], 'cashReserved'),
        sequence: reader.integer(record['sequence'], 'sequence', 0),
        killSwitchEngaged: reader.boolean(record['killSwitchEngaged'], 'killSwitchEngaged'),
        breaker: readBreaker(reader.object(record['breaker'], 'breaker'), reader),
        dayResult: reader.money(record['dayResult'], 'dayResult'),
        resultDay: reader.integer(record['resultDay'], 'resultDay', 0),
        accountHash: reader.text(record['accountHash'], 'accountHash', MAX_ID_LENGTH),
        updatedAtMs: readTimeMs(record['updatedAtMs'], 'updatedAtMs', reader),
      };
    case 'position': {
      const used = reader.object(record['liquidityUsed'], 'liquidityUsed');
      return {
        kind,
        accountId: reader.accountId(record['accountId'], 'accountId'),
        symbol: reader.symbol(record['symbol'], 'symbol'),
        quantity: reader.quantity(record['quantity'], 'quantity'),
        reserved: reader.quantity(record['reserved'], 'reserved'),
        costBasis: reader.nonNegativeMoney(record['costBasis'], 'costBasis'),
        realisedProfit: reader.money(record['realisedProfit'], 'realisedProfit'),
        liquidityUsed: {
          sequence: reader.integer(used['sequence'], 'liquidityUsed.sequence', 0),
          bought: reader.quantity(used['bought'], 'liquidityUsed.bought'),
          sold: reader.quantity(used['sold'], 'liquidityUsed.sold'),
        },
      };
    }
    case 'order':
      return readOrder(record, reader);
    case 'closed_order':
      return {
        kind,
        closingNumber: reader.integer(record['closingNumber'], 'closingNumber', 0),
        accountId: reader.accountId(record['accountId'], 'accountId'),
        orderId: reader.orderId(record['orderId'], 'orderId'),
        bodyDigest: readAnyText(record['bodyDigest'], 'bodyDigest', reader),
        status: reader.oneOf(record['status'], 'status', CLOSED_STATUSES),
        filledQuantity: reader.quantity(record['filledQuantity'], 'filledQuantity'),
      };
    case 'account_command':
      return {
        kind,
        commandNumber: reader.integer(record['commandNumber'], 'commandNumber', 0),
        commandId: reader.text(record['commandId'], 'commandId', MAX_ID_LENGTH) as CommandId,
        fingerprint: reader.text(record['fingerprint'], 'fingerprint', MAX_TEXT_LENGTH),
      };
    case 'price':
      return { kind, price: readPrice(reader.object(record['price'], 'price'), reader) };
    case 'ledger':
      return {
        kind,
        asset: reader.text(record['asset'], 'asset', MAX_ID_LENGTH),
        outside: readBalance(record['outside'], 'outside', reader),
        venue: readBalance(record['venue'], 'venue', reader),
        fees: readBalance(record['fees'], 'fees', reader),
        clearing: readBalance(record['clearing'], 'clearing', reader),
        accounts: readBalance(record['accounts'], 'accounts', reader),
      };
    case 'controls':
      return {
        kind,
        fees: readFees(reader.object(record['fees'], 'fees'), reader),
        limits: readLimits(reader.object(record['limits'], 'limits'), reader),
        rulesVersion: reader.integer(record['rulesVersion'], 'rulesVersion', 0),
        killSwitchEngaged: reader.boolean(record['killSwitchEngaged'], 'killSwitchEngaged'),
      };
    case 'venue_source':
      return {
        kind,
        source: reader.text(record['source'], 'source', MAX_ID_LENGTH),
        lastSequence: reader.integer(record['lastSequence'], 'lastSequence', 0),
      };
    case 'counters':
      return {
        kind,
        clockMs: readTimeMs(record['clockMs'], 'clockMs', reader),
        ordersAccepted: reader.integer(record['ordersAccepted'], 'ordersAccepted', 0),
        ordersClosed: reader.integer(record['ordersClosed'], 'ordersClosed', 0),
        accountCommands: reader.integer(record['accountCommands'], 'accountCommands', 0),
      };
    case 'head': {
      const last = record['lastCommandId'];
      return {
        kind,
        partition: reader.integer(record['partition'], 'partition', 0),
        nextInputOffset: reader.integer(record['nextInputOffset'], 'nextInputOffset', 0),
        lastCommandId: reader.optionalText(last, 'lastCommandId', MAX_ID_LENGTH) as CommandId | null,
        inputsApplied: reader.integer(record['inputsApplied'], 'inputsApplied', 0),
        stateHash: reader.text(record['stateHash'], 'stateHash', MAX_ID_LENGTH),
      };
    }
  }
}

function readBreaker(breaker: WireObject, reader: FieldReader): Breaker {
  const state = reader.oneOf(breaker['state'], 'breaker.state', BREAKER_STATES);
  if (state !== 'QUIET_PERIOD') return { state };
  const untilMs = readTimeMs(breaker['untilMs'], 'breaker.untilMs', reader);
  if (untilMs < 1) reader.issue('breaker.untilMs', 'minimum', 'must be after 1970 began');
  return { state, untilMs };
}

function readOrder(record: WireObject, reader: FieldReader): OpenOrderEntity {
  return {
    kind: 'order',
    accountId: reader.accountId(record['accountId'], 'accountId'),
    orderId: reader.orderId(record['orderId'], 'orderId'),
    acceptanceNumber: reader.integer(record['acceptanceNumber'], 'acceptanceNumber', 1),
    symbol: reader.symbol(record['symbol'], 'symbol'),
    quantity: reader.positiveQuantity(record['quantity'], 'quantity'),
    intent: readIntent(reader.object(record['intent'], 'intent'), reader),
    lifetime: readLifetime(reader.object(record['lifetime'], 'lifetime'), reader),
    progress: readProgress(reader.object(record['progress'], 'progress'), reader),
    fees: readFees(reader.object(record['fees'], 'fees'), reader),
    clientOrderId:
      record['clientOrderId'] === null ? null : readAnyText(record['clientOrderId'], 'clientOrderId', reader),
    bodyDigest: readAnyText(record['bodyDigest'], 'bodyDigest', reader),
    acceptedAtMs: readTimeMs(record['acceptedAtMs'], 'acceptedAtMs', reader),
  };
}

function readIntent(intent: WireObject, reader: FieldReader): OrderIntent {
  const side = reader.oneOf(intent['side'], 'intent.side', SIDES);
  const type = reader.oneOf(intent['type'], 'intent.type', ORDER_TYPES);
  if (side === 'SELL') {
    return type === 'MARKET'
      ? { side, type }
      : { side, type, limitPrice: reader.price(intent['limitPrice'], 'intent.limitPrice') };
  }
  const reservedCash = reader.nonNegativeMoney(intent['reservedCash'], 'intent.reservedCash');
  return type === 'MARKET'
    ? { side, type, collar: reader.price(intent['collar'], 'intent.collar'), reservedCash }
    : { side, type, limitPrice: reader.price(intent['limitPrice'], 'intent.limitPrice'), reservedCash };
}

function readLifetime(lifetime: WireObject, reader: FieldReader): OrderLifetime {
  const timeInForce = reader.oneOf(lifetime['timeInForce'], 'lifetime.timeInForce', TIMES_IN_FORCE);
  if (timeInForce === 'GTC') return { timeInForce };
  return { timeInForce, expiresAtMs: readTimeMs(lifetime['expiresAtMs'], 'lifetime.expiresAtMs', reader) };
}

function readProgress(progress: WireObject, reader: FieldReader): OrderProgress {
  const kind = reader.oneOf(progress['kind'], 'progress.kind', PROGRESSES);
  if (kind === 'unfilled') return { kind };
  return {
    kind,
    filledQuantity: reader.positiveQuantity(progress['filledQuantity'], 'progress.filledQuantity'),
    filledNotional: reader.nonNegativeMoney(progress['filledNotional'], 'progress.filledNotional'),
    feesCharged: reader.nonNegativeMoney(progress['feesCharged'], 'progress.feesCharged'),
    fills: reader.integer(progress['fills'], 'progress.fills', 1),
  };
}

function readFees(fees: WireObject, reader: FieldReader): FeeSchedule {
  return {
    perShare: reader.nonNegativeMoney(fees['perShare'], 'fees.perShare'),
    rate: reader.rate(fees['rate'], 'fees.rate'),
    minimumPerOrder: reader.nonNegativeMoney(fees['minimumPerOrder'], 'fees.minimumPerOrder'),
  };
}

function readLimits(limits: WireObject, reader: FieldReader): TradingLimits {
  const most = limits['maxOpenOrdersPerAccount'];
  return {
    maxPriceAgeMs: reader.integer(limits['maxPriceAgeMs'], 'limits.maxPriceAgeMs', 0),
    maxOpenOrdersPerAccount: reader.integer(most, 'limits.maxOpenOrdersPerAccount', 0),
    maxOrderNotional: reader.nonNegativeMoney(limits['maxOrderNotional'], 'limits.maxOrderNotional'),
    maxOrderQuantity: reader.quantity(limits['maxOrderQuantity'], 'limits.maxOrderQuantity'),
    marketBuyCollar: reader.rate(limits['marketBuyCollar'], 'limits.marketBuyCollar'),
    maxDailyLoss: reader.nonNegativeMoney(limits['maxDailyLoss'], 'limits.maxDailyLoss'),
    breakerQuietPeriodMs: reader.integer(limits['breakerQuietPeriodMs'], 'limits.breakerQuietPeriodMs', 1),
  };
}

function readPrice(price: WireObject, reader: FieldReader): BatchPrice {
  return {
    symbol: reader.symbol(price['symbol'], 'price.symbol'),
    sequence: reader.integer(price['sequence'], 'price.sequence', 0),
    eventId: reader.text(price['eventId'], 'price.eventId', MAX_ID_LENGTH) as EventId,
    feedTimestampMs: readTimeMs(price['feedTimestampMs'], 'price.feedTimestampMs', reader),
    price: reader.price(price['price'], 'price.price'),
    bid: reader.optionalPrice(price['bid'], 'price.bid'),
    bidSize: reader.optionalQuantity(price['bidSize'], 'price.bidSize'),
    ask: reader.optionalPrice(price['ask'], 'price.ask'),
    askSize: reader.optionalQuantity(price['askSize'], 'price.askSize'),
    tradedSize: reader.optionalQuantity(price['tradedSize'], 'price.tradedSize'),
    low: reader.price(price['low'], 'price.low'),
    high: reader.price(price['high'], 'price.high'),
  };
}

function readTimeMs(value: unknown, name: string, reader: FieldReader): number {
  if (typeof value === 'number' && isTimestampMs(value)) return value;
  reader.issue(name, 'timestamp', 'must be milliseconds since 1970 within the years 1 to 9999');
  return 0;
}

/** Text that may be empty. */
function readAnyText(value: unknown, name: string, reader: FieldReader): string {
  return value === '' ? '' : reader.text(value, name, MAX_TEXT_LENGTH);
}

function readBalance(value: unknown, name: string, reader: FieldReader): bigint {
  if (typeof value !== 'string' || !BALANCE.test(value)) {
    reader.issue(name, 'decimal_format', 'must be a decimal written as text');
    return 0n;
  }
  const [whole = '', fraction = ''] = value.replace('-', '').split('.');
  const magnitude = BigInt(whole + fraction.padEnd(9, '0'));
  return value.startsWith('-') ? -magnitude : magnitude;
}
