/**
 * Exact decimals with nine places: prices, quantities and money.
 *
 * A value is a signed 64-bit integer count of 10⁻⁹ units, held in a branded `bigint`. Products pass through
 * 128 bits and are rounded half to even; a result outside 64 bits is refused, never wrapped.
 */
declare const unit: unique symbol;
type Scaled<Name extends string> = bigint & { readonly [unit]: Name };

/** Currency per share. */
export type Price = Scaled<'Price'>;
/** Shares; whole or fractional. */
export type Quantity = Scaled<'Quantity'>;
/** Currency. */
export type Money = Scaled<'Money'>;
/** A plain factor, such as a fee of 0.0005 of the notional. */
export type Rate = Scaled<'Rate'>;
export type Decimal = Price | Quantity | Money | Rate;

export const DECIMAL_PLACES = 9;
export const ONE = 1_000_000_000n;
export const MAX_SCALED = 2n ** 63n - 1n;
export const MIN_SCALED = -(2n ** 63n);

export const ZERO_MONEY = 0n as Money;
export const ZERO_QUANTITY = 0n as Quantity;
