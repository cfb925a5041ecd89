/** Arbitrary values of every type that has a wire form, for property tests. Everything that a type allows, no more. */
import fc from 'fast-check';
import type { AccountStateEntity } from '#domain/data/account-state.ts';
import type { Money, Price, Quantity, Rate } from '#domain/data/decimal.ts';
import { MAX_SCALED, MIN_SCALED } from '#domain/data/decimal.ts';
import type { FeedPosition } from '#domain/data/feed-position-codec.ts';
import type {
  AccountId,
  CommandId,
  EventId,
  ExecutionId,
  OrderId,
  Symbol as Ticker,
} from '#domain/data/identifiers.ts';
import type { MarketEvent } from '#domain/data/market-event.ts';
import { MAX_TIMESTAMP_MS, MIN_TIMESTAMP_MS } from '#domain/data/timestamp.ts';
import type {
  LedgerEntry,
  OrderUpdate,
  TradeExecuted,
  TradeOutcome,
  VenueCommand,
} from '#domain/data/trading-events.ts';
import type {
  BatchPrice,
  ControlChange,
  FeeSchedule,
  OrderTerms,
  TradingInput,
  TradingLimits,
  VenueDecision,
} from '#domain/data/trading-inputs.ts';

/** Plain objects: the codecs give plain objects, and the comparison is strict. */
function record<T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const scaled = (min: bigint) =>
  fc.oneof(
    fc.bigInt({ min, max: MAX_SCALED }),
    // As real ones are: few decimals.
    fc.integer({ min: min > 0n ? 1 : 0, max: 9_999_999 }).map((cents) => BigInt(cents) * 10_000_000n),
  );
export const anyPrice = scaled(1n).map((value) => value as Price);
export const anyQuantity = scaled(0n).map((value) => value as Quantity);
const positiveQuantity = scaled(1n).map((value) => value as Quantity);
const positiveMoney = scaled(1n).map((value) => value as Money);
const nonNegativeMoney = scaled(0n).map((value) => value as Money);
const money = scaled(MIN_SCALED).map((value) => value as Money);
const rate = scaled(0n).map((value) => value as Rate);
const wide = fc.bigInt({ min: -(2n ** 90n), max: 2n ** 90n });

const text = (maxLength: number) =>
  fc.oneof(
    fc.string({ minLength: 1, maxLength: Math.min(maxLength, 20) }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 10 }).map((value) => value.slice(0, maxLength)),
  );
const nullable = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const symbol = fc.stringMatching(/^[A-Z][A-Z0-9.-]{0,15}$/).map((value) => value as Ticker);
const uuid = fc.uuid();
const accountId = uuid.map((value) => value as AccountId);
const orderId = uuid.map((value) => value as OrderId);
const commandId = text(200).map((value) => value as CommandId);
const eventId = text(200).map((value) => value as EventId);
const executionId = text(200).map((value) => value as ExecutionId);
const timeMs = fc.oneof(
  fc.integer({ min: MIN_TIMESTAMP_MS, max: MAX_TIMESTAMP_MS }),
  fc.integer({ min: 1_549_895_400_000, max: 1_549_895_500_000 }),
);
const sequence = fc.oneof(
  fc.integer({ min: 1, max: 1_000 }),
  fc
    .maxSafeInteger()
    .map((n) => Math.abs(n) + 1)
    .filter(Number.isSafeInteger),
);
const count = fc.nat();
const side = fc.constantFrom('BUY' as const, 'SELL' as const);
const timeInForce = fc.constantFrom('DAY' as const, 'GTC' as const);
const digest = fc.stringMatching(/^[0-9a-f]{64}$/);

const quoteFields = {
  bid: nullable(anyPrice),
  bidSize: nullable(anyQuantity),
  ask: nullable(anyPrice),
  askSize: nullable(anyQuantity),
};

export const anyMarketEvent: fc.Arbitrary<MarketEvent> = record({
  eventId,
  symbol,
  sequence,
  price: anyPrice,
  feedTimestampMs: timeMs,
  ...quoteFields,
  size: nullable(anyQuantity),
  volume: nullable(anyQuantity),
});

const terms: fc.Arbitrary<OrderTerms> = fc.oneof(
  record({ type: fc.constant('MARKET' as const), quantity: positiveQuantity }),
  record({ type: fc.constant('MARKET' as const), notional: positiveMoney }),
  record({ type: fc.constant('LIMIT' as const), quantity: positiveQuantity, limitPrice: anyPrice }),
);

const batchPrice: fc.Arbitrary<BatchPrice> = record({
  symbol,
  sequence,
  eventId,
  feedTimestampMs: timeMs,
  price: anyPrice,
  ...quoteFields,
  tradedSize: nullable(anyQuantity),
  low: anyPrice,
  high: anyPrice,
}).map((item) => (item.low <= item.high ? item : { ...item, low: item.high, high: item.low }));

const fees: fc.Arbitrary<FeeSchedule> = record({
  perShare: nonNegativeMoney,
  rate,
  minimumPerOrder: nonNegativeMoney,
});
const limits: fc.Arbitrary<TradingLimits> = record({
  maxPriceAgeMs: count,
  maxOpenOrdersPerAccount: count,
  maxOrderNotional: nonNegativeMoney,
  maxOrderQuantity: anyQuantity,
  marketBuyCollar: rate,
});
const change: fc.Arbitrary<ControlChange> = fc.oneof(
  record({ kind: fc.constant('SetFees' as const), fees }),
  record({ kind: fc.constant('SetLimits' as const), limits }),
  record({ kind: fc.constant('SetRulesVersion' as const), rulesVersion: count }),
  record({
    kind: fc.constant('SetKillSwitch' as const),
    engaged: fc.boolean(),
    accountId: nullable(accountId),
  }),
);
const decision: fc.Arbitrary<VenueDecision> = fc.oneof(
  record({ kind: fc.constant('Accepted' as const) }),
  record({
    kind: fc.constant('Filled' as const),
    executionId,
    quantity: positiveQuantity,
    price: anyPrice,
  }),
  record({
    kind: fc.constantFrom('Canceled' as const, 'Rejected' as const, 'CancelRejected' as const),
    reason: text(500),
  }),
);

const input = { commandId, timeMs, ingestTimeMs: timeMs };
export const anyTradingInput: fc.Arbitrary<TradingInput> = fc.oneof(
  record({
    ...input,
    type: fc.constant('SubmitOrder' as const),
    orderId,
    accountId,
    symbol,
    side,
    terms,
    timeInForce,
    clientOrderId: nullable(text(128)),
    bodyDigest: digest,
  }),
  record({ ...input, type: fc.constant('CancelOrder' as const), orderId, accountId }),
  record({ ...input, type: fc.constant('OpenAccount' as const), accountId, name: text(200) }),
  record({
    ...input,
    type: fc.constantFrom('Deposit' as const, 'Withdraw' as const),
    accountId,
    amount: positiveMoney,
  }),
  record({
    ...input,
    type: fc.constant('PriceBatch' as const),
    prices: fc.array(batchPrice, { maxLength: 3 }),
  }),
  record({ ...input, type: fc.constant('Control' as const), change }),
  record({
    ...input,
    type: fc.constant('VenueEvent' as const),
    source: text(100),
    sourceSequence: sequence,
    accountId,
    orderId,
    decision,
  }),
);

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
  quantity: anyQuantity,
  outcome,
});
export const anyOrderUpdate: fc.Arbitrary<OrderUpdate> = record({
  ...output,
  type: fc.constant('OrderUpdate' as const),
  update: fc.constantFrom(
    'new',
    'partial_fill',
    'fill',
    'canceled',
    'expired',
    'rejected',
    'denied',
    'cancel_rejected',
    'duplicate_conflict',
  ),
  orderId,
  status: fc.constantFrom('NEW', 'PARTIALLY_FILLED', 'FILLED', 'CANCELED', 'EXPIRED', 'REJECTED', 'DENIED'),
  symbol: nullable(symbol),
  side: nullable(side),
  orderType: nullable(fc.constantFrom('MARKET' as const, 'LIMIT' as const)),
  timeInForce: nullable(timeInForce),
  quantity: nullable(anyQuantity),
  limitPrice: nullable(anyPrice),
  clientOrderId: nullable(text(128)),
  filledQuantity: anyQuantity,
  averageFillPrice: nullable(anyPrice),
  reason: nullable(text(500)),
});
export const anyLedgerEntry: fc.Arbitrary<LedgerEntry> = record({
  ...output,
  type: fc.constant('LedgerEntry' as const),
  kind: fc.constantFrom(
    'OPENED',
    'DEPOSIT',
    'DEPOSIT_DENIED',
    'WITHDRAWAL',
    'WITHDRAWAL_DENIED',
    'FILL',
    'FEE',
  ),
  reference: text(200),
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

export const anyFeedPosition: fc.Arbitrary<FeedPosition> = fc.oneof(
  record({ kind: fc.constant('symbol' as const), lastEvent: anyMarketEvent }),
  record({
    kind: fc.constant('source' as const),
    source: text(1_000),
    position: text(1_000),
    finished: fc.boolean(),
    events: count,
    badRows: count,
    marketDataOffsetHint: count,
  }),
);
