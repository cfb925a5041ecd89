/** The arithmetic of analytics beyond 64 bits: sums of products, over non-negative integers. */

/** Units of 10⁻⁹ in one. */
export const SCALE = 1_000_000_000n;

/** The quotient rounded half to even. `dividend` ≥ 0, `divisor` > 0. */
export function divideHalfEven(dividend: bigint, divisor: bigint): bigint {
  const whole = dividend / divisor;
  const twiceRest = (dividend % divisor) * 2n;
  const up = twiceRest > divisor || (twiceRest === divisor && whole % 2n === 1n);
  return up ? whole + 1n : whole;
}
