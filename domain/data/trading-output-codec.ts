/** The outputs of execution on the wire: `trade_executed`, `order_updates`, `ledger_entries`, `venue_commands`. */

import { fits } from './decimal.ts';
import type { Decoded } from './decoded.ts';
import {
  beginEnvelope,
  type EventContext,
  endEnvelope,
  type OpenedEnvelope,
  openEnvelope,
  requirePresent,
  requireSameTime,
} from './event-envelope.ts';
import { FieldReader, type WireObject } from './field-reader.ts';
import {
  type AccountId,
  type CommandId,
  type EventId,
  type ExecutionId,
  parseAccountId,
} from './identifiers.ts';
import { TOPIC, type TopicName } from './topics.ts';
import {
  CASH_ASSET,
  eventIdOf,
  type LedgerEntry,
  ORDER_STEPS,
  type OrderUpdate,
  type Posting,
  type Recorded,
  type SystemAccount,
  type TradeExecuted,
  type TradeOutcome,
  type TradingOutput,
  type VenueCommand,
} from './trading-events.ts';
import { MAX_CLIENT_ORDER_ID_LENGTH, MAX_REASON_LENGTH } from './trading-input-codec.ts';
import { writePayload } from './trading-output-payload.ts';

const MAX_POSTINGS = 10_000;
const SIDES = ['BUY', 'SELL'] as const;
const TIMES_IN_FORCE = ['DAY', 'GTC'] as const;
const ORDER_TYPES = ['MARKET', 'LIMIT'] as const;
const SYSTEM_ACCOUNTS: readonly SystemAccount[] = ['outside', 'venue', 'fees', 'clearing'];
const TRADE_STATUSES = [
  'EXECUTED',
  'FAILED_INSUFFICIENT_FUNDS',
  'FAILED_INSUFFICIENT_SHARES',
  'FAILED_OTHER',
] as const;
const ORDER_STATUSES: readonly OrderUpdate['status'][] = [
  'NEW',
  'PARTIALLY_FILLED',
  'FILLED',
  'CANCELED',
  'EXPIRED',
  'REJECTED',
  'DENIED',
];
const UPDATES: readonly OrderUpdate['update'][] = [
  ...ORDER_STEPS,
  'cancel_rejected',
  'duplicate_conflict',
  'venue_event_ignored',
];
const ENTRY_KINDS: readonly LedgerEntry['kind'][] = [
  'OPENED',
  'DEPOSIT',
  'DEPOSIT_DENIED',
  'WITHDRAWAL',
  'WITHDRAWAL_DENIED',
  'HALTED',
  'RESUMED',
  'BREAKER_TRIPPED',
  'BREAKER_RESET',
  'BREAKER_OPENED',
  'FILL',
  'FEE',
];
const VENUE_COMMANDS = ['place', 'cancel'] as const;

const TOPIC_OF = {
  TradeExecuted: TOPIC.tradeExecuted,
  OrderUpdate: TOPIC.orderUpdates,
  LedgerEntry: TOPIC.ledgerEntries,
  VenueCommand: TOPIC.venueCommands,
} as const;

export function topicOfOutput(output: TradingOutput): TopicName {
  return TOPIC_OF[output.type];
}

export function encodeTradingOutput(output: TradingOutput, context: EventContext): Uint8Array {
  const { cause, timeMs, ingestTimeMs, sequence } = output;
  const eventId = eventIdOf(output);
  beginEnvelope({ eventType: output.type, eventId, cause, timeMs, ingestTimeMs, sequence }, context);
  writePayload(output);
  return endEnvelope(context);
}

/** Opens the envelope, lets `read` read the payload over what all outputs share, and gives what came of it. */
function decodeOutput<Output extends TradingOutput>(
  bytes: Uint8Array,
  type: Output['type'],
  read: (
    base: Omit<OutputBase, 'type'> & { readonly type: Output['type'] },
    payload: WireObject,
    reader: FieldReader,
    envelope: OpenedEnvelope,
  ) => Output,
): Decoded<Output> {
  const reader = new FieldReader();
  const envelope = openEnvelope(bytes, reader);
  if (envelope === null) return reader.unreadable();
  if (envelope.eventType !== type) reader.envelopeIssue('eventType', 'enum', `must be ${type}`);
  const base = {
    type,
    eventId: envelope.eventId as EventId,
    cause: requirePresent(envelope.cause, 'cause', '', reader) as CommandId,
    accountId: reader.accountId(envelope.payload['userId'], 'userId'),
    sequence: requirePresent(envelope.sequence, 'sequence', 1, reader),
    timeMs: envelope.timeMs,
    ingestTimeMs: requirePresent(envelope.ingestTimeMs, 'ingestTimestamp', 0, reader),
  };
  const value = read(base, envelope.payload, reader, envelope);
  return reader.failed ? reader.unreadable() : { kind: 'decoded', value };
}

type OutputBase = Pick<
  Recorded<TradeExecuted>,
  'type' | 'eventId' | 'cause' | 'accountId' | 'sequence' | 'timeMs' | 'ingestTimeMs'
>;

function readOutcome(payload: WireObject, reader: FieldReader): TradeOutcome {
  const status = reader.oneOf(payload['status'], 'status', TRADE_STATUSES);
  if (status !== 'EXECUTED') {
    return {
      status,
      failureReason: reader.text(payload['failureReason'], 'failureReason', MAX_REASON_LENGTH),
    };
  }
  const priceTimestamp = payload['priceTimestamp'];
  return {
    status,
    executionId: reader.id(payload['executionId'], 'executionId') as ExecutionId,
    executionPrice: reader.price(payload['executionPrice'], 'executionPrice'),
    fee: reader.nonNegativeMoney(payload['fee'], 'fee'),
    priceEventId: reader.optionalId(payload['priceEventId'], 'priceEventId') as EventId | null,
    priceTimestampMs:
      priceTimestamp === undefined || priceTimestamp === null
        ? null
        : reader.timestampMs(priceTimestamp, 'priceTimestamp'),
  };
}

export function decodeTradeExecuted(bytes: Uint8Array): Decoded<Recorded<TradeExecuted>> {
  return decodeOutput<Recorded<TradeExecuted>>(bytes, 'TradeExecuted', (base, payload, reader, envelope) => {
    requireSameTime(payload['executionTimestamp'], 'executionTimestamp', envelope, reader);
    const outcome = readOutcome(payload, reader);
    const { quantity } = payload;
    return {
      ...base,
      orderId: reader.orderId(payload['orderId'], 'orderId'),
      symbol: reader.symbol(payload['symbol'], 'symbol'),
      side: reader.oneOf(payload['side'], 'side', SIDES),
      quantity:
        outcome.status === 'EXECUTED'
          ? reader.positiveQuantity(quantity, 'quantity')
          : reader.quantity(quantity, 'quantity'),
      outcome,
    };
  });
}

type OrderFacts = Pick<OrderUpdate, 'symbol' | 'side' | 'orderType' | 'timeInForce'>;

const FACTS = ['symbol', 'side', 'type', 'timeInForce'] as const;
const NO_FACTS: OrderFacts = { symbol: null, side: null, orderType: null, timeInForce: null };

/** What the order is: a step of its life says it, and what is no step says all of it or nothing. */
function readFacts(payload: WireObject, update: OrderUpdate['update'], reader: FieldReader): OrderFacts {
  const isSaid = (name: string) => payload[name] !== undefined && payload[name] !== null;
  if (!ORDER_STEPS.has(update) && !FACTS.some(isSaid)) return NO_FACTS;
  return {
    symbol: reader.symbol(payload['symbol'], 'symbol'),
    side: reader.oneOf(payload['side'], 'side', SIDES),
    orderType: reader.oneOf(payload['type'], 'type', ORDER_TYPES),
    timeInForce: reader.oneOf(payload['timeInForce'], 'timeInForce', TIMES_IN_FORCE),
  };
}

export function decodeOrderUpdate(bytes: Uint8Array): Decoded<Recorded<OrderUpdate>> {
  return decodeOutput<Recorded<OrderUpdate>>(bytes, 'OrderUpdate', (base, payload, reader) => {
    const update = reader.oneOf(payload['update'], 'update', UPDATES);
    const { symbol, side, orderType, timeInForce } = readFacts(payload, update, reader);
    return {
      ...base,
      update,
      orderId: reader.orderId(payload['orderId'], 'orderId'),
      status: reader.oneOf(payload['status'], 'status', ORDER_STATUSES),
      symbol,
      side,
      orderType,
      timeInForce,
      quantity: reader.optionalQuantity(payload['quantity'], 'quantity'),
      limitPrice: reader.optionalPrice(payload['limitPrice'], 'limitPrice'),
      clientOrderId: reader.optionalText(
        payload['clientOrderId'],
        'clientOrderId',
        MAX_CLIENT_ORDER_ID_LENGTH,
      ),
      filledQuantity: reader.quantity(payload['filledQuantity'], 'filledQuantity'),
      averageFillPrice: reader.optionalPrice(payload['averageFillPrice'], 'averageFillPrice'),
      reason: reader.optionalText(payload['reason'], 'reason', MAX_REASON_LENGTH),
    };
  });
}

function readPosting(value: unknown, index: number, reader: FieldReader): Posting {
  reader.index = index;
  const posting = reader.object(value, '');
  const account = posting['account'];
  const system = SYSTEM_ACCOUNTS.find((known) => known === account);
  const owner = system ?? (typeof account === 'string' ? parseAccountId(account) : null);
  if (owner === null)
    reader.issue('account', 'account', `must be an account id or ${SYSTEM_ACCOUNTS.join(', ')}`);
  return {
    account: owner ?? 'outside',
    asset: reader.symbol(posting['asset'], 'asset'),
    amount: reader.money(posting['amount'], 'amount'),
  };
}

/** What an entry does to its account's cash and to its shares is one number each, wherever entries are summed up. */
function checkOwnSums(postings: readonly Posting[], own: AccountId, reader: FieldReader): void {
  let cash = 0n;
  let shares = 0n;
  for (const { account, asset, amount } of postings) {
    if (account !== own) continue;
    if (asset === CASH_ASSET) cash += amount;
    else shares += amount;
  }
  if (!fits(cash) || !fits(shares))
    reader.issue(
      'postings',
      'decimal_range',
      "must not add up to more than a decimal holds, for the entry's account",
    );
}

export function decodeLedgerEntry(bytes: Uint8Array): Decoded<Recorded<LedgerEntry>> {
  return decodeOutput<Recorded<LedgerEntry>>(bytes, 'LedgerEntry', (base, payload, reader) => {
    const items = reader.list(payload['postings'], 'postings', MAX_POSTINGS);
    reader.base = 'payload.postings.';
    const postings = items.map((item, index) => readPosting(item, index, reader));
    reader.base = 'payload.';
    reader.index = null;
    checkOwnSums(postings, base.accountId, reader);
    return {
      ...base,
      kind: reader.oneOf(payload['kind'], 'kind', ENTRY_KINDS),
      reference: reader.id(payload['reference'], 'reference'),
      postings,
      symbol: reader.optionalSymbol(payload['symbol'], 'symbol'),
      price: reader.optionalPrice(payload['price'], 'price'),
      cashAfter: reader.money(payload['cashAfter'], 'cashAfter'),
      note: reader.optionalText(payload['note'], 'note', MAX_REASON_LENGTH),
    };
  });
}

export function decodeVenueCommand(bytes: Uint8Array): Decoded<Recorded<VenueCommand>> {
  return decodeOutput<Recorded<VenueCommand>>(bytes, 'VenueCommand', (base, payload, reader) => ({
    ...base,
    command: reader.oneOf(payload['command'], 'command', VENUE_COMMANDS),
    orderId: reader.orderId(payload['orderId'], 'orderId'),
    symbol: reader.symbol(payload['symbol'], 'symbol'),
    side: reader.oneOf(payload['side'], 'side', SIDES),
    quantity: reader.quantity(payload['quantity'], 'quantity'),
    limitPrice: reader.optionalPrice(payload['limitPrice'], 'limitPrice'),
  }));
}
