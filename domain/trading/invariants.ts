/** Every invariant of a partition's state, from scratch. Slow: for tests, simulation and `verify`. */

import { CASH_ASSET } from '#domain/data/trading-events.ts';
import type { Account } from './holdings.ts';
import { invariant } from './invariant.ts';
import { assertBalanced } from './ledger.ts';
import { findOpen } from './order.ts';
import { restoreState } from './restore.ts';
import { hashState, takeAll } from './snapshot.ts';
import type { PartitionState } from './state.ts';

export function assertEverything(state: PartitionState): void {
  const held = new Map<string, bigint>([[CASH_ASSET, 0n]]);
  const cashReserved = new Map<Account, bigint>();
  const sharesReserved = new Map<string, bigint>();
  const openOrders = new Map<Account, number>();
  for (const order of state.workingOrders.listed()) {
    const { account } = order;
    invariant(order.open, 'a working order is open');
    const left = order.quantity - order.filledQuantity;
    invariant(left > 0n, 'an open order has something left to fill');
    openOrders.set(account, (openOrders.get(account) ?? 0) + 1);
    if (order.side === 'BUY') {
      invariant(account.breaker.state === 'OPEN', 'who may only sell has no open buy');
      cashReserved.set(account, (cashReserved.get(account) ?? 0n) + order.reservedCash);
    } else {
      const key = `${account.accountId}/${order.instrument.symbol}`;
      sharesReserved.set(key, (sharesReserved.get(key) ?? 0n) + left);
    }
  }
  for (const account of state.accounts.values()) {
    invariant(account.cash >= 0n, 'cash never goes below zero');
    const { breaker } = account;
    if (breaker.state === 'QUIET_PERIOD')
      invariant(
        state.nextQuietEndMs <= breaker.untilMs,
        'no quiet period ends before the first that is looked for',
      );
    invariant(
      account.cashReserved === (cashReserved.get(account) ?? 0n),
      'reserved cash is what open buys reserve',
    );
    invariant(account.cashReserved <= account.cash, 'no more cash is reserved than there is');
    invariant(account.openOrders === (openOrders.get(account) ?? 0), 'open orders are counted');
    held.set(CASH_ASSET, (held.get(CASH_ASSET) ?? 0n) + account.cash);
  }
  for (const position of state.positions.all()) {
    const key = `${position.account.accountId}/${position.symbol}`;
    invariant(position.quantity >= 0n, 'a long-only position never goes below zero');
    invariant(
      position.reserved === (sharesReserved.get(key) ?? 0n),
      'reserved shares are what open sales reserve',
    );
    invariant(position.reserved <= position.quantity, 'no more shares are reserved than there are');
    invariant(position.costBasis >= 0n, 'a cost basis is never below zero');
    invariant(position.quantity > 0n || position.costBasis === 0n, 'nothing held has cost nothing');
    held.set(position.symbol, (held.get(position.symbol) ?? 0n) + position.quantity);
  }
  for (const book of state.books.values()) {
    assertBalanced(book);
    const sum = book.outside + book.venue + book.fees + book.clearing + book.accounts;
    invariant(sum === 0n, 'the five balances of an asset add up to zero');
    invariant(book.accounts === (held.get(book.asset) ?? 0n), 'the books know what the accounts hold');
  }
  let resting = 0;
  for (const instrument of state.instruments.values()) {
    for (const number of instrument.resting.all()) {
      const order = state.workingOrders.at(number);
      invariant(order.listed && order.instrument === instrument, 'a resting order is a working order');
      invariant(findOpen(state, order.texts.orderId) === order, 'a resting order is found by its id');
      resting += 1;
    }
  }
  invariant(resting === state.workingOrders.size, 'every working order rests');
  const restored = restoreState(state.partition, takeAll(state));
  invariant(hashState(restored) === hashState(state), 'the incremental hash is the hash of the whole');
}
