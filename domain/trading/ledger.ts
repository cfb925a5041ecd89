/**
 * The books: the only place where cash, shares and balances change. Every change is a balanced double entry.
 *
 * ```
 *   outside ◀─deposit, withdrawal─▶ account ◀──fill──▶ clearing ◀─settlement─▶ venue
 *                                      └────fee────▶ fees
 * ```
 * `clearing` holds what has been traded and not settled. The feed venue settles within the step, so its fills pass
 * through clearing and leave nothing there; an outside venue's stay until it settles.
 */
import type { Money, Quantity } from '#domain/data/decimal.ts';
import { CASH_ASSET, type FillPostings, type Posting } from '#domain/data/trading-events.ts';
import type { Side } from '#domain/data/trading-inputs.ts';
import { AssetBook } from './book.ts';
import type { Account, Position } from './holdings.ts';
import { invariant } from './invariant.ts';
import type { PartitionState } from './state.ts';

export type Settlement = FillPostings['settlement'];

export function bookOf(state: PartitionState, asset: string): AssetBook {
  let book = state.books.get(asset);
  if (book === undefined) {
    book = new AssetBook(asset, state.bookRows);
    state.books.set(asset, book);
    book.touch(state.changes.books);
  }
  return book;
}

/** Cash from outside; a negative amount goes back there. The caller has checked that it fits and is there. */
export function postTransfer(state: PartitionState, account: Account, amount: Money): readonly Posting[] {
  const book = state.cashBook;
  book.addOutside(-amount);
  addCash(state, account, amount);
  assertBalanced(book);
  return [
    { account: 'outside', asset: CASH_ASSET, amount: -amount },
    { account: account.accountId, asset: CASH_ASSET, amount },
  ];
}

export function postFee(state: PartitionState, account: Account, fee: Money): readonly Posting[] {
  const book = state.cashBook;
  book.addFees(fee);
  addCash(state, account, -fee);
  assertBalanced(book);
  return [
    { account: account.accountId, asset: CASH_ASSET, amount: -fee },
    { account: 'fees', asset: CASH_ASSET, amount: fee },
  ];
}

/** Shares against cash. The caller has checked that both are there and fit. */
export function postFill(
  state: PartitionState,
  position: Position,
  shareBook: AssetBook,
  side: Side,
  quantity: Quantity,
  notional: Money,
  settlement: Settlement,
): FillPostings {
  const { account } = position;
  const cash = BigInt.asIntN(64, side === 'BUY' ? -notional : notional);
  const shares = BigInt.asIntN(64, side === 'BUY' ? quantity : -quantity);
  const { cashBook } = state;
  if (settlement === 'at_once') {
    cashBook.addVenue(BigInt.asIntN(64, -cash));
    shareBook.addVenue(BigInt.asIntN(64, -shares));
  } else {
    cashBook.addClearing(BigInt.asIntN(64, -cash));
    shareBook.addClearing(BigInt.asIntN(64, -shares));
  }
  addCash(state, account, cash);
  position.quantity = BigInt.asIntN(64, position.quantity + shares) as Quantity;
  invariant(position.quantity >= 0n, 'a long-only position never goes below zero');
  shareBook.addAccounts(shares);
  shareBook.touch(state.changes.books);
  assertBalanced(cashBook);
  assertBalanced(shareBook);
  return { cash, asset: shareBook.asset, shares, settlement };
}

function addCash(state: PartitionState, account: Account, amount: bigint): void {
  account.cash = BigInt.asIntN(64, account.cash + amount) as Money;
  invariant(account.cash >= 0n, 'cash never goes below zero');
  state.cashBook.addAccounts(amount);
  account.touch(state.changes.accounts);
  state.cashBook.touch(state.changes.books);
}

export function assertBalanced(book: AssetBook): void {
  invariant(book.isBalanced(), 'the sum over all accounts of an asset is zero after every step');
}
