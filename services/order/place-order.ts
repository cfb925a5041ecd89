/**
 * Acceptance of one order: read → idempotency → early checks → one append → 202 once durable.
 *
 * With an idempotency key the order's id follows from (account, key). Whether the key was used is decided by the
 * recent orders in memory (concurrent twins among them), then by the permanent index and the claims of other instances;
 * when they cannot say, the order is refused. A refusal consumes nothing.
 */
import type { CommandId, OrderId } from '#domain/data/identifiers.ts';
import { type AccountId, parseAccountId } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { encodeTradingInput } from '#domain/data/trading-input-codec.ts';
import type { FeeSchedule, SubmitOrder, TradingLimits } from '#domain/data/trading-inputs.ts';
import type { Cache } from '#infrastructure/cache/cache.ts';
import { derivedUuid } from '#infrastructure/common/derived-id.ts';
import { RequestReader } from '#infrastructure/common/request-reader.ts';
import type { HttpRequest, HttpResult } from '#infrastructure/core/http.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { problemResult } from '#infrastructure/core/problem.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import { rememberTradingInput } from '#infrastructure/event-log/decode-once.ts';
import type { EventLog, NewRecord } from '#infrastructure/event-log/event-log.ts';
import type { PortfolioStore } from '#infrastructure/portfolios/portfolios.ts';
import type { IndexedOrder } from '#infrastructure/relational/stores.ts';
import { appendPatiently } from './append-patiently.ts';
import { earlyRefusal } from './early-checks.ts';
import { createKeyUse, type KeyUse, type KeyUseParts } from './key-use.ts';
import { type OrderRequest, readIdempotencyKey, readOrderRequest } from './order-request.ts';
import type { RecentOrders } from './recent-orders.ts';

export interface PlaceOrderParts extends KeyUseParts {
  readonly log: Pick<EventLog, 'append' | 'partitionFor'>;
  readonly cache: Cache;
  readonly portfolios: Pick<PortfolioStore, 'get'>;
  readonly recent: RecentOrders;
  readonly runtime: Runtime;
  readonly fees: FeeSchedule;
  readonly limits: TradingLimits;
  readonly maxInFlight: number;
}

const SOURCE_SERVICE = 'order';
const KEY_REUSED = 'The idempotency key came before with another order; use a new key for a new order.';

export function createPlaceOrder(parts: PlaceOrderParts) {
  const { log, recent, runtime } = parts;
  const useOf = createKeyUse(parts);
  let inFlight = 0;

  async function placeOrder(request: HttpRequest): Promise<HttpResult> {
    const accountId = accountOf(request);
    if (accountId === null) return problemResult('UNAUTHENTICATED', 'Send an API key of a trading account.');
    const reader = new RequestReader();
    const key = readIdempotencyKey(request.headers, reader);
    const order = readOrderRequest(request.body, reader);
    if (reader.failed || order === null) return reader.problem();
    if (inFlight >= parts.maxInFlight) {
      return problemResult('OVERLOADED', `${inFlight} orders wait for the log already.`, {
        retryAfterSeconds: 1,
      });
    }
    inFlight += 1;
    try {
      if (key === null)
        return await accept(accountId, runtime.ids.uuid() as OrderId, order, request.traceparent);
      const orderId = derivedUuid('order', accountId, key) as OrderId;
      return await acceptOnce(accountId, orderId, order, request.traceparent);
    } finally {
      inFlight -= 1;
    }
  }

  /** Under an idempotency key: at most one order, whoever asks and however often. */
  async function acceptOnce(
    accountId: AccountId,
    orderId: OrderId,
    order: OrderRequest,
    traceparent: string | undefined,
  ): Promise<HttpResult> {
    for (;;) {
      const former = recent.find(orderId);
      if (former === null || former.kind === 'unknown') {
        if (former !== null && former.bodyDigest !== order.bodyDigest) {
          return problemResult('IDEMPOTENCY_KEY_REUSED', KEY_REUSED);
        }
        // Nothing is awaited between the look and `begin`: of twins exactly one comes here.
        return await firstOf(accountId, orderId, order, traceparent);
      }
      if (former.kind === 'accepted') return formerAnswer(orderId, former.bodyDigest, order);
      const answer = await former.answer;
      if (former.bodyDigest === order.bodyDigest) return answer;
      // The other request may have been refused, which leaves the key free: look again.
    }
  }

  async function firstOf(
    accountId: AccountId,
    orderId: OrderId,
    order: OrderRequest,
    traceparent: string | undefined,
  ): Promise<HttpResult> {
    const former = recent.find(orderId);
    const deferred = Promise.withResolvers<HttpResult>();
    recent.begin(orderId, order.bodyDigest, deferred.promise);
    let answer: HttpResult = problemResult(
      'INTERNAL',
      'The request ended in a bug; nothing is known of its order.',
    );
    try {
      answer = await acceptUnlessUsed(accountId, orderId, order, traceparent, former?.kind === 'unknown');
      return answer;
    } finally {
      if (recent.find(orderId)?.kind === 'in-flight') {
        if (former?.kind === 'unknown') recent.unknown(orderId, former.bodyDigest);
        else recent.forget(orderId);
      }
      deferred.resolve(answer);
    }
  }

  async function acceptUnlessUsed(
    accountId: AccountId,
    orderId: OrderId,
    order: OrderRequest,
    traceparent: string | undefined,
    isBound: boolean,
  ): Promise<HttpResult> {
    let use: KeyUse;
    try {
      use = await useOf(accountId, orderId, order.bodyDigest);
    } catch (error) {
      return unreadable(error, 'DEPENDENCY_UNAVAILABLE', 'The order index cannot be read at the moment.');
    }
    switch (use.kind) {
      case 'used':
        return formerAnswer(orderId, use.bodyDigest, order);
      case 'untold':
        return problemResult('DEPENDENCY_UNAVAILABLE', use.why, { retryAfterSeconds: 1 });
      case 'free': {
        const answer = await accept(accountId, orderId, order, traceparent);
        const isRefused = recent.find(orderId)?.kind === 'in-flight';
        if (isRefused && !isBound) await use.release();
        return answer;
      }
    }
  }

  async function accept(
    accountId: AccountId,
    orderId: OrderId,
    order: OrderRequest,
    traceparent: string | undefined,
  ): Promise<HttpResult> {
    if (!recent.makeRoom()) {
      const detail = 'More accepted orders than fit in memory wait for the order index.';
      return problemResult('OVERLOADED', detail, { retryAfterSeconds: 1 });
    }
    const judged = await judge(accountId, order);
    if (judged.kind === 'refused') return judged.result;
    const command: SubmitOrder = {
      type: 'SubmitOrder',
      // The order's own id: a repeat of the append is the same command.
      commandId: orderId as string as CommandId,
      timeMs: judged.marketTimeMs,
      ingestTimeMs: runtime.clock.nowMs(),
      orderId,
      accountId,
      ...order,
    };
    const context = { sourceService: SOURCE_SERVICE, ...(traceparent === undefined ? {} : { traceparent }) };
    const value = encodeTradingInput(command, context);
    rememberTradingInput(value, command);
    const record: NewRecord = { topic: TOPIC.tradeOrders, key: accountId, value };
    const appended = await appendPatiently(log, [record], parts);
    switch (appended.kind) {
      case 'appended': {
        const [place] = appended.positions;
        if (place !== undefined) recent.accept(acceptedOrder(command), place);
        return { kind: 'json', status: 202, body: { orderId, status: 'ACCEPTED' } };
      }
      case 'unknown':
        recent.unknown(orderId, order.bodyDigest);
        return problemResult(
          'OUTCOME_UNKNOWN',
          'The log did not say whether the order was written. Retry with the same idempotency key, or read the order.',
          { retryAfterSeconds: 1, extensions: { orderId } },
        );
      case 'unwritable':
        return problemResult('LOG_UNWRITABLE', 'The event log cannot be written; nothing was accepted.');
      case 'closed':
        return problemResult('SHUTTING_DOWN', 'The program is ending; nothing was accepted.', {
          retryAfterSeconds: 2,
        });
    }
  }

  async function judge(
    accountId: AccountId,
    order: OrderRequest,
  ): Promise<
    | { readonly kind: 'passed'; readonly marketTimeMs: number }
    | { readonly kind: 'refused'; readonly result: HttpResult }
  > {
    const { prices, halts: mirror } = parts.cache;
    const reading = Promise.all([
      prices.get(order.symbol),
      prices.latestFeedTimestampMs(),
      mirror.of(log.partitionFor(TOPIC.tradeOrders, accountId), accountId),
    ]);
    // Whoever fails first is answered about; the other one must not count as unhandled meanwhile.
    const portfolioReading = parts.portfolios.get(accountId).then(
      (portfolio) => ({ kind: 'read', portfolio }) as const,
      (error: unknown) => ({ kind: 'failed', error }) as const,
    );
    let read: Awaited<typeof reading>;
    try {
      read = await reading;
    } catch (error) {
      return {
        kind: 'refused',
        result: unreadable(error, 'PRICE_UNAVAILABLE', 'Prices cannot be read at the moment.'),
      };
    }
    const portfolioRead = await portfolioReading;
    if (portfolioRead.kind === 'failed') {
      const detail = 'The portfolio cannot be read at the moment.';
      return { kind: 'refused', result: unreadable(portfolioRead.error, 'PORTFOLIO_UNAVAILABLE', detail) };
    }
    const [price, marketTimeMs, halts] = read;
    const { portfolio } = portfolioRead;
    const { fees, limits } = parts;
    const result = earlyRefusal({ order, portfolio, price, halts, marketTimeMs, fees, limits });
    return result === null
      ? { kind: 'passed', marketTimeMs: marketTimeMs ?? 0 }
      : { kind: 'refused', result };
  }

  function unreadable(
    error: unknown,
    code: 'PRICE_UNAVAILABLE' | 'PORTFOLIO_UNAVAILABLE' | 'DEPENDENCY_UNAVAILABLE',
    detail: string,
  ): HttpResult {
    if (!(error instanceof OperatingError)) throw error;
    parts.logger.warn({ code: error.code, error: error.message }, 'an order was refused');
    return problemResult(code, detail, { retryAfterSeconds: 1 });
  }

  return { placeOrder, inFlight: () => inFlight };
}

export function accountOf(request: HttpRequest): AccountId | null {
  const { principal } = request;
  return principal?.kind === 'api-key' ? parseAccountId(principal.accountId) : null;
}

function formerAnswer(orderId: OrderId, formerDigest: string, order: OrderRequest): HttpResult {
  return formerDigest === order.bodyDigest
    ? { kind: 'json', status: 202, body: { orderId, status: 'ACCEPTED' } }
    : problemResult('IDEMPOTENCY_KEY_REUSED', KEY_REUSED);
}

/** As the index has an order that is only accepted. */
export function acceptedOrder(command: SubmitOrder): IndexedOrder {
  const { terms } = command;
  return {
    orderId: command.orderId,
    userId: command.accountId,
    symbol: command.symbol,
    side: command.side,
    type: terms.type,
    timeInForce: command.timeInForce,
    quantity: 'quantity' in terms ? terms.quantity : null,
    notional: 'notional' in terms ? terms.notional : null,
    limitPrice: terms.type === 'LIMIT' ? terms.limitPrice : null,
    clientOrderId: command.clientOrderId,
    status: 'ACCEPTED',
    filledQuantity: 0n as IndexedOrder['filledQuantity'],
    averageFillPrice: null,
    reason: null,
    bodyDigest: command.bodyDigest,
    createdAtMs: command.timeMs,
    updatedAtMs: command.timeMs,
    accountSequence: 0,
  };
}
