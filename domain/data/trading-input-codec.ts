/** The inputs of execution on the wire: records of `trade_orders`. The event's id is the command's. */

import { formatDecimal } from './decimal.ts';
import type { Decoded } from './decoded.ts';
import {
  beginEnvelope,
  type EventContext,
  endEnvelope,
  openEnvelope,
  quote,
  requirePresent,
  requireSameTime,
} from './event-envelope.ts';
import { FieldReader, type WireObject } from './field-reader.ts';
import type { CommandId, EventId, ExecutionId } from './identifiers.ts';
import { writePriceBatch } from './price-batch-writer.ts';
import { writeJson } from './record-writer.ts';
import { formatTimestamp } from './timestamp.ts';
import type {
  BatchPrice,
  ControlChange,
  FeeSchedule,
  OrderTerms,
  PriceBatch,
  SubmitOrder,
  TradingInput,
  TradingLimits,
  VenueDecision,
} from './trading-inputs.ts';

export const MAX_NAME_LENGTH = 200;
export const MAX_CLIENT_ORDER_ID_LENGTH = 128;
export const MAX_REASON_LENGTH = 500;
/** It goes into a note, which has a few words more. */
export const MAX_BREAKER_REASON_LENGTH = 200;
const MAX_BATCH_PRICES = 10_000;
export const MAX_DIGEST_LENGTH = 128;
const MAX_SOURCE_LENGTH = 100;

const INPUT_TYPES: readonly TradingInput['type'][] = [
  'SubmitOrder',
  'CancelOrder',
  'OpenAccount',
  'Deposit',
  'Withdraw',
  'PriceBatch',
  'Control',
  'VenueEvent',
];
const SIDES = ['BUY', 'SELL'] as const;
const TIMES_IN_FORCE = ['DAY', 'GTC'] as const;
const ORDER_TYPES = ['MARKET', 'LIMIT'] as const;
const CONTROL_KINDS = ['SetFees', 'SetLimits', 'SetRulesVersion', 'SetKillSwitch', 'SetBreaker'] as const;
const BREAKER_ACTIONS = ['TRIP', 'RESET'] as const;
const DECISION_KINDS = ['Accepted', 'Filled', 'Canceled', 'Rejected', 'CancelRejected'] as const;

function termsToWire(terms: OrderTerms): string {
  if (terms.type === 'LIMIT') {
    return `"type":"LIMIT","quantity":"${formatDecimal(terms.quantity)}","limitPrice":"${formatDecimal(terms.limitPrice)}"`;
  }
  return 'quantity' in terms
    ? `"type":"MARKET","quantity":"${formatDecimal(terms.quantity)}"`
    : `"type":"MARKET","notional":"${formatDecimal(terms.notional)}"`;
}

function submitToWire(input: SubmitOrder): string {
  return (
    `{"orderId":"${input.orderId}","userId":"${input.accountId}","symbol":"${input.symbol}","side":"${input.side}",` +
    `${termsToWire(input.terms)},"timeInForce":"${input.timeInForce}",` +
    `"orderTimestamp":"${formatTimestamp(input.timeMs)}",` +
    (input.clientOrderId === null ? '' : `"clientOrderId":${quote(input.clientOrderId)},`) +
    `"bodyDigest":${quote(input.bodyDigest)}}`
  );
}

function feesToWire(fees: FeeSchedule): string {
  return (
    `{"perShare":"${formatDecimal(fees.perShare)}","rate":"${formatDecimal(fees.rate)}",` +
    `"minimumPerOrder":"${formatDecimal(fees.minimumPerOrder)}"}`
  );
}

function limitsToWire(limits: TradingLimits): string {
  return (
    `{"maxPriceAgeMs":${limits.maxPriceAgeMs},"maxOpenOrdersPerAccount":${limits.maxOpenOrdersPerAccount},` +
    `"maxOrderNotional":"${formatDecimal(limits.maxOrderNotional)}",` +
    `"maxOrderQuantity":"${formatDecimal(limits.maxOrderQuantity)}",` +
    `"marketBuyCollar":"${formatDecimal(limits.marketBuyCollar)}",` +
    `"maxDailyLoss":"${formatDecimal(limits.maxDailyLoss)}",` +
    `"breakerQuietPeriodMs":${limits.breakerQuietPeriodMs}}`
  );
}

function changeToWire(change: ControlChange): string {
  switch (change.kind) {
    case 'SetFees':
      return `{"kind":"SetFees","fees":${feesToWire(change.fees)}}`;
    case 'SetLimits':
      return `{"kind":"SetLimits","limits":${limitsToWire(change.limits)}}`;
    case 'SetRulesVersion':
      return `{"kind":"SetRulesVersion","rulesVersion":${change.rulesVersion}}`;
    case 'SetKillSwitch':
      return (
        `{"kind":"SetKillSwitch","engaged":${change.engaged}` +
        (change.accountId === null ? '}' : `,"userId":"${change.accountId}"}`)
      );
    case 'SetBreaker':
      return (
        `{"kind":"SetBreaker","userId":"${change.accountId}","action":"${change.action}",` +
        `"reason":${quote(change.reason)}}`
      );
  }
}

function decisionToWire(decision: VenueDecision): string {
  switch (decision.kind) {
    case 'Accepted':
      return '{"kind":"Accepted"}';
    case 'Filled':
      return (
        `{"kind":"Filled","executionId":${quote(decision.executionId)},` +
        `"quantity":"${formatDecimal(decision.quantity)}","price":"${formatDecimal(decision.price)}"}`
      );
    case 'Canceled':
    case 'Rejected':
    case 'CancelRejected':
      return `{"kind":"${decision.kind}","reason":${quote(decision.reason)}}`;
  }
}

function payloadToWire(input: Exclude<TradingInput, PriceBatch>): string {
  switch (input.type) {
    case 'SubmitOrder':
      return submitToWire(input);
    case 'CancelOrder':
      return `{"orderId":"${input.orderId}","userId":"${input.accountId}"}`;
    case 'OpenAccount':
      return `{"userId":"${input.accountId}","name":${quote(input.name)}}`;
    case 'Deposit':
    case 'Withdraw':
      return `{"userId":"${input.accountId}","amount":"${formatDecimal(input.amount)}"}`;
    case 'Control':
      return `{"change":${changeToWire(input.change)}}`;
    case 'VenueEvent':
      return (
        `{"source":${quote(input.source)},"sourceSequence":${input.sourceSequence},"userId":"${input.accountId}",` +
        `"orderId":"${input.orderId}","decision":${decisionToWire(input.decision)}}`
      );
  }
}

export function encodeTradingInput(input: TradingInput, context: EventContext): Uint8Array {
  beginEnvelope(
    {
      eventType: input.type,
      eventId: input.commandId,
      cause: null,
      timeMs: input.timeMs,
      ingestTimeMs: input.ingestTimeMs,
      sequence: null,
    },
    context,
  );
  // Of prices there are a hundred times as many as of all else together.
  if (input.type === 'PriceBatch') writePriceBatch(input);
  else writeJson(payloadToWire(input));
  return endEnvelope(context);
}

function readTerms(payload: WireObject, reader: FieldReader): OrderTerms {
  const type = reader.oneOf(payload['type'], 'type', ORDER_TYPES);
  const { quantity, notional, limitPrice } = payload as {
    quantity?: unknown;
    notional?: unknown;
    limitPrice?: unknown;
  };
  const byNotional = notional !== undefined && notional !== null;
  if (byNotional && quantity !== undefined && quantity !== null) {
    reader.issue('notional', 'exclusive', 'must not stand beside quantity');
  }
  if (type === 'LIMIT') {
    if (byNotional) reader.issue('notional', 'exclusive', 'must not stand in a limit order');
    return {
      type,
      quantity: reader.positiveQuantity(quantity, 'quantity'),
      limitPrice: reader.price(limitPrice, 'limitPrice'),
    };
  }
  if (limitPrice !== undefined && limitPrice !== null) {
    reader.issue('limitPrice', 'exclusive', 'must not stand in a market order');
  }
  return byNotional
    ? { type, notional: reader.positiveMoney(notional, 'notional') }
    : { type, quantity: reader.positiveQuantity(quantity, 'quantity') };
}

/** Reads one price at the reader's place. */
function readBatchPrice(value: unknown, reader: FieldReader): BatchPrice {
  const item = reader.object(value, '');
  const price = reader.price(item['price'], 'price');
  const low = reader.price(item['low'], 'low');
  const high = reader.price(item['high'], 'high');
  if (low > high) reader.issue('low', 'maximum', 'must not be above high');
  return {
    symbol: reader.symbol(item['symbol'], 'symbol'),
    sequence: reader.integer(item['sequence'], 'sequence', 1),
    eventId: reader.id(item['eventId'], 'eventId') as EventId,
    feedTimestampMs: reader.timestampMs(item['feedTimestamp'], 'feedTimestamp'),
    price,
    bid: reader.optionalPrice(item['bid'], 'bid'),
    bidSize: reader.optionalQuantity(item['bidSize'], 'bidSize'),
    ask: reader.optionalPrice(item['ask'], 'ask'),
    askSize: reader.optionalQuantity(item['askSize'], 'askSize'),
    tradedSize: reader.optionalQuantity(item['tradedSize'], 'tradedSize'),
    low,
    high,
  };
}

function readPrices(payload: WireObject, reader: FieldReader): readonly BatchPrice[] {
  const items = reader.list(payload['prices'], 'prices', MAX_BATCH_PRICES);
  const prices = new Array<BatchPrice>(items.length);
  reader.base = 'payload.prices.';
  for (let index = 0; index < items.length; index++) {
    reader.index = index;
    prices[index] = readBatchPrice(items[index], reader);
  }
  reader.index = null;
  return prices;
}

/** Reads `fees` of an object whose path is `base`; leaves the reader there. */
function readFees(fields: WireObject, base: string, reader: FieldReader): FeeSchedule {
  reader.base = base;
  const fees = reader.object(fields['fees'], 'fees');
  reader.base = `${base}fees.`;
  const value = {
    perShare: reader.nonNegativeMoney(fees['perShare'], 'perShare'),
    rate: reader.rate(fees['rate'], 'rate'),
    minimumPerOrder: reader.nonNegativeMoney(fees['minimumPerOrder'], 'minimumPerOrder'),
  };
  reader.base = base;
  return value;
}

/** Reads `limits` of an object whose path is `base`; leaves the reader there. */
function readLimits(fields: WireObject, base: string, reader: FieldReader): TradingLimits {
  reader.base = base;
  const limits = reader.object(fields['limits'], 'limits');
  reader.base = `${base}limits.`;
  const value = {
    maxPriceAgeMs: reader.integer(limits['maxPriceAgeMs'], 'maxPriceAgeMs', 0),
    maxOpenOrdersPerAccount: reader.integer(limits['maxOpenOrdersPerAccount'], 'maxOpenOrdersPerAccount', 0),
    maxOrderNotional: reader.nonNegativeMoney(limits['maxOrderNotional'], 'maxOrderNotional'),
    maxOrderQuantity: reader.quantity(limits['maxOrderQuantity'], 'maxOrderQuantity'),
    marketBuyCollar: reader.rate(limits['marketBuyCollar'], 'marketBuyCollar'),
    maxDailyLoss: reader.nonNegativeMoney(limits['maxDailyLoss'], 'maxDailyLoss'),
    breakerQuietPeriodMs: reader.integer(limits['breakerQuietPeriodMs'], 'breakerQuietPeriodMs', 1),
  };
  reader.base = base;
  return value;
}

function readChange(payload: WireObject, reader: FieldReader): ControlChange {
  const change = reader.object(payload['change'], 'change');
  reader.base = 'payload.change.';
  const kind = reader.oneOf(change['kind'], 'kind', CONTROL_KINDS);
  switch (kind) {
    case 'SetFees':
      return { kind, fees: readFees(change, reader.base, reader) };
    case 'SetLimits':
      return { kind, limits: readLimits(change, reader.base, reader) };
    case 'SetRulesVersion':
      return { kind, rulesVersion: reader.integer(change['rulesVersion'], 'rulesVersion', 0) };
    case 'SetKillSwitch': {
      const accountId = change['userId'];
      return {
        kind,
        engaged: reader.boolean(change['engaged'], 'engaged'),
        accountId:
          accountId === undefined || accountId === null ? null : reader.accountId(accountId, 'userId'),
      };
    }
    case 'SetBreaker':
      return {
        kind,
        accountId: reader.accountId(change['userId'], 'userId'),
        action: reader.oneOf(change['action'], 'action', BREAKER_ACTIONS),
        reason: reader.text(change['reason'], 'reason', MAX_BREAKER_REASON_LENGTH),
      };
  }
}

function readDecision(payload: WireObject, reader: FieldReader): VenueDecision {
  const decision = reader.object(payload['decision'], 'decision');
  reader.base = 'payload.decision.';
  const kind = reader.oneOf(decision['kind'], 'kind', DECISION_KINDS);
  switch (kind) {
    case 'Accepted':
      return { kind };
    case 'Filled':
      return {
        kind,
        executionId: reader.id(decision['executionId'], 'executionId') as ExecutionId,
        quantity: reader.positiveQuantity(decision['quantity'], 'quantity'),
        price: reader.price(decision['price'], 'price'),
      };
    case 'Canceled':
    case 'Rejected':
    case 'CancelRejected':
      return { kind, reason: reader.text(decision['reason'], 'reason', MAX_REASON_LENGTH) };
  }
}

export function decodeTradingInput(bytes: Uint8Array): Decoded<TradingInput> {
  const reader = new FieldReader();
  const envelope = openEnvelope(bytes, reader);
  if (envelope === null) return reader.unreadable();
  const { payload } = envelope;
  const type = INPUT_TYPES.find((known) => known === envelope.eventType);
  if (type === undefined) {
    reader.envelopeIssue('eventType', 'enum', `must be one of ${INPUT_TYPES.join(', ')}`);
    return reader.unreadable();
  }
  const base = {
    commandId: envelope.eventId as CommandId,
    timeMs: envelope.timeMs,
    ingestTimeMs: requirePresent(envelope.ingestTimeMs, 'ingestTimestamp', 0, reader),
  };
  const value = readInput(type, base, payload, reader);
  if (type === 'SubmitOrder') requireSameTime(payload['orderTimestamp'], 'orderTimestamp', envelope, reader);
  return reader.failed ? reader.unreadable() : { kind: 'decoded', value };
}

function readInput(
  type: TradingInput['type'],
  base: { readonly commandId: CommandId; readonly timeMs: number; readonly ingestTimeMs: number },
  payload: WireObject,
  reader: FieldReader,
): TradingInput {
  switch (type) {
    case 'SubmitOrder':
      return {
        ...base,
        type,
        orderId: reader.orderId(payload['orderId'], 'orderId'),
        accountId: reader.accountId(payload['userId'], 'userId'),
        symbol: reader.symbol(payload['symbol'], 'symbol'),
        side: reader.oneOf(payload['side'], 'side', SIDES),
        terms: readTerms(payload, reader),
        timeInForce: reader.oneOf(payload['timeInForce'], 'timeInForce', TIMES_IN_FORCE),
        clientOrderId: reader.optionalText(
          payload['clientOrderId'],
          'clientOrderId',
          MAX_CLIENT_ORDER_ID_LENGTH,
        ),
        bodyDigest: reader.text(payload['bodyDigest'], 'bodyDigest', MAX_DIGEST_LENGTH),
      };
    case 'CancelOrder':
      return {
        ...base,
        type,
        orderId: reader.orderId(payload['orderId'], 'orderId'),
        accountId: reader.accountId(payload['userId'], 'userId'),
      };
    case 'OpenAccount':
      return {
        ...base,
        type,
        accountId: reader.accountId(payload['userId'], 'userId'),
        name: reader.text(payload['name'], 'name', MAX_NAME_LENGTH),
      };
    case 'Deposit':
    case 'Withdraw':
      return {
        ...base,
        type,
        accountId: reader.accountId(payload['userId'], 'userId'),
        amount: reader.positiveMoney(payload['amount'], 'amount'),
      };
    case 'PriceBatch':
      return { ...base, type, prices: readPrices(payload, reader) };
    case 'Control':
      return { ...base, type, change: readChange(payload, reader) };
    case 'VenueEvent':
      return {
        ...base,
        type,
        source: reader.text(payload['source'], 'source', MAX_SOURCE_LENGTH),
        sourceSequence: reader.integer(payload['sourceSequence'], 'sourceSequence', 1),
        accountId: reader.accountId(payload['userId'], 'userId'),
        orderId: reader.orderId(payload['orderId'], 'orderId'),
        decision: readDecision(payload, reader),
      };
  }
}
