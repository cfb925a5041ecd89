/** Orders: place, list, read, cancel. */
import { formatDecimal } from '#domain/data/decimal.ts';
import { type AccountId, type CommandId, type OrderId, parseOrderId } from '#domain/data/identifiers.ts';
import { formatTimestamp } from '#domain/data/timestamp.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import { fieldsOf, RequestReader } from '#infrastructure/common/request-reader.ts';
import type { HttpRequest, HttpResult, Route, RouteTable } from '#infrastructure/core/http.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { problemResult } from '#infrastructure/core/problem.ts';
import type { IndexedOrder, OrderStatus } from '#infrastructure/relational/stores.ts';
import { appendPatiently } from './append-patiently.ts';
import { accountOf, type PlaceOrderParts } from './place-order.ts';
import { ordersPage, ownOrder, type ReadOrdersParts } from './read-orders.ts';
import {
  AcceptedResponse,
  CancelResponse,
  DEFAULT_ORDERS_PER_PAGE,
  IdempotencyHeaders,
  MAX_ORDERS_PER_PAGE,
  OrderBody,
  OrderParams,
  OrderResponse,
  OrdersQuery,
  OrdersResponse,
} from './schemas.ts';

/** Reading and cancelling need more of the index than placing does. */
export type OrderRouteParts = PlaceOrderParts & ReadOrdersParts;

type Handler = Route['handle'];
type Request = HttpRequest<never, never, never>;

const OPEN: ReadonlySet<OrderStatus> = new Set(['ACCEPTED', 'NEW', 'PARTIALLY_FILLED']);
const STATUS_WORDS = [
  'OPEN',
  'CLOSED',
  'ACCEPTED',
  'NEW',
  'PARTIALLY_FILLED',
  'FILLED',
  'CANCELED',
  'EXPIRED',
  'REPLACED',
  'REJECTED',
  'DENIED',
] as const;

const shared = { access: 'api-key', tag: 'orders' } as const;

export const ORDER_ROUTES = {
  place: {
    ...shared,
    method: 'POST',
    path: '/v1/orders',
    summary: 'Place an order: 202 once it is durable, then execution decides',
    schema: { headers: IdempotencyHeaders, body: OrderBody, response: { 202: AcceptedResponse } },
    problems: [400, 401, 402, 403, 404, 409, 422, 429, 500, 503],
  },
  list: {
    ...shared,
    method: 'GET',
    path: '/v1/orders',
    summary: "The account's orders, newest first",
    schema: { querystring: OrdersQuery, response: { 200: OrdersResponse } },
    problems: [400, 401, 429, 503],
  },
  read: {
    ...shared,
    method: 'GET',
    path: '/v1/orders/:orderId',
    summary: 'One order',
    schema: { params: OrderParams, response: { 200: OrderResponse } },
    problems: [400, 401, 404, 429, 503],
  },
  cancel: {
    ...shared,
    method: 'DELETE',
    path: '/v1/orders/:orderId',
    summary: 'Ask for an order to be cancelled: 202 once the request is durable, then execution decides',
    schema: { params: OrderParams, response: { 202: CancelResponse } },
    problems: [400, 401, 404, 409, 429, 500, 503],
  },
} as const satisfies RouteTable;

export function orderRoutes(parts: OrderRouteParts, placeOrder: Handler): readonly Route[] {
  return [
    {
      ...ORDER_ROUTES.place,
      handle: placeOrder,
    },
    {
      ...ORDER_ROUTES.list,
      handle: (request) => guarded(parts, request, (accountId) => listOrders(parts, accountId, request)),
    },
    {
      ...ORDER_ROUTES.read,
      handle: (request) =>
        guarded(parts, request, async (accountId) => {
          const order = await orderOf(parts, accountId, request);
          if (order === 'behind') return behind();
          return order === null ? notFound() : { kind: 'json', status: 200, body: orderView(order) };
        }),
    },
    {
      ...ORDER_ROUTES.cancel,
      handle: (request) => guarded(parts, request, (accountId) => cancelOrder(parts, accountId, request)),
    },
  ];
}

async function guarded(
  { logger }: OrderRouteParts,
  request: Request,
  handle: (accountId: AccountId) => Promise<HttpResult>,
): Promise<HttpResult> {
  const accountId = accountOf(request);
  if (accountId === null) return problemResult('UNAUTHENTICATED', 'Send an API key of a trading account.');
  try {
    return await handle(accountId);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    logger.warn({ code: error.code, error: error.message }, 'an order could not be read');
    return problemResult('DEPENDENCY_UNAVAILABLE', 'The orders cannot be read at the moment.', {
      retryAfterSeconds: 1,
    });
  }
}

function notFound(): HttpResult {
  return problemResult('ORDER_NOT_FOUND', 'The account has no such order.');
}

function orderIdOf(request: Request): OrderId | null {
  const text = fieldsOf(request.params)?.['orderId'];
  return typeof text === 'string' ? parseOrderId(text) : null;
}

async function orderOf(
  parts: OrderRouteParts,
  accountId: AccountId,
  request: Request,
): Promise<IndexedOrder | null | 'behind'> {
  const orderId = orderIdOf(request);
  return orderId === null ? null : await ownOrder(parts, accountId, orderId);
}

function behind(): HttpResult {
  return problemResult(
    'NOT_READY',
    'The order index is behind, so whether there is such an order is not known yet.',
    {
      retryAfterSeconds: 1,
    },
  );
}

async function listOrders(
  parts: OrderRouteParts,
  accountId: AccountId,
  request: Request,
): Promise<HttpResult> {
  const reader = new RequestReader();
  const query = fieldsOf(request.query) ?? {};
  const word = reader.optionalWord(query, 'status', STATUS_WORDS);
  const symbol = reader.optionalSymbol(query, 'symbol');
  const limit = reader.optionalWhole(query, 'limit', 1, MAX_ORDERS_PER_PAGE) ?? DEFAULT_ORDERS_PER_PAGE;
  const token = reader.optionalText(query, 'pageToken', 64);
  const after = token === null ? null : parseOrderId(token);
  if (token !== null && after === null)
    reader.refuse('pageToken', 'token', 'must be the token of the page before');
  if (reader.failed) return reader.problem();
  const status = word === 'OPEN' ? 'open' : word === 'CLOSED' ? 'closed' : word;
  const page = await ordersPage(parts, accountId, {
    after,
    limit,
    ...(status === null ? {} : { status }),
    ...(symbol === null ? {} : { symbol }),
  });
  switch (page.kind) {
    case 'behind':
      return behind();
    case 'unknown':
      return problemResult('BAD_PAGE_TOKEN', 'The page token is not one of this query.', {
        errors: [{ field: 'pageToken', rule: 'token', message: 'must be the token of the page before' }],
      });
    case 'page':
      return {
        kind: 'json',
        status: 200,
        body: { orders: page.orders.map(orderView), pagination: { nextPageToken: page.next } },
      };
  }
}

async function cancelOrder(
  parts: OrderRouteParts,
  accountId: AccountId,
  request: Request,
): Promise<HttpResult> {
  const order = await orderOf(parts, accountId, request);
  if (order === 'behind') return behind();
  if (order === null) return notFound();
  if (!OPEN.has(order.status)) {
    return problemResult('ORDER_TERMINAL', `The order is ${order.status}: there is nothing to cancel.`, {
      extensions: { orderId: order.orderId, status: order.status },
    });
  }
  const { runtime, log, cache } = parts;
  const command = {
    type: 'CancelOrder',
    commandId: runtime.ids.uuid() as CommandId,
    timeMs: (await cache.prices.latestFeedTimestampMs()) ?? 0,
    ingestTimeMs: runtime.clock.nowMs(),
    orderId: order.orderId,
    accountId,
  } as const;
  const value = encodeTradingInput(command, {
    sourceService: 'order',
    ...(request.traceparent === undefined ? {} : { traceparent: request.traceparent }),
  });
  const appended = await appendPatiently(log, [{ topic: TOPIC.tradeOrders, key: accountId, value }], parts);
  switch (appended.kind) {
    case 'appended':
      return { kind: 'json', status: 202, body: { orderId: order.orderId, status: order.status } };
    case 'unknown':
      return problemResult(
        'OUTCOME_UNKNOWN',
        'Whether the request was written is not known; asking again is harmless.',
        {
          retryAfterSeconds: 1,
          extensions: { orderId: order.orderId },
        },
      );
    case 'unwritable':
      return problemResult('LOG_UNWRITABLE', 'The event log cannot be written; nothing was asked.');
    case 'closed':
      return problemResult('SHUTTING_DOWN', 'The program is ending; nothing was asked.', {
        retryAfterSeconds: 2,
      });
  }
}

function orderView(order: IndexedOrder) {
  const text = (value: Parameters<typeof formatDecimal>[0] | null) =>
    value === null ? null : formatDecimal(value);
  return {
    orderId: order.orderId,
    userId: order.userId,
    symbol: order.symbol,
    side: order.side,
    type: order.type,
    timeInForce: order.timeInForce,
    quantity: text(order.quantity),
    notional: text(order.notional),
    limitPrice: text(order.limitPrice),
    clientOrderId: order.clientOrderId,
    status: order.status,
    filledQuantity: formatDecimal(order.filledQuantity),
    averageFillPrice: text(order.averageFillPrice),
    reason: order.reason,
    createdAt: formatTimestamp(order.createdAtMs),
    updatedAt: formatTimestamp(order.updatedAtMs),
    version: order.accountSequence,
  };
}
