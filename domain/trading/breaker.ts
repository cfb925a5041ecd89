/**
 * An account's breaker, which lets it reduce only: what it buys is canceled and denied, what it sells goes on.
 *
 * ```
 *   OPEN ──the day has lost too much, or the operator──▶ TRIPPED ──the operator──▶ QUIET_PERIOD ──market time──▶ OPEN
 *                                                           ▲                            │
 *                                                           └──the day has lost too much─┘
 * ```
 * Each step is an entry of the account's statement: it says when, and its note why and by whom.
 */
import { formatDecimal, ZERO_MONEY } from '#domain/data/decimal.ts';
import { MAX_TIMESTAMP_MS } from '#domain/data/timestamp.ts';
import type { BreakerChange } from '#domain/data/trading-inputs.ts';
import { lossOf } from './daily-loss.ts';
import type { Account } from './holdings.ts';
import { cancelOrders } from './orders.ts';
import { emitLedgerEntry, type Step } from './step.ts';

/** Trips the breakers of those whose day, after all of the input, has lost more than the limits allow. */
export function tripLosers(step: Step, losers: readonly Account[]): void {
  const { maxDailyLoss } = step.state.controls.limits;
  const due = losers.filter(
    (account) => account.breaker.state !== 'TRIPPED' && lossOf(account) > maxDailyLoss,
  );
  tripAll(step, new Set(due), (account) => {
    const [lost, most] = [formatDecimal(lossOf(account)), formatDecimal(maxDailyLoss)];
    return `daily_loss: lost ${lost}, ${most} at most in a day`;
  });
}

/** The operator's word. Tripping what is tripped is nothing, and so is resetting what is not. */
export function changeBreaker(step: Step, account: Account, { action, reason }: BreakerChange): void {
  const { state } = account.breaker;
  const note = `operator: ${reason}`;
  if (action === 'TRIP' && state !== 'TRIPPED') tripAll(step, new Set([account]), () => note);
  else if (action === 'RESET' && state === 'TRIPPED') beginQuietPeriod(step, account, note);
}

/** Opens the breakers whose quiet period is over, in an order that does not depend on how the state came about. */
export function endQuietPeriods(step: Step): void {
  const { state } = step;
  const due: Account[] = [];
  state.nextQuietEndMs = Number.POSITIVE_INFINITY;
  for (const account of state.accounts.values()) {
    const { breaker } = account;
    if (breaker.state !== 'QUIET_PERIOD') continue;
    if (breaker.untilMs <= state.clockMs) due.push(account);
    else state.nextQuietEndMs = Math.min(state.nextQuietEndMs, breaker.untilMs);
  }
  due.sort((left, right) => (left.accountId < right.accountId ? -1 : 1));
  for (const account of due) {
    account.breaker = { state: 'OPEN' };
    emitChange(step, account, 'BREAKER_OPENED', 'quiet_period: it is over');
  }
}

/** In the order of the set. Open orders are looked through once for all, since prices may trip many at the same time. */
function tripAll(step: Step, accounts: ReadonlySet<Account>, noteOf: (account: Account) => string): void {
  if (accounts.size === 0) return;
  const open = step.state.workingOrders.listed();
  const buys = Map.groupBy(
    open.filter((order) => order.side === 'BUY' && accounts.has(order.account)),
    ({ account }) => account,
  );
  for (const account of accounts) {
    account.breaker = { state: 'TRIPPED' };
    emitChange(step, account, 'BREAKER_TRIPPED', noteOf(account));
    cancelOrders(step, buys.get(account) ?? [], "breaker: the account's breaker has tripped");
  }
}

/** The day's losses are forgiven with it: else the next fee would trip it again. */
function beginQuietPeriod(step: Step, account: Account, note: string): void {
  const { state } = step;
  const untilMs = Math.min(state.clockMs + state.controls.limits.breakerQuietPeriodMs, MAX_TIMESTAMP_MS);
  account.breaker = { state: 'QUIET_PERIOD', untilMs };
  account.dayResult = ZERO_MONEY;
  state.nextQuietEndMs = Math.min(state.nextQuietEndMs, untilMs);
  emitChange(step, account, 'BREAKER_RESET', note);
}

function emitChange(
  step: Step,
  account: Account,
  kind: 'BREAKER_TRIPPED' | 'BREAKER_RESET' | 'BREAKER_OPENED',
  note: string,
): void {
  emitLedgerEntry(step, account.accountId, account, kind, step.cause, [], null, null, note);
}
