/** The schemas of the portfolio service's routes. */
import { Type } from 'typebox';
import { UUID_PATTERN } from '#domain/data/identifiers.ts';

export const DecimalText = Type.String({
  pattern: '^-?(0|[1-9][0-9]*)(\\.[0-9]{1,9})?$',
  description: 'An exact decimal with at most nine places.',
});
const NullableDecimal = Type.Union([DecimalText, Type.Null()]);
const NullableText = Type.Union([Type.String(), Type.Null()]);

export const AccountParams = Type.Object({ userId: Type.String({ pattern: UUID_PATTERN }) });
export const OperatorAccountParams = Type.Object({ accountId: Type.String({ pattern: UUID_PATTERN }) });

export const PortfolioQuery = Type.Object({
  minVersion: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 999_999_999_999_999,
      description: 'Waits a moment for this version; 503 when it does not come.',
    }),
  ),
});

export const PortfolioResponse = Type.Object({
  userId: Type.String(),
  name: Type.String(),
  cashBalance: DecimalText,
  cashReserved: DecimalText,
  holdings: Type.Record(Type.String(), DecimalText),
  positions: Type.Array(
    Type.Object({
      symbol: Type.String(),
      quantity: DecimalText,
      reservedQuantity: DecimalText,
      averageCost: NullableDecimal,
      costBasis: DecimalText,
      marketPrice: NullableDecimal,
      marketPriceTimestamp: NullableText,
      marketValue: NullableDecimal,
      unrealisedProfit: NullableDecimal,
      realisedProfit: DecimalText,
    }),
  ),
  equity: NullableDecimal,
  unpricedSymbols: Type.Array(Type.String()),
  version: Type.Integer(),
  lastUpdatedTimestamp: Type.String(),
});

export const MAX_STATEMENT_LINES = 1_000;
export const DEFAULT_STATEMENT_LINES = 100;

export const StatementQuery = Type.Object({
  from: Type.Optional(Type.String({ description: 'A day or a UTC time; inclusive.' })),
  to: Type.Optional(Type.String({ description: 'A day or a UTC time; exclusive.' })),
  format: Type.Optional(Type.String({ description: 'json (default) or csv, in any case.' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_STATEMENT_LINES })),
  pageToken: Type.Optional(Type.String({ maxLength: 32 })),
});

export const StatementResponse = Type.Object({
  lines: Type.Array(
    Type.Object({
      entryId: Type.String(),
      sequence: Type.Integer(),
      timestamp: Type.String(),
      kind: Type.String(),
      reference: Type.String(),
      symbol: NullableText,
      cashChange: DecimalText,
      quantityChange: NullableDecimal,
      price: NullableDecimal,
      cashAfter: DecimalText,
      note: NullableText,
    }),
  ),
  pagination: Type.Object({ nextPageToken: NullableText }),
});
