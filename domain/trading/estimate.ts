/**
 * What an order sets aside at a price. The core decides by it, and the door uses it for early checks: an estimate
 * there, since it reserves nothing and the price will be another one when the order's turn comes.
 */
import {
  fits,
  type Money,
  type Price,
  type Quantity,
  tryAdd,
  tryApplyRate,
  tryDivideDown,
  tryMultiply,
  tryMultiplyUp,
} from '#domain/data/decimal.ts';
import type { FeeSchedule, OrderTerms, Side, TradingLimits } from '#domain/data/trading-inputs.ts';
import { feesDue, isFree } from './fees.ts';
import { buyersPrice, type Quoted, sellersPrice } from './quote.ts';

export type EstimatedReservation =
  | {
      readonly kind: 'cash';
      readonly quantity: Quantity;
      /** At the reference price, or at the limit. */
      readonly notional: Money;
      /** The most a share may cost: the collar of a market order, or the limit. */
      readonly worstPrice: Price;
      /** To set aside, fees included. */
      readonly cash: Money;
    }
  | { readonly kind: 'shares'; readonly quantity: Quantity; readonly notional: Money }
  /** `notional_too_small`: it buys no share at all; `overflow`: a product does not fit. */
  | { readonly kind: 'refused'; readonly reason: 'notional_too_small' | 'overflow' };

const OVERFLOW = { kind: 'refused', reason: 'overflow' } as const;
const TOO_SMALL = { kind: 'refused', reason: 'notional_too_small' } as const;

export function estimateReservation(
  order: { readonly side: Side; readonly terms: OrderTerms },
  quoted: Quoted,
  fees: FeeSchedule,
  limits: TradingLimits,
): EstimatedReservation {
  const { side, terms } = order;
  const reference = side === 'BUY' ? buyersPrice(quoted) : sellersPrice(quoted);
  const quantity = 'notional' in terms ? tryDivideDown(terms.notional, reference) : terms.quantity;
  if (quantity === 'overflow') return OVERFLOW;
  if (quantity === 0n) return TOO_SMALL;
  const notional = tryMultiply(terms.type === 'LIMIT' ? terms.limitPrice : reference, quantity);
  if (notional === 'overflow') return OVERFLOW;
  if (side === 'SELL') return { kind: 'shares', quantity, notional };
  const worstPrice = terms.type === 'LIMIT' ? terms.limitPrice : collarOf(reference, limits);
  if (worstPrice === 'overflow') return OVERFLOW;
  const worstNotional = tryMultiplyUp(worstPrice, quantity);
  if (worstNotional === 'overflow') return OVERFLOW;
  if (isFree(fees)) return { kind: 'cash', quantity, notional, worstPrice, cash: worstNotional };
  const cash = worstNotional + feesDue(fees, quantity, worstNotional);
  if (!fits(cash)) return OVERFLOW;
  return { kind: 'cash', quantity, notional, worstPrice, cash: cash as Money };
}

/** What a market buy pays at most. */
function collarOf(reference: Price, limits: TradingLimits): Price | 'overflow' {
  const above = tryApplyRate(reference, limits.marketBuyCollar);
  return above === 'overflow' ? 'overflow' : tryAdd(reference, above);
}
