/**
 * Brings near what inputs that are about to be applied will read. Most of what an order needs has not been read for
 * long, and waiting for memory is a good part of its time. Met one after the other, each place is waited for by itself;
 * read in a short loop for many orders, since none depends on another, they are waited for together.
 *
 * It changes nothing and decides nothing: what is not there yet, or was never announced, is found when it is needed.
 */
import type { OrderId } from '#domain/data/identifiers.ts';
import type { TradingInput } from '#domain/data/trading-inputs.ts';
import type { Account } from './holdings.ts';
import type { Instrument } from './instrument.ts';
import { openNumber } from './order-ids.ts';
import type { PartitionState } from './state.ts';

/** What was read ends here, so that no compiler leaves the reading out. */
const read = new Int32Array(1);

export function prefetch(state: PartitionState, inputs: readonly TradingInput[]): void {
  const accounts: Account[] = [];
  const instruments: Instrument[] = [];
  const orderIds: OrderId[] = [];
  /** Which of the ids are of orders to be canceled. */
  const canceled: number[] = [];
  for (const input of inputs) {
    if (input.type === 'CancelOrder') {
      canceled.push(orderIds.length);
      orderIds.push(input.orderId);
    }
    if (input.type !== 'SubmitOrder') continue;
    orderIds.push(input.orderId);
    const account = state.accounts.get(input.accountId);
    const instrument = state.instruments.get(input.symbol);
    if (account === undefined || instrument === undefined) continue;
    accounts.push(account);
    instruments.push(instrument);
  }
  let seen = state.orderIds.readAhead(orderIds) ^ state.closedOrders.prefetchNext(accounts.length);
  for (const at of canceled) {
    seen ^= state.workingOrders.prefetch(openNumber(state.orderIds.guessAhead(at)));
  }
  const { accountRows } = state;
  for (const { place, openOrders } of accounts) seen ^= openOrders ^ accountRows.prefetch(place);
  read[0] = seen ^ state.positions.prefetch(accounts, instruments);
}

/**
 * The same of what has changed, before a commit hashes it and makes entities of it: there are so many that those that
 * changed first are far again.
 */
export function prefetchChanged(state: PartitionState): void {
  const { accountRows, changes, positions } = state;
  let seen = positions.prefetchAt(changes.positions);
  for (const { place } of changes.accounts) seen ^= accountRows.prefetch(place);
  read[0] = seen;
}
