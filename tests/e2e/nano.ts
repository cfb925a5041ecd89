/** Decimals for checking, written apart from the product's: `bigint` counts of 10⁻⁹. */
const ONE = 1_000_000_000n;

export function nano(text: string): bigint {
  const match = /^(-?)(\d+)(?:\.(\d{1,9}))?$/.exec(text);
  if (match === null) throw new Error(`${text} is no decimal with at most nine places`);
  const magnitude = BigInt(match[2] ?? '0') * ONE + BigInt((match[3] ?? '').padEnd(9, '0'));
  return match[1] === '-' ? -magnitude : magnitude;
}

/** Both not negative; rounded half to even. */
export function timesNano(left: bigint, right: bigint): bigint {
  const product = left * right;
  const floor = product / ONE;
  const rest = (product % ONE) * 2n;
  return rest > ONE || (rest === ONE && floor % 2n === 1n) ? floor + 1n : floor;
}
