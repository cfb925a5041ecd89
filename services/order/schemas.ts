/** The schemas of the order service's routes: what validates is what the OpenAPI document shows. */
import { Type } from 'typebox';
import { SYMBOL_PATTERN, UUID_PATTERN } from '#domain/data/identifiers.ts';
import { MAX_BREAKER_REASON_LENGTH } from '#domain/data/trading-input-codec.ts';

const DECIMAL_PATTERN = '^(0|[1-9][0-9]{0,9})(\\.[0-9]{1,9})?$';
const Decimal = (description: string) =>
  Type.String({ pattern: DECIMAL_PATTERN, maxLength: 20, description });
const Word = (description: string) => Type.String({ maxLength: 20, description });
const NullableText = Type.Union([Type.String(), Type.Null()]);

export const OrderBody = Type.Object({
  symbol: Type.String({ pattern: SYMBOL_PATTERN, maxLength: 16 }),
  side: Word('BUY or SELL, in any case.'),
  quantity: Type.Optional(Decimal('Shares, whole or fractional; or give notional.')),
  notional: Type.Optional(Decimal('USD to buy or sell for, of a market order; or give quantity.')),
  type: Type.Optional(
    Word('MARKET (default) or LIMIT, in any case. STOP, STOP_LIMIT and TRAILING_STOP are not offered yet.'),
  ),
  timeInForce: Type.Optional(
    Word('DAY (default) or GTC, in any case. IOC, FOK, OPG, CLS and GTD are not offered yet.'),
  ),
  orderClass: Type.Optional(Word('SIMPLE (default). BRACKET, OCO and OTO are not offered yet.')),
  limitPrice: Type.Optional(Decimal('Of a LIMIT order, in USD per share.')),
  clientOrderId: Type.Optional(
    Type.String({ minLength: 1, maxLength: 128, description: "The client's own name for the order." }),
  ),
  extendedHours: Type.Optional(Type.Boolean({ description: 'Not offered yet.' })),
  stopPrice: Type.Optional(Type.Unknown({ description: 'Not offered yet.' })),
  trailPrice: Type.Optional(Type.Unknown({ description: 'Not offered yet.' })),
  trailPercent: Type.Optional(Type.Unknown({ description: 'Not offered yet.' })),
  takeProfit: Type.Optional(Type.Unknown({ description: 'Not offered yet.' })),
  stopLoss: Type.Optional(Type.Unknown({ description: 'Not offered yet.' })),
  expiresAt: Type.Optional(Type.Unknown({ description: 'Not offered yet.' })),
});

export const IdempotencyHeaders = Type.Object({
  'x-idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 128,
      pattern: '^[\\x20-\\x7e]+$',
      description:
        'The same key with the same body is the same order or command, and gets the first answer again.',
    }),
  ),
});

export const AcceptedResponse = Type.Object({ orderId: Type.String(), status: Type.Literal('ACCEPTED') });

export const OrderParams = Type.Object({ orderId: Type.String({ pattern: UUID_PATTERN }) });

export const OrderResponse = Type.Object({
  orderId: Type.String(),
  userId: Type.String(),
  symbol: Type.String(),
  side: Type.String(),
  type: Type.String(),
  timeInForce: Type.String(),
  quantity: NullableText,
  notional: NullableText,
  limitPrice: NullableText,
  clientOrderId: NullableText,
  status: Type.String(),
  filledQuantity: Type.String(),
  averageFillPrice: NullableText,
  reason: NullableText,
  createdAt: Type.String(),
  updatedAt: Type.String(),
  version: Type.Integer({
    description: 'The portfolio version after the last update; 0 while only accepted.',
  }),
});

export const MAX_ORDERS_PER_PAGE = 500;
export const DEFAULT_ORDERS_PER_PAGE = 50;

export const OrdersQuery = Type.Object({
  status: Type.Optional(Word('OPEN, CLOSED, or one status, in any case.')),
  symbol: Type.Optional(Type.String({ pattern: SYMBOL_PATTERN, maxLength: 16 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_ORDERS_PER_PAGE })),
  pageToken: Type.Optional(Type.String({ maxLength: 64 })),
});

export const OrdersResponse = Type.Object({
  orders: Type.Array(OrderResponse),
  pagination: Type.Object({ nextPageToken: NullableText }),
});

export const CancelResponse = Type.Object({ orderId: Type.String(), status: Type.String() });

export const OpenAccountBody = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 200 }),
  cash: Type.Optional(Decimal('USD to begin with.')),
});
export const OpenedResponse = Type.Object({
  accountId: Type.String(),
  userId: Type.String(),
  name: Type.String(),
  cash: Type.String(),
});
export const AccountParams = Type.Object({ accountId: Type.String({ pattern: UUID_PATTERN }) });
export const KillSwitchBody = Type.Object({
  engaged: Type.Boolean(),
  accountId: Type.Optional(
    Type.String({ pattern: UUID_PATTERN, description: 'Of this account alone; without it, of all.' }),
  ),
});
export const KillSwitchResponse = Type.Object({
  engaged: Type.Boolean(),
  accountId: NullableText,
});
const Unlisted = Type.Integer({
  description: 'Accounts of the partition that a kill switch of their own or a breaker halts besides.',
});
export const KillSwitchView = Type.Object({
  partitions: Type.Array(
    Type.Object({
      partition: Type.Integer(),
      all: Type.String({ description: 'Of all accounts of the partition: ENGAGED, RELEASED or UNKNOWN.' }),
      accounts: Type.Array(Type.String(), {
        description: 'Those whose own kill switch is engaged, the first 1,000.',
      }),
      unlisted: Unlisted,
    }),
  ),
});
export const BreakerBody = Type.Object({
  accountId: Type.String({ pattern: UUID_PATTERN }),
  action: Type.Union([Type.Literal('TRIP'), Type.Literal('RESET')]),
  reason: Type.String({
    minLength: 1,
    maxLength: MAX_BREAKER_REASON_LENGTH,
    description: 'For the statement.',
  }),
});
const breakerView = {
  accountId: Type.String(),
  state: Type.Union([
    Type.Literal('OPEN'),
    Type.Literal('TRIPPED'),
    Type.Literal('QUIET_PERIOD'),
    Type.Literal('UNKNOWN', { description: 'Done, but the account is among the unlisted.' }),
  ]),
  quietUntil: Type.Union([Type.String(), Type.Null()], { description: 'Market time; of a QUIET_PERIOD.' }),
};
export const BreakerResponse = Type.Object(breakerView);
export const BreakersView = Type.Object({
  partitions: Type.Array(
    Type.Object({
      partition: Type.Integer(),
      known: Type.Boolean({ description: 'False where execution has said nothing for a while.' }),
      accounts: Type.Array(Type.Object(breakerView), {
        description: 'Those whose breaker is not open, among the first 1,000 that are halted.',
      }),
      unlisted: Unlisted,
    }),
  ),
});
export const AccountsQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
  pageToken: Type.Optional(Type.String({ pattern: UUID_PATTERN })),
});
export const AccountsResponse = Type.Object({
  accounts: Type.Array(
    Type.Object({ accountId: Type.String(), name: Type.String(), createdAt: Type.String() }),
  ),
  pagination: Type.Object({ nextPageToken: NullableText }),
});
export const TransferBody = Type.Object({ amount: Decimal('USD, above zero.') });
export const TransferResponse = Type.Object({
  accountId: Type.String(),
  reference: Type.String(),
  kind: Type.String(),
  amount: Type.String(),
  cash: Type.String({ description: 'The cash after it.' }),
});
