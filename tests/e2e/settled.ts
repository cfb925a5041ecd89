/** What must be true once the clients of a hall have stopped: every order has ended, and all stores tell of the same trades. */
import assert from 'node:assert/strict';
import { inParallel } from '#infrastructure/common/in-parallel.ts';
import { type Api, listMember, textMember } from './api.ts';
import { foldTrades, portfolioOf, type Trade, tradesOf } from './books.ts';
import { eventually } from './eventually.ts';
import { nano } from './nano.ts';
import { type Account, cancel, type Diary, TERMINAL } from './workload.ts';

const ASKED_AT_ONCE = 8;

/** Cancels what rests, until every order that was accepted has ended: within `deadlineMs` of having asked for each once. */
export async function everyOrderEnds(api: Api, diary: Diary, deadlineMs: number): Promise<void> {
  const left = new Map(diary.accepted);
  const askForAll = async (): Promise<true | null> => {
    await inParallel([...left.values()], ASKED_AT_ONCE, async ({ orderId, account }) => {
      const { status, body } = await api.request('GET', `/v1/orders/${orderId}`, {
        credential: account.credential,
      });
      if (status >= 500) return;
      assert.equal(status, 200, `the accepted order ${orderId} answers ${status}: ${JSON.stringify(body)}`);
      if (TERMINAL.has(textMember(body, 'status'))) left.delete(orderId);
      else await cancel(api, account, orderId);
    });
    return left.size === 0 ? true : null;
  };
  if ((await askForAll()) === null) {
    await eventually('every accepted order has ended', askForAll, deadlineMs);
  }
}

/** Until portfolios are the fold of the trades in the history, to the last digit; gives the shares traded, by symbol. */
export async function portfoliosAreTheirTrades(
  api: Api,
  accounts: readonly Account[],
): Promise<ReadonlyMap<string, bigint>> {
  const traded = new Map<string, bigint>();
  for (const account of accounts) {
    const trades = await untilTradesAreShown(api, account);
    assert.equal(
      new Set(trades.map(({ eventId }) => eventId)).size,
      trades.length,
      'no trade is listed twice',
    );
    for (const { symbol, quantity, price } of trades) {
      if (price !== null) traded.set(symbol, (traded.get(symbol) ?? 0n) + quantity);
    }
  }
  return traded;
}

function untilTradesAreShown(api: Api, account: Account): Promise<readonly Trade[]> {
  return eventually(`the history shows what ${account.accountId} holds`, async () => {
    const shown = await tradesOf(api, account);
    const portfolio = await portfolioOf(api, account);
    try {
      assert.deepEqual(portfolio, foldTrades(account, shown), `portfolio of ${account.accountId}`);
      return shown;
    } catch (error) {
      // A search index shows what it was given a second later.
      if (error instanceof assert.AssertionError) return null;
      throw error;
    }
  });
}

/** The shares traded in the last seven days, by symbol, as analytics count them. */
export async function sharesCounted(api: Api, { credential }: Account): Promise<ReadonlyMap<string, bigint>> {
  const { status, body } = await api.request('GET', '/v1/analytics/volume?timeWindow=7d', { credential });
  assert.equal(status, 200, JSON.stringify(body));
  return new Map(
    listMember(body, 'data').map((row) => [textMember(row, 'symbol'), nano(textMember(row, 'volume'))]),
  );
}
