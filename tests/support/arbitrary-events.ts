/** Arbitrary values of every type that has a wire form, for property tests. Everything that a type allows, no more. */
import fc from 'fast-check';
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
  BatchPrice,
  ControlChange,
  FeeSchedule,
  OrderTerms,
  TradingInput,
  TradingLimits,
  VenueDecision,
} from '#domain/data/trading-inputs.ts';

/** Plain objects: the codecs give plain objects, and the comparison is strict. */
export function record<T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> {
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
export const positiveQuantity = scaled(1n).map((value) => value as Quantity);
const positiveMoney = scaled(1n).map((value) => value as Money);
export const nonNegativeMoney = scaled(0n).map((value) => value as Money);
export const money = scaled(MIN_SCALED).map((value) => value as Money);
const rate = scaled(0n).map((value) => value as Rate);

export const text = (maxLength: number) =>
  fc.oneof(
    fc.string({ minLength: 1, maxLength: Math.min(maxLength, 20) }),
    fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 10 })
      .map((value) => value.slice(0, maxLength).toWellFormed()),
  );
export const nullable = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
export const symbol = fc.stringMatching(/^[A-Z][A-Z0-9.-]{0,15}$/).map((value) => value as Ticker);
const uuid = fc.uuid();
export const accountId = uuid.map((value) => value as AccountId);
export const orderId = uuid.map((value) => value as OrderId);
/** Of printable ASCII. */
export const id = fc.string({ minLength: 1, maxLength: 20 });
export const commandId = id.map((value) => value as CommandId);
export const eventId = id.map((value) => value as EventId);
export const executionId = id.map((value) => value as ExecutionId);
export const timeMs = fc.oneof(
  fc.integer({ min: MIN_TIMESTAMP_MS, max: MAX_TIMESTAMP_MS }),
  fc.integer({ min: 1_549_895_400_000, max: 1_549_895_500_000 }),
);
export const sequence = fc.oneof(
  fc.integer({ min: 1, max: 1_000 }),
  fc
    .maxSafeInteger()
    .map((n) => Math.abs(n) + 1)
    .filter(Number.isSafeInteger),
);
export const count = fc.nat();
export const side = fc.constantFrom('BUY' as const, 'SELL' as const);
export const timeInForce = fc.constantFrom('DAY' as const, 'GTC' as const);
export const digest = fc.stringMatching(/^[0-9a-f]{64}$/);

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

export const batchPrice: fc.Arbitrary<BatchPrice> = record({
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

export const fees: fc.Arbitrary<FeeSchedule> = record({
  perShare: nonNegativeMoney,
  rate,
  minimumPerOrder: nonNegativeMoney,
});
export const limits: fc.Arbitrary<TradingLimits> = record({
  maxPriceAgeMs: count,
  maxOpenOrdersPerAccount: count,
  maxOrderNotional: nonNegativeMoney,
  maxOrderQuantity: anyQuantity,
  marketBuyCollar: rate,
  maxDailyLoss: nonNegativeMoney,
  breakerQuietPeriodMs: sequence,
});
const change: fc.Arbitrary<ControlChange> = fc.oneof(
  record({
    kind: fc.constant('SetBreaker' as const),
    accountId,
    action: fc.constantFrom('TRIP' as const, 'RESET' as const),
    reason: text(200),
  }),
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
