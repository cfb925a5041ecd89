/** A position: what an account holds of a symbol, what it paid for it, and what its sales have earned. */
import type { Account, Position } from './holdings.ts';
import type { Instrument } from './instrument.ts';
import type { PartitionState } from './state.ts';

/** Found, or made empty. An empty one stays: it keeps the realised profit. */
export function positionOf(state: PartitionState, account: Account, instrument: Instrument): Position {
  const held = state.positions.get(account, instrument);
  if (held !== undefined) return held;
  const position = state.positions.add(account, instrument);
  position.touch(state.changes.positions);
  return position;
}
