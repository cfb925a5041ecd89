/**
 * What an order would reserve: the estimate for early checks at the door. It reserves nothing and decides nothing;
 * the core asks the same question again when the order's turn comes.
 */
import type { Money, Price, Quantity } from '#domain/data/decimal.ts';
import type { FeeSchedule, OrderTerms, Side, TradingLimits } from '#domain/data/trading-inputs.ts';

export interface ReferenceQuote {
  readonly price: Price;
  readonly bid: Price | null;
  readonly ask: Price | null;
}

export type EstimatedReservation =
  | { readonly kind: 'cash'; readonly quantity: Quantity; readonly cash: Money }
  | { readonly kind: 'shares'; readonly quantity: Quantity }
  /** `notional_too_small`: it buys no share at all; `overflow`: a product does not fit. */
  | { readonly kind: 'refused'; readonly reason: 'notional_too_small' | 'overflow' };

export function estimateReservation(
  _order: { readonly side: Side; readonly terms: OrderTerms },
  _quote: ReferenceQuote,
  _fees: FeeSchedule,
  _limits: TradingLimits,
): EstimatedReservation {
  throw new Error('the core has not landed yet');
}
