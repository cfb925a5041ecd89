/** An account's portfolio after a head and the positions that came before it. Pure. */

import type { AccountHeadEntity, PositionEntity } from '#domain/data/account-state.ts';
import type { Quantity } from '#domain/data/decimal.ts';
import type { Symbol } from '#domain/data/identifiers.ts';
import type { Holding, Portfolio } from '#infrastructure/portfolios/portfolios.ts';

/** `null`: the position is gone. */
export type PositionChanges = ReadonlyMap<Symbol, PositionEntity | null>;

export function foldAccount(
  base: Portfolio | null,
  changes: PositionChanges,
  head: AccountHeadEntity,
): Portfolio {
  return {
    userId: head.accountId,
    name: head.name,
    cashBalance: head.cash,
    cashReserved: head.cashReserved,
    ...foldHoldings(base, changes),
    lastUpdatedTimestampMs: head.updatedAtMs,
    version: head.sequence,
    stateHash: head.accountHash,
  };
}

function foldHoldings(
  base: Portfolio | null,
  changes: PositionChanges,
): Pick<Portfolio, 'holdings' | 'sharesReserved'> {
  // Maps are never changed once they are in a portfolio, so an account without changed positions shares its own.
  if (changes.size === 0 && base !== null)
    return { holdings: base.holdings, sharesReserved: base.sharesReserved };
  const holdings = new Map<Symbol, Holding>(base?.holdings);
  const sharesReserved = new Map<Symbol, Quantity>(base?.sharesReserved);
  for (const [symbol, position] of changes) {
    if (position === null || (position.quantity === 0n && position.realisedProfit === 0n))
      holdings.delete(symbol);
    else {
      const { quantity, costBasis, realisedProfit } = position;
      holdings.set(symbol, { quantity, costBasis, realisedProfit });
    }
    if (position === null || position.reserved === 0n) sharesReserved.delete(symbol);
    else sharesReserved.set(symbol, position.reserved);
  }
  return { holdings, sharesReserved };
}
