/** `GET /v1/symbols` and `GET /v1/symbols/:symbol/quote`, read from the price cache. */
import { type Static, Type } from 'typebox';
import { formatDecimal } from '#domain/data/decimal.ts';
import { parseSymbol, SYMBOL_PATTERN } from '#domain/data/identifiers.ts';
import { formatTimestamp } from '#domain/data/timestamp.ts';
import type { Cache, CachedPrice } from '#infrastructure/cache/cache.ts';
import type { HttpRequest, HttpResult, Route, RouteTable } from '#infrastructure/core/http.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { problemResult } from '#infrastructure/core/problem.ts';

const DecimalText = Type.String({ pattern: '^-?[0-9]+(\\.[0-9]{1,9})?$' });
const SymbolText = Type.String({ pattern: SYMBOL_PATTERN });

const Quote = Type.Object({
  symbol: SymbolText,
  price: DecimalText,
  bid: Type.Optional(DecimalText),
  bidSize: Type.Optional(DecimalText),
  ask: Type.Optional(DecimalText),
  askSize: Type.Optional(DecimalText),
  size: Type.Optional(DecimalText),
  volume: Type.Optional(DecimalText),
  sequence: Type.Integer(),
  eventId: Type.String(),
  feedTimestamp: Type.String(),
  ageMs: Type.Integer({ description: 'Against market time: the latest event of all symbols.' }),
});

const MAX_PAGE = 5_000;

const SymbolsQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: 1_000 })),
    pageToken: Type.Optional(Type.String({ pattern: SYMBOL_PATTERN, description: 'From the page before.' })),
  },
  { additionalProperties: false },
);

const SymbolsPage = Type.Object({
  symbols: Type.Array(
    Type.Object({
      symbol: SymbolText,
      price: DecimalText,
      sequence: Type.Integer(),
      feedTimestamp: Type.String(),
    }),
  ),
  nextPageToken: Type.Union([Type.String(), Type.Null()]),
});

const QuoteParams = Type.Object({ symbol: SymbolText }, { additionalProperties: false });

export const SYMBOL_ROUTES = {
  list: {
    method: 'GET',
    path: '/v1/symbols',
    access: 'api-key',
    summary: 'The symbols that have a price, with the last one, in alphabetical order.',
    tag: 'Market data',
    schema: { querystring: SymbolsQuery, response: { 200: SymbolsPage } },
    problems: [400, 401, 429, 503],
  },
  quote: {
    method: 'GET',
    path: '/v1/symbols/:symbol/quote',
    access: 'api-key',
    summary: 'The latest quote and trade of a symbol.',
    tag: 'Market data',
    schema: { params: QuoteParams, response: { 200: Quote } },
    problems: [400, 401, 404, 429, 503],
  },
} as const satisfies RouteTable;

export function symbolRoutes(cache: Cache, logger: Logger): readonly Route[] {
  /** A cache that cannot be read is no reason to guess: 503, with a hint when to come back. */
  async function whileReadable(read: () => Promise<HttpResult>): Promise<HttpResult> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      logger.warn({ code: error.code, error: error.message }, 'the price cache cannot be read');
      return problemResult('DEPENDENCY_UNAVAILABLE', 'The price cache cannot be read just now.', {
        retryAfterSeconds: 1,
      });
    }
  }

  async function list(request: HttpRequest<unknown, Static<typeof SymbolsQuery>>): Promise<HttpResult> {
    const { limit = 1_000, pageToken } = request.query;
    const prices = (await cache.prices.all()).filter(
      ({ symbol }) => pageToken === undefined || symbol > pageToken,
    );
    prices.sort((left, right) => (left.symbol < right.symbol ? -1 : 1));
    const page = prices.slice(0, limit);
    const nextPageToken = prices.length > page.length ? (page.at(-1)?.symbol ?? null) : null;
    const symbols = page.map(({ symbol, price, sequence, feedTimestampMs }) => ({
      symbol,
      price: formatDecimal(price),
      sequence,
      feedTimestamp: formatTimestamp(feedTimestampMs),
    }));
    return { kind: 'json', status: 200, body: { symbols, nextPageToken } };
  }

  async function quote(request: HttpRequest<Static<typeof QuoteParams>>): Promise<HttpResult> {
    const symbol = parseSymbol(request.params.symbol);
    if (symbol === null) {
      const message = 'must be a capital letter and at most 15 of A-Z 0-9 . -';
      return problemResult('INVALID_REQUEST', `The symbol ${message}.`, {
        errors: [{ field: 'symbol', rule: 'pattern', message }],
      });
    }
    const price = await cache.prices.get(symbol);
    const marketTimeMs = await cache.prices.latestFeedTimestampMs();
    if (marketTimeMs === null) {
      const detail = 'No price has come from the feed yet, or the prices are being filled in again.';
      return problemResult('NOT_READY', detail, { retryAfterSeconds: 1 });
    }
    if (price === null) return problemResult('SYMBOL_NOT_FOUND', `There is no price of ${symbol}.`);
    const ageMs = Math.max(0, marketTimeMs - price.feedTimestampMs);
    return { kind: 'json', status: 200, body: quoteBody(price, ageMs) };
  }

  return [
    {
      ...SYMBOL_ROUTES.list,
      handle: (request: HttpRequest<unknown, Static<typeof SymbolsQuery>>) =>
        whileReadable(() => list(request)),
    },
    {
      ...SYMBOL_ROUTES.quote,
      handle: (request: HttpRequest<Static<typeof QuoteParams>>) => whileReadable(() => quote(request)),
    },
  ];
}

function quoteBody(price: CachedPrice, ageMs: number): Static<typeof Quote> {
  const { bid, bidSize, ask, askSize, size, volume } = price;
  return {
    symbol: price.symbol,
    price: formatDecimal(price.price),
    ...(bid === null ? {} : { bid: formatDecimal(bid) }),
    ...(bidSize === null ? {} : { bidSize: formatDecimal(bidSize) }),
    ...(ask === null ? {} : { ask: formatDecimal(ask) }),
    ...(askSize === null ? {} : { askSize: formatDecimal(askSize) }),
    ...(size === null ? {} : { size: formatDecimal(size) }),
    ...(volume === null ? {} : { volume: formatDecimal(volume) }),
    sequence: price.sequence,
    eventId: price.eventId,
    feedTimestamp: formatTimestamp(price.feedTimestampMs),
    ageMs,
  };
}
