/** 64-bit integers as the drivers give them (SQLite: bigint; PostgreSQL: text), read exactly. */
import assert from 'node:assert/strict';

type Stored = bigint | number | string;

/** A count of 10⁻⁹ units; the caller names its brand. */
export function readScaled<Scaled extends bigint>(stored: Stored): Scaled {
  return BigInt(stored) as Scaled;
}

export function readScaledOrNull<Scaled extends bigint>(stored: Stored | null): Scaled | null {
  return stored === null ? null : readScaled<Scaled>(stored);
}

/** A time or a sequence. */
export function readInteger(stored: Stored): number {
  const value = Number(stored);
  assert(Number.isSafeInteger(value), 'times and sequences stay below 2^53');
  return value;
}

export function readIntegerOrNull(stored: Stored | null): number | null {
  return stored === null ? null : readInteger(stored);
}
