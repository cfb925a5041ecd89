/** Search in the account's own trade history. */
import { formatDecimal } from '#domain/data/decimal.ts';
import { parseAccountId } from '#domain/data/identifiers.ts';
import { formatTimestamp } from '#domain/data/timestamp.ts';
import { fieldsOf, RequestReader } from '#infrastructure/common/request-reader.ts';
import type { HttpRequest, HttpResult, Route, RouteTable } from '#infrastructure/core/http.ts';
import { problemResult } from '#infrastructure/core/problem.ts';
import type { TradeDocument, TradeHistory } from '#infrastructure/trade-history/trade-history.ts';
import type { Guard } from './guard.ts';
import { DEFAULT_TRADES_PER_PAGE, MAX_TRADES_PER_PAGE, TradesQuery, TradesResponse } from './schemas.ts';

const STATUSES = [
  'EXECUTED',
  'FAILED_INSUFFICIENT_FUNDS',
  'FAILED_INSUFFICIENT_SHARES',
  'FAILED_OTHER',
] as const;
const DAY_MS = 86_400_000;
const DAY_LENGTH = 10;
const MAX_TEXT = 200;
const MAX_TOKEN = 1_000;

export const TRADE_ROUTES = {
  search: {
    method: 'GET',
    path: '/v1/trades/search',
    access: 'api-key',
    tag: 'trades',
    summary: "The account's trades and failed orders, newest first, by filter and free text",
    schema: { querystring: TradesQuery, response: { 200: TradesResponse } },
    problems: [400, 401, 403, 429, 503],
  },
} as const satisfies RouteTable;

export function tradeRoutes(history: TradeHistory, guard: Guard): readonly Route[] {
  return [
    {
      ...TRADE_ROUTES.search,
      handle: (request) => guard('trade history', () => search(history, request)),
    },
  ];
}

async function search(history: TradeHistory, request: HttpRequest<never, never, never>): Promise<HttpResult> {
  const { principal } = request;
  const own = principal?.kind === 'api-key' ? parseAccountId(principal.accountId) : null;
  if (own === null) return problemResult('UNAUTHENTICATED', 'Send an API key of a trading account.');
  const reader = new RequestReader();
  const query = fieldsOf(request.query) ?? {};
  const userText = reader.optionalText(query, 'userId', 36);
  const userId = userText === null ? own : parseAccountId(userText);
  if (userId === null) reader.refuse('userId', 'pattern', 'must be an account id (a UUID in lower case)');
  const symbol = reader.optionalSymbol(query, 'symbol');
  const status = reader.optionalWord(query, 'status', STATUSES);
  const startMs = reader.optionalTimeMs(query, 'startDate');
  const endGivenMs = reader.optionalTimeMs(query, 'endDate');
  const endMs = endOf(query['endDate'], endGivenMs);
  // A day before the start may end where that begins.
  const isBefore = (end: number, start: number) => end < start || (end === start && end !== endGivenMs);
  if (startMs !== null && endMs !== null && isBefore(endMs, startMs)) {
    reader.refuse('endDate', 'order', 'must not be before startDate');
  }
  const text = reader.optionalText(query, 'q', MAX_TEXT);
  // Without a word nothing would be searched for, and everything found.
  if (text !== null && !/[\p{L}\p{N}]/u.test(text))
    reader.refuse('q', 'pattern', 'must have a letter or a digit');
  const limit = reader.optionalWhole(query, 'limit', 1, MAX_TRADES_PER_PAGE) ?? DEFAULT_TRADES_PER_PAGE;
  const pageToken = reader.optionalText(query, 'pageToken', MAX_TOKEN);
  if (reader.failed) return reader.problem();
  if (userId !== own) return problemResult('FORBIDDEN', 'This API key belongs to another account.');
  const page = await history.search({
    userId: own,
    limit,
    ...(symbol === null ? {} : { symbol }),
    ...(status === null ? {} : { status }),
    ...(startMs === null ? {} : { startMs }),
    ...(endMs === null ? {} : { endMs }),
    ...(text === null ? {} : { text }),
    ...(pageToken === null ? {} : { pageToken }),
  });
  if (page.kind === 'bad-page-token') {
    return problemResult('BAD_PAGE_TOKEN', 'The page token is not one of this query.', {
      errors: [{ field: 'pageToken', rule: 'token', message: 'must be the token of the page before' }],
    });
  }
  return {
    kind: 'json',
    status: 200,
    body: {
      trades: page.trades.map(tradeView),
      pagination: { nextPageToken: page.nextPageToken, totalCount: page.totalCount },
    },
  };
}

/** A day as an end means the whole of it. */
function endOf(text: unknown, timeMs: number | null): number | null {
  return timeMs !== null && typeof text === 'string' && text.length === DAY_LENGTH ? timeMs + DAY_MS : timeMs;
}

function tradeView(trade: TradeDocument) {
  return {
    eventId: trade.eventId,
    orderId: trade.orderId,
    userId: trade.userId,
    symbol: trade.symbol,
    quantity: formatDecimal(trade.quantity),
    side: trade.side,
    status: trade.status,
    executionPrice: trade.executionPrice === null ? null : formatDecimal(trade.executionPrice),
    executionId: trade.executionId,
    executionTimestamp: formatTimestamp(trade.executionTimestampMs),
    failureReason: trade.failureReason,
  };
}
