/** Arbitrary outputs of execution and entities of its state, for property tests. */
import fc from 'fast-check';
import type { AccountStateEntity } from '#domain/data/account-state.ts';
import {
  type LedgerEntry,
  ORDER_STEPS,
  type OrderUpdate,
  type TradeExecuted,
  type TradeOutcome,
  type VenueCommand,
} from '#domain/data/trading-events.ts';
import {
  accountId,
  anyPrice,
  anyQuantity,
  batchPrice,
  commandId,
  count,
  digest,
  eventId,
  executionId,
  fees,
  id,
  limits,
  money,
  nonNegativeMoney,
  nullable,
  orderId,
  positiveQuantity,
  record,
  sequence,
  side,
  symbol,
  text,
  timeInForce,
  timeMs,
} from './arbitrary-events.ts';

const wide = fc.bigInt({ min: -(2n ** 90n), max: 2n ** 90n });

const output = { eventId, cause: commandId, accountId, sequence, timeMs, ingestTimeMs: timeMs };
const outcome: fc.Arbitrary<TradeOutcome> = fc.oneof(
  record({
    status: fc.constant('EXECUTED' as const),
    executionId,
    executionPrice: anyPrice,
    fee: nonNegativeMoney,
    priceEventId: nullable(eventId),
    priceTimestampMs: nullable(timeMs),
  }),
  record({
    status: fc.constantFrom(
      'FAILED_INSUFFICIENT_FUNDS' as const,
      'FAILED_INSUFFICIENT_SHARES' as const,
      'FAILED_OTHER' as const,
    ),
    failureReason: text(500),
  }),
);
export const anyTradeExecuted: fc.Arbitrary<TradeExecuted> = record({
  ...output,
  type: fc.constant('TradeExecuted' as const),
  orderId,
  symbol,
  side,
  quantity: positiveQuantity,
  outcome,
});
const facts = {
  symbol,
  side,
  orderType: fc.constantFrom('MARKET' as const, 'LIMIT' as const),
  timeInForce,
};
const noFacts = {
  symbol: fc.constant(null),
  side: fc.constant(null),
  orderType: fc.constant(null),
  timeInForce: fc.constant(null),
};
const orderUpdate = {
  ...output,
  type: fc.constant('OrderUpdate' as const),
  orderId,
  status: fc.constantFrom('NEW', 'PARTIALLY_FILLED', 'FILLED', 'CANCELED', 'EXPIRED', 'REJECTED', 'DENIED'),
  quantity: nullable(anyQuantity),
  limitPrice: nullable(anyPrice),
  clientOrderId: nullable(text(128)),
  filledQuantity: anyQuantity,
  averageFillPrice: nullable(anyPrice),
  reason: nullable(text(500)),
};
const noStep = fc.constantFrom(
  'cancel_rejected' as const,
  'duplicate_conflict' as const,
  'venue_event_ignored' as const,
);
export const anyOrderUpdate: fc.Arbitrary<OrderUpdate> = fc.oneof(
  record<OrderUpdate>({ ...orderUpdate, ...facts, update: fc.constantFrom(...ORDER_STEPS) }),
  record<OrderUpdate>({ ...orderUpdate, ...facts, update: noStep }),
  record<OrderUpdate>({ ...orderUpdate, ...noFacts, update: noStep }),
);
export const anyLedgerEntry: fc.Arbitrary<LedgerEntry> = record({
  ...output,
  type: fc.constant('LedgerEntry' as const),
  kind: fc.constantFrom(
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
  ),
  reference: id,
  postings: fc.array(
    record({
      account: fc.oneof(
        accountId,
        fc.constantFrom('outside' as const, 'venue' as const, 'fees' as const, 'clearing' as const),
      ),
      asset: symbol,
      amount: money,
    }),
    { maxLength: 4 },
  ),
  symbol: nullable(symbol),
  price: nullable(anyPrice),
  cashAfter: money,
  note: nullable(text(500)),
});
export const anyVenueCommand: fc.Arbitrary<VenueCommand> = record({
  ...output,
  type: fc.constant('VenueCommand' as const),
  command: fc.constantFrom('place' as const, 'cancel' as const),
  orderId,
  symbol,
  side,
  quantity: anyQuantity,
  limitPrice: nullable(anyPrice),
});

export const anyAccountStateEntity: fc.Arbitrary<AccountStateEntity> = fc.oneof(
  record({
    kind: fc.constant('account' as const),
    accountId,
    name: text(200),
    cash: nonNegativeMoney,
    cashReserved: nonNegativeMoney,
    sequence: count,
    killSwitchEngaged: fc.boolean(),
    breaker: fc.oneof(
      record({ state: fc.constantFrom('OPEN' as const, 'TRIPPED' as const) }),
      record({ state: fc.constant('QUIET_PERIOD' as const), untilMs: timeMs.filter((ms) => ms > 0) }),
    ),
    dayResult: money,
    resultDay: count,
    accountHash: digest,
    updatedAtMs: timeMs,
  }),
  record({
    kind: fc.constant('position' as const),
    accountId,
    symbol,
    quantity: anyQuantity,
    reserved: anyQuantity,
    costBasis: nonNegativeMoney,
    realisedProfit: money,
    liquidityUsed: record({ sequence: count, bought: anyQuantity, sold: anyQuantity }),
  }),
  record({
    kind: fc.constant('order' as const),
    accountId,
    orderId,
    acceptanceNumber: sequence,
    symbol,
    quantity: positiveQuantity,
    intent: fc.oneof(
      record({
        side: fc.constant('BUY' as const),
        type: fc.constant('MARKET' as const),
        collar: anyPrice,
        reservedCash: nonNegativeMoney,
      }),
      record({
        side: fc.constant('BUY' as const),
        type: fc.constant('LIMIT' as const),
        limitPrice: anyPrice,
        reservedCash: nonNegativeMoney,
      }),
      record({ side: fc.constant('SELL' as const), type: fc.constant('MARKET' as const) }),
      record({
        side: fc.constant('SELL' as const),
        type: fc.constant('LIMIT' as const),
        limitPrice: anyPrice,
      }),
    ),
    lifetime: fc.oneof(
      record({ timeInForce: fc.constant('GTC' as const) }),
      record({ timeInForce: fc.constant('DAY' as const), expiresAtMs: timeMs }),
    ),
    progress: fc.oneof(
      record({ kind: fc.constant('unfilled' as const) }),
      record({
        kind: fc.constant('partially_filled' as const),
        filledQuantity: positiveQuantity,
        filledNotional: nonNegativeMoney,
        feesCharged: nonNegativeMoney,
        fills: sequence,
      }),
    ),
    fees,
    clientOrderId: nullable(text(128)),
    bodyDigest: digest,
    acceptedAtMs: timeMs,
  }),
  record({
    kind: fc.constant('closed_order' as const),
    closingNumber: count,
    accountId,
    orderId,
    bodyDigest: digest,
    status: fc.constantFrom(
      'FILLED' as const,
      'CANCELED' as const,
      'EXPIRED' as const,
      'REJECTED' as const,
      'DENIED' as const,
    ),
    filledQuantity: anyQuantity,
  }),
  record({
    kind: fc.constant('account_command' as const),
    commandNumber: count,
    commandId,
    fingerprint: digest,
  }),
  record({ kind: fc.constant('price' as const), price: batchPrice }),
  record({
    kind: fc.constant('ledger' as const),
    asset: symbol,
    outside: wide,
    venue: wide,
    fees: wide,
    clearing: wide,
    accounts: wide,
  }),
  record({
    kind: fc.constant('controls' as const),
    fees,
    limits,
    rulesVersion: count,
    killSwitchEngaged: fc.boolean(),
  }),
  record({ kind: fc.constant('venue_source' as const), source: text(100), lastSequence: count }),
  record({
    kind: fc.constant('counters' as const),
    clockMs: timeMs,
    ordersAccepted: count,
    ordersClosed: count,
    accountCommands: count,
  }),
  record({
    kind: fc.constant('head' as const),
    partition: count,
    nextInputOffset: count,
    lastCommandId: nullable(commandId),
    inputsApplied: count,
    stateHash: digest,
  }),
);
