/** Reads of a portfolio that wait for a version, whoever writes it, and what a valuation asks for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Money, Quantity } from '#domain/data/decimal.ts';
import type { Symbol as Ticker } from '#domain/data/identifiers.ts';
import type { HttpResult } from '#infrastructure/core/http.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { portfolio } from '#infrastructure/portfolios/portfolios.contract.ts';
import type { Portfolio } from '#infrastructure/portfolios/portfolios.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { portfolioRoutes } from './portfolio-routes.ts';
import { VersionWaiters } from './version-waiters.ts';

/** What has been asked for and not answered yet, answered one by one by the test. */
function questions<Answer>() {
  const waiting: ((answer: Answer) => void)[] = [];
  return {
    ask: () => new Promise<Answer>((resolve) => void waiting.push(resolve)),
    answer(answer: Answer): void {
      const next = waiting.shift();
      assert.ok(next !== undefined, 'nothing was asked');
      next(answer);
    },
    get open() {
      return waiting.length;
    },
  };
}

/** Everything that can happen by itself has happened. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 3; turns += 1) await new Promise(setImmediate);
}

/** Routes on a store that answers when it is told to, and time that passes when it is told to. */
function openRoutes({ maxWaiters = 10, trouble = null as string | null } = {}) {
  const looks = questions<Portfolio | null>();
  const prices = questions<null>();
  const sleeps = questions<void>();
  const waiters = new VersionWaiters();
  const system = createSystemRuntime();
  let nowMs = 0;
  const runtime: Runtime = {
    ...system,
    clock: { ...system.clock, monotonicMs: () => nowMs },
    timers: {
      ...system.timers,
      async sleep(durationMs, signal) {
        if (signal?.aborted === true) return;
        const woken = new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()));
        await Promise.race([sleeps.ask(), woken]);
        nowMs += durationMs;
      },
    },
  };
  const route = portfolioRoutes({
    store: { get: looks.ask },
    prices: { get: prices.ask },
    waiters,
    runtime,
    logger: SILENT,
    waitMs: 2_000,
    maxWaiters,
    trouble: () => trouble,
  }).find(({ access }) => access === 'operator');
  const handle = route?.handle as (request: unknown) => Promise<HttpResult>;
  const read = (minVersion: number) =>
    handle({ params: { accountId: portfolio(1, 1).userId }, query: { minVersion: String(minVersion) } });
  return { read, looks, prices, sleeps, waiters };
}

/** The version shown, or the problem's code. */
async function outcomeOf(reading: Promise<HttpResult>): Promise<unknown> {
  const result = await reading;
  if (result.kind === 'problem') return result.problem.code;
  return result.kind === 'json' ? (result.body as { readonly version: number }).version : result.kind;
}

test('a read that waits is answered with what is written here, without another look at the store', async () => {
  const { read, looks, waiters } = openRoutes();
  const reading = outcomeOf(read(3));
  looks.answer(portfolio(1, 2));
  await settled();
  waiters.notify(portfolio(1, 2));
  waiters.notify(portfolio(2, 9));
  await settled();
  waiters.notify(portfolio(1, 4));
  assert.equal(await reading, 4);
  assert.equal(looks.open, 0);
  assert.equal(waiters.count, 0);
});

test('what is written here while the store is still being read is not waited for', async () => {
  const { read, waiters, looks } = openRoutes();
  const reading = outcomeOf(read(3));
  waiters.notify(portfolio(1, 3));
  assert.equal(await reading, 3);
  looks.answer(portfolio(1, 2));
});

test('a version that another process writes is found by looking again', async () => {
  const { read, looks, sleeps } = openRoutes();
  const reading = outcomeOf(read(3));
  for (const found of [null, portfolio(1, 2)]) {
    looks.answer(found);
    await settled();
    sleeps.answer();
    await settled();
  }
  looks.answer(portfolio(1, 3));
  assert.equal(await reading, 3);
});

test('a version that does not come is told after the wait, and at a stop at once', async () => {
  const { read, looks, sleeps, waiters } = openRoutes();
  const waited = outcomeOf(read(3));
  for (let waits = 0; waits < 20; waits += 1) {
    looks.answer(portfolio(1, 2));
    await settled();
    sleeps.answer();
    await settled();
  }
  looks.answer(portfolio(1, 2));
  assert.equal(await waited, 'NOT_READY');
  const stopped = outcomeOf(read(3));
  looks.answer(portfolio(1, 2));
  await settled();
  waiters.wakeAll();
  await settled();
  looks.answer(portfolio(1, 2));
  assert.equal(await stopped, 'NOT_READY');
  assert.equal(waiters.count, 0);
});

test('when as many reads wait as may, only what is there already is answered', async () => {
  const { read, looks, waiters } = openRoutes({ maxWaiters: 1 });
  const first = outcomeOf(read(3));
  looks.answer(portfolio(1, 2));
  await settled();
  const later = outcomeOf(read(3));
  const there = outcomeOf(read(2));
  looks.answer(portfolio(1, 2));
  looks.answer(portfolio(1, 2));
  assert.equal(await later, 'OVERLOADED');
  assert.equal(await there, 2);
  waiters.notify(portfolio(1, 3));
  assert.equal(await first, 3);
});

test('an account that is not there is unknown, unless accounts may be missing', async () => {
  for (const [trouble, code] of [
    [null, 'ACCOUNT_NOT_FOUND'],
    ['portfolio: the table is filled again from the log.', 'PORTFOLIO_UNAVAILABLE'],
  ] as const) {
    const { read, looks } = openRoutes({ trouble });
    const reading = outcomeOf(read(0));
    looks.answer(null);
    assert.equal(await reading, code);
  }
});

test('the prices of all positions are asked for together', async () => {
  const { read, looks, prices } = openRoutes();
  const holding = { quantity: 1n as Quantity, costBasis: 1n as Money, realisedProfit: 0n as Money };
  const reading = outcomeOf(read(0));
  const symbols = ['AAPL', 'MSFT', 'SPY'] as Ticker[];
  looks.answer(portfolio(1, 2, { holdings: new Map(symbols.map((symbol) => [symbol, holding])) }));
  await settled();
  assert.equal(prices.open, symbols.length);
  for (const _ of symbols) prices.answer(null);
  assert.equal(await reading, 2);
});
