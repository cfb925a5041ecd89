/**
 * Early checks at the door: an estimate against the committed portfolio and the cached price that spares clients a
 * round trip. It reserves nothing and decides nothing. Pure; what cannot be judged is refused.
 */
import { formatDecimal, type Quantity } from '#domain/data/decimal.ts';
import type { FeeSchedule, TradingLimits } from '#domain/data/trading-inputs.ts';
import { estimateReservation } from '#domain/trading/estimate.ts';
import type { CachedPrice, HaltsForAccount } from '#infrastructure/cache/cache.ts';
import type { HttpResult } from '#infrastructure/core/http.ts';
import { problemResult } from '#infrastructure/core/problem.ts';
import type { Portfolio } from '#infrastructure/portfolios/portfolios.ts';
import type { OrderRequest } from './order-request.ts';

export interface EarlyCheckInputs {
  readonly order: OrderRequest;
  readonly portfolio: Portfolio | null;
  readonly price: CachedPrice | null;
  /** `null`: not known, and execution will say. */
  readonly halts: HaltsForAccount | null;
  /** Market time, ms; `null` before the first price. */
  readonly marketTimeMs: number | null;
  readonly fees: FeeSchedule;
  readonly limits: TradingLimits;
}

/** `null`: nothing speaks against it. */
export function earlyRefusal(inputs: EarlyCheckInputs): HttpResult | null {
  const { order, portfolio, price, halts, marketTimeMs, fees, limits } = inputs;
  if (halts?.all === true) return problemResult('TRADING_HALTED', 'Trading is halted for every account.');
  if (halts?.account?.killSwitchEngaged === true) {
    return problemResult('TRADING_HALTED', 'Trading is halted for this account.');
  }
  if (order.side === 'BUY' && (halts?.account?.breaker.state ?? 'OPEN') !== 'OPEN') {
    return problemResult(
      'ONLY_SALES',
      "The account's breaker has tripped; until it is open again, it only sells.",
    );
  }
  if (marketTimeMs === null) {
    const detail = 'No price has come from the feed yet, or the prices are being filled in again.';
    return problemResult('PRICE_UNAVAILABLE', detail, { retryAfterSeconds: 1 });
  }
  if (price === null) {
    return problemResult('SYMBOL_NOT_FOUND', `The feed has never named ${order.symbol}.`, {
      errors: [{ field: 'symbol', rule: 'unknown', message: 'is not a symbol of the feed' }],
    });
  }
  const ageMs = marketTimeMs - price.feedTimestampMs;
  if (ageMs > limits.maxPriceAgeMs) {
    const detail = `The last price of ${order.symbol} is ${ageMs} ms old in market time; ${limits.maxPriceAgeMs} ms is the limit.`;
    return problemResult('PRICE_UNAVAILABLE', detail, { retryAfterSeconds: 1 });
  }
  if (portfolio === null) {
    return problemResult('PORTFOLIO_UNAVAILABLE', 'There is no portfolio of this account yet.', {
      retryAfterSeconds: 1,
    });
  }
  const estimate = estimateReservation(order, price, fees, limits);
  if (estimate.kind === 'refused') {
    const detail =
      estimate.reason === 'overflow'
        ? 'A product of the order is larger than any amount of money here.'
        : 'The notional does not buy any share.';
    return problemResult('ORDER_DENIED', detail);
  }
  if (estimate.quantity > limits.maxOrderQuantity) {
    const detail = `${formatDecimal(estimate.quantity)} shares; ${formatDecimal(limits.maxOrderQuantity)} is the most of one order.`;
    return problemResult('ORDER_DENIED', detail);
  }
  if (estimate.notional > limits.maxOrderNotional) {
    const detail = `Worth ${formatDecimal(estimate.notional)}; ${formatDecimal(limits.maxOrderNotional)} is the most of one order.`;
    return problemResult('ORDER_DENIED', detail);
  }
  if (estimate.kind === 'cash') {
    const available = (portfolio.cashBalance - portfolio.cashReserved) as typeof portfolio.cashBalance;
    if (estimate.cash <= available) return null;
    const detail = `The order needs ${formatDecimal(estimate.cash)}, fees and reserve included; ${formatDecimal(available)} is free.`;
    return problemResult('INSUFFICIENT_FUNDS', detail);
  }
  const held = portfolio.holdings.get(order.symbol)?.quantity ?? 0n;
  const free = (held - (portfolio.sharesReserved.get(order.symbol) ?? 0n)) as Quantity;
  if (estimate.quantity <= free) return null;
  const detail = `The order sells ${formatDecimal(estimate.quantity)} ${order.symbol}; ${formatDecimal(free)} is free.`;
  return problemResult('INSUFFICIENT_SHARES', detail);
}
