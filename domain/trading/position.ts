/** A position: what an account holds of a symbol, what it paid for it, and what its sales have earned. */
import { ZERO_MONEY, ZERO_QUANTITY } from '#domain/data/decimal.ts';
import type { Symbol } from '#domain/data/identifiers.ts';
import { type Account, type PartitionState, type Position, touch, untracked } from './state.ts';

/** Found, or made empty. An empty one stays: it keeps the realised profit. */
export function positionOf(state: PartitionState, account: Account, symbol: Symbol): Position {
  let position = account.positions.get(symbol);
  if (position === undefined) {
    position = {
      ...untracked(),
      account,
      symbol,
      quantity: ZERO_QUANTITY,
      reserved: ZERO_QUANTITY,
      costBasis: ZERO_MONEY,
      realisedProfit: ZERO_MONEY,
      liquiditySequence: 0,
      liquidityBought: ZERO_QUANTITY,
      liquiditySold: ZERO_QUANTITY,
    };
    account.positions.set(symbol, position);
    touch(position, state.changes.positions);
  }
  return position;
}
