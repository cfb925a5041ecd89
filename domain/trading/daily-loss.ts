/** What an account has won and lost today: realised results and fees. What it holds is not looked at. */
import { MAX_SCALED, MIN_SCALED, type Money } from '#domain/data/decimal.ts';
import type { Account } from './holdings.ts';
import type { Step } from './step.ts';

const DAY_MS = 86_400_000;

/** Adds to the day's result of an account, which is touched anyway. A day begins at 00:00 UTC of market time. */
export function noteResult(step: Step, account: Account, amount: bigint): void {
  const { clockMs, controls } = step.state;
  const day = Math.floor(clockMs / DAY_MS);
  const before: bigint = account.resultDay === day ? account.dayResult : 0n;
  const result = before + amount;
  const kept = result > MAX_SCALED ? MAX_SCALED : result < MIN_SCALED ? MIN_SCALED : result;
  account.resultDay = day;
  account.dayResult = kept as Money;
  if (-kept <= controls.limits.maxDailyLoss) return;
  step.losers ??= [];
  step.losers.push(account);
}

/** Zero or more: what today has cost, as far as it is known. */
export function lossOf(account: Account): Money {
  const { dayResult } = account;
  return (dayResult < 0n ? -dayResult : 0n) as Money;
}
