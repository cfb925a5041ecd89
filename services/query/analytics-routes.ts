/**
 * Volume, VWAP and bars over the trades executed here. Windows end at market time: the latest feed event, itself
 * included. Without one, as while a cache is filled again, there is no window to answer for.
 */
import { formatDecimal } from '#domain/data/decimal.ts';
import { formatTimestamp, MAX_TIMESTAMP_MS } from '#domain/data/timestamp.ts';
import type { Cache } from '#infrastructure/cache/cache.ts';
import { fieldsOf, RequestReader } from '#infrastructure/common/request-reader.ts';
import type { HttpRequest, HttpResult, Route, RouteTable } from '#infrastructure/core/http.ts';
import { problemResult } from '#infrastructure/core/problem.ts';
import type { TimeRange, TradeAnalytics } from '#infrastructure/trade-analytics/trade-analytics.ts';
import type { Guard } from './guard.ts';
import {
  BarsQuery,
  BarsResponse,
  SymbolParams,
  VolumeQuery,
  VolumeResponse,
  VwapQuery,
  VwapResponse,
} from './schemas.ts';

export interface AnalyticsRouteParts {
  readonly analytics: TradeAnalytics;
  readonly cache: Cache;
  readonly maxBars: number;
}

type Request = HttpRequest<never, never, never>;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const WINDOWS = { '1h': HOUR_MS, '24h': DAY_MS, '7d': 7 * DAY_MS } as const;
const WINDOW_WORDS = ['1h', '24h', '7d'] as const;
const TIMEFRAMES = {
  '1m': MINUTE_MS,
  '5m': 5 * MINUTE_MS,
  '15m': 15 * MINUTE_MS,
  '1h': HOUR_MS,
  '1d': DAY_MS,
} as const;
const TIMEFRAME_WORDS = ['1m', '5m', '15m', '1h', '1d'] as const;

const shared = {
  method: 'GET',
  access: 'api-key',
  tag: 'analytics',
  problems: [400, 401, 429, 503],
} as const;

export const ANALYTICS_ROUTES = {
  volume: {
    ...shared,
    path: '/v1/analytics/volume',
    summary: 'Shares traded here per symbol, in a window that ends at market time',
    schema: { querystring: VolumeQuery, response: { 200: VolumeResponse } },
  },
  vwap: {
    ...shared,
    path: '/v1/symbols/:symbol/vwap',
    summary:
      'Volume-weighted average price of the trades executed here, in a window that ends at market time',
    schema: { params: SymbolParams, querystring: VwapQuery, response: { 200: VwapResponse } },
  },
  bars: {
    ...shared,
    path: '/v1/symbols/:symbol/bars',
    summary: 'Bars of the trades executed here (not of the feed), oldest first; empty intervals are left out',
    schema: { params: SymbolParams, querystring: BarsQuery, response: { 200: BarsResponse } },
  },
} as const satisfies RouteTable;

export function analyticsRoutes(parts: AnalyticsRouteParts, guard: Guard): readonly Route[] {
  return [
    {
      ...ANALYTICS_ROUTES.volume,
      handle: (request) => guard('trade analytics', () => volume(parts, request)),
    },
    {
      ...ANALYTICS_ROUTES.vwap,
      handle: (request) => guard('trade analytics', () => vwap(parts, request)),
    },
    {
      ...ANALYTICS_ROUTES.bars,
      handle: (request) => guard('trade analytics', () => bars(parts, request)),
    },
  ];
}

async function volume({ analytics, cache }: AnalyticsRouteParts, request: Request): Promise<HttpResult> {
  const reader = new RequestReader();
  const query = fieldsOf(request.query) ?? {};
  const symbol = reader.optionalSymbol(query, 'symbol');
  const timeWindow = reader.optionalWord(query, 'timeWindow', WINDOW_WORDS) ?? '24h';
  if (reader.failed) return reader.problem();
  const range = await windowRange(cache, WINDOWS[timeWindow]);
  if (range === null) return noMarketTime();
  const rows = await (symbol === null ? analytics.volume(range) : analytics.volume(range, symbol));
  return {
    kind: 'json',
    status: 200,
    body: {
      data: rows.map((row) => ({
        symbol: row.symbol,
        volume: formatDecimal(row.volume),
        trades: row.trades,
        timeWindow,
      })),
    },
  };
}

async function vwap({ analytics, cache }: AnalyticsRouteParts, request: Request): Promise<HttpResult> {
  const reader = new RequestReader();
  const symbol = reader.symbol(fieldsOf(request.params) ?? {}, 'symbol');
  const word = reader.optionalWord(fieldsOf(request.query) ?? {}, 'timeWindow', WINDOW_WORDS) ?? '24h';
  if (reader.failed || symbol === null) return reader.problem();
  const range = await windowRange(cache, WINDOWS[word]);
  if (range === null) return noMarketTime();
  const average = await analytics.vwap(range, symbol);
  const text = average === null ? null : formatDecimal(average);
  return { kind: 'json', status: 200, body: { symbol, vwap: text, timeWindow: word } };
}

async function bars(
  { analytics, cache, maxBars }: AnalyticsRouteParts,
  request: Request,
): Promise<HttpResult> {
  const reader = new RequestReader();
  const query = fieldsOf(request.query) ?? {};
  const symbol = reader.symbol(fieldsOf(request.params) ?? {}, 'symbol');
  const timeframe = reader.optionalWord(query, 'timeframe', TIMEFRAME_WORDS) ?? '1m';
  const limit = reader.optionalWhole(query, 'limit', 1, maxBars) ?? maxBars;
  const start = reader.optionalTimeMs(query, 'start');
  const end = reader.optionalTimeMs(query, 'end');
  if (start !== null && end !== null && end < start)
    reader.refuse('end', 'order', 'must not be before start');
  if (reader.failed || symbol === null) return reader.problem();
  const intervalMs = TIMEFRAMES[timeframe];
  const endMs = end ?? (await endOfMarketTime(cache));
  if (endMs === null) return noMarketTime();
  // Without a start: what the limit can hold before the end, from a whole interval on.
  const startMs = start ?? Math.max(0, Math.ceil(endMs / intervalMs) - limit) * intervalMs;
  const found = await analytics.bars({ startMs, endMs: Math.max(startMs, endMs) }, symbol, intervalMs, limit);
  return {
    kind: 'json',
    status: 200,
    body: {
      symbol,
      timeframe,
      bars: found.map((bar) => ({
        t: formatTimestamp(bar.startMs),
        open: formatDecimal(bar.open),
        high: formatDecimal(bar.high),
        low: formatDecimal(bar.low),
        close: formatDecimal(bar.close),
        volume: formatDecimal(bar.volume),
        trades: bar.trades,
      })),
    },
  };
}

/** Exclusive, so that a trade at market time itself is inside. */
async function endOfMarketTime(cache: Cache): Promise<number | null> {
  const latestMs = await cache.prices.latestFeedTimestampMs();
  return latestMs === null ? null : Math.min(MAX_TIMESTAMP_MS, latestMs + 1);
}

async function windowRange(cache: Cache, windowMs: number): Promise<TimeRange | null> {
  const endMs = await endOfMarketTime(cache);
  return endMs === null ? null : { startMs: endMs - windowMs, endMs };
}

function noMarketTime(): HttpResult {
  const detail =
    'There is no market time: no price has come from the feed yet, or the prices are being filled in again.';
  return problemResult('NOT_READY', detail, { retryAfterSeconds: 1 });
}
