/** The schemas of the query service's routes. */
import { Type } from 'typebox';
import { SYMBOL_PATTERN, UUID_PATTERN } from '#domain/data/identifiers.ts';

const NullableText = Type.Union([Type.String(), Type.Null()]);
const Ticker = Type.String({ pattern: SYMBOL_PATTERN, maxLength: 16 });
const Time = (description: string) => Type.String({ maxLength: 30, description });
const Window = Type.String({ maxLength: 3, description: '1h, 24h (default) or 7d; it ends at market time.' });

export const MAX_TRADES_PER_PAGE = 500;
export const DEFAULT_TRADES_PER_PAGE = 50;

export const TradesQuery = Type.Object({
  userId: Type.Optional(
    Type.String({ pattern: UUID_PATTERN, description: "The key's own account; it may be left out." }),
  ),
  symbol: Type.Optional(Ticker),
  status: Type.Optional(
    Type.String({
      maxLength: 30,
      description:
        'EXECUTED, FAILED_INSUFFICIENT_FUNDS, FAILED_INSUFFICIENT_SHARES or FAILED_OTHER, in any case.',
    }),
  ),
  startDate: Type.Optional(Time('A day or a UTC time; inclusive.')),
  endDate: Type.Optional(Time('A UTC time, exclusive; or a day, inclusive.')),
  q: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Words that must all occur.' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_TRADES_PER_PAGE })),
  pageToken: Type.Optional(Type.String({ minLength: 1, maxLength: 1_000 })),
});

export const TradesResponse = Type.Object({
  trades: Type.Array(
    Type.Object({
      eventId: Type.String(),
      orderId: Type.String(),
      userId: Type.String(),
      symbol: Type.String(),
      quantity: Type.String(),
      side: Type.String(),
      status: Type.String(),
      executionPrice: NullableText,
      executionId: NullableText,
      executionTimestamp: Type.String(),
      failureReason: NullableText,
    }),
  ),
  pagination: Type.Object({ nextPageToken: NullableText, totalCount: Type.Integer() }),
});

export const VolumeQuery = Type.Object({ symbol: Type.Optional(Ticker), timeWindow: Type.Optional(Window) });
export const VolumeResponse = Type.Object({
  data: Type.Array(
    Type.Object({
      symbol: Type.String(),
      volume: Type.String(),
      trades: Type.Integer(),
      timeWindow: Type.String(),
    }),
  ),
});

export const SymbolParams = Type.Object({ symbol: Ticker });
export const VwapQuery = Type.Object({ timeWindow: Type.Optional(Window) });
export const VwapResponse = Type.Object({
  symbol: Type.String(),
  vwap: NullableText,
  timeWindow: Type.String(),
});

export const BarsQuery = Type.Object({
  timeframe: Type.Optional(Type.String({ maxLength: 3, description: '1m (default), 5m, 15m, 1h or 1d.' })),
  start: Type.Optional(
    Time('A day or a UTC time; inclusive. Default: as far before the end as the limit reaches.'),
  ),
  end: Type.Optional(Time('A day or a UTC time; exclusive. Default: market time.')),
  limit: Type.Optional(Type.Integer({ minimum: 1 })),
});
export const BarsResponse = Type.Object({
  symbol: Type.String(),
  timeframe: Type.String(),
  bars: Type.Array(
    Type.Object({
      t: Type.String({ description: "The bar's left edge." }),
      open: Type.String(),
      high: Type.String(),
      low: Type.String(),
      close: Type.String(),
      volume: Type.String(),
      trades: Type.Integer(),
    }),
  ),
});
