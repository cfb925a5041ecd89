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
  // Every order comes by here: a sentence is made only for what is wrong.
  portfolio.holdings.forEach(({ quantity }, symbol) => {
    if (quantity < 0n) assert.fail(`${userId}: no execution may make the holding of ${symbol} negative`);
  });
  portfolio.sharesReserved.forEach((quantity, symbol) => {
    if (quantity < 0n) assert.fail(`${userId}: reserved shares of ${symbol} are never negative`);
  });
}
