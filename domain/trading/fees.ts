/**
 * Fees: so much per share plus a rate of the notional, at least a minimum per order.
 *
 * They are due cumulatively: what is due on all of an order's fills so far, less what it has been charged. So the
 * minimum is charged once, on the first fill, and eaten up by later ones before they cost more; and each fill's fee is
 * rounded half to even once. An order keeps the schedule it was accepted under, since its reservation covers that one.
 */
import { type Money, maximum, ONE, type Quantity, roundHalfEven } from '#domain/data/decimal.ts';
import type { FeeSchedule } from '#domain/data/trading-inputs.ts';

export function isFree(fees: FeeSchedule): boolean {
  return fees.perShare === 0n && fees.rate === 0n && fees.minimumPerOrder === 0n;
}

/** Due on an order that has filled so much in all. May pass 64 bits: the caller asks. */
export function feesDue(fees: FeeSchedule, filledQuantity: Quantity, filledNotional: Money): Money {
  const proportional = roundHalfEven(fees.perShare * filledQuantity + fees.rate * filledNotional, ONE);
  return maximum(proportional as Money, fees.minimumPerOrder);
}
