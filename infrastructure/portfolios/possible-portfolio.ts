/** What no portfolio may be, whichever store it goes to: a bug upstream, found before anything is written. */
import assert from 'node:assert';
import type { Portfolio } from './portfolios.ts';

/** Throws an assertion error for negative cash, holdings or reservations, and for a version that does not count. */
export function assertPossible(portfolio: Portfolio): void {
  const { userId } = portfolio;
  assert(
    Number.isSafeInteger(portfolio.version) && portfolio.version >= 0,
    `${userId}: a version counts from 0`,
  );
  assert(portfolio.cashBalance >= 0n, `${userId}: no execution may make cash negative`);
  assert(portfolio.cashReserved >= 0n, `${userId}: reserved cash is never negative`);
  for (const [symbol, holding] of portfolio.holdings) {
    assert(holding.quantity >= 0n, `${userId}: no execution may make the holding of ${symbol} negative`);
  }
  for (const [symbol, quantity] of portfolio.sharesReserved) {
    assert(quantity >= 0n, `${userId}: reserved shares of ${symbol} are never negative`);
  }
}
