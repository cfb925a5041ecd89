/**
 * A trading day from outside, on any hall of processes and stores: fifty accounts, orders by the thousand, five kills,
 * and then proof, by what its interfaces say, that nothing accepted was lost and nothing was applied twice.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { type Api, connectOperator, connectToAll, listMember, member, textMember } from './api.ts';
import { REPLAY_SPEED } from './bars.ts';
import { foldLedger, foldTrades, type LedgerPosting, portfolioOf, type Trade, tradesOf } from './books.ts';
import { eventually } from './eventually.ts';
import { exportedRecords } from './log-file.ts';
import { nano } from './nano.ts';
import { openAccounts, totalLag } from './operator.ts';
import { watchPrices } from './price-watcher.ts';
import { runJsonWith } from './program.ts';
import {
  type Account,
  cancel,
  carryOutAll,
  type Diary,
  type Intent,
  planDay,
  SYMBOLS,
  TERMINAL,
} from './workload.ts';

const ACCOUNTS = 50;
const LIVES = 6;
const SEED = 20_190_211;
const AT_ONCE = 12;
const CAUGHT_UP_MS = 120_000;

/** Tradehall as someone runs it: which processes, on which stores. */
export interface Hall {
  /** For commands on the stopped hall: what names its stores, and a data folder. */
  readonly variables: Readonly<Record<string, string>>;
  readonly dataFolder: string;
  /** On what the last life left; resolves when it is ready. */
  start(replaySpeed: string): Promise<RunningHall>;
}

export interface RunningHall {
  /** Of its gateways. */
  readonly urls: readonly string[];
  /** The data folder of a gateway, which has the operator's socket. */
  readonly operatorFolder: string;
  feedHasEnded(): Promise<boolean>;
  /** Makes the history show all that it was given; a search index does so by itself, a second later. */
  showHistory(): Promise<void>;
  /** SIGKILL to every process at once. */
  kill(): Promise<void>;
  /** SIGTERM to every process; rejects when one ends with another code than 0. */
  stop(): Promise<void>;
}

export interface DayPlan {
  readonly title: string;
  readonly hall: Hall;
  readonly orders: number;
  /** Where the log is exported to. */
  readonly exportFile: string;
}

/** Registers the day's tests; gives its accounts, for tests that come after it. */
export function registerTradingDay({ title, hall, orders, exportFile }: DayPlan): {
  accounts(): readonly Account[];
} {
  const diary: Diary = { accepted: new Map(), statuses: new Map(), sent: 0 };
  const tradesByAccount = new Map<string, readonly Trade[]>();
  let accounts: readonly Account[] = [];
  let started: RunningHall | null = null;

  function running(): RunningHall {
    assert.ok(started !== null, 'it is running');
    return started;
  }

  async function caughtUp(): Promise<void> {
    await eventually(
      'every consumer has read everything',
      async () => ((await totalLag(running().operatorFolder)) === 0 ? true : null),
      CAUGHT_UP_MS,
    );
  }

  describe(title, () => {
    after(async () => {
      await started?.kill();
    });

    test('it starts on empty stores, opens fifty accounts, and sends prices over the socket', async () => {
      started = await hall.start(REPLAY_SPEED);
      accounts = await openAccounts(started.operatorFolder, ACCOUNTS);
      const api = connectToAll(started.urls);
      const [first] = accounts;
      const [url] = started.urls;
      assert.ok(first !== undefined && url !== undefined);
      const watcher = await watchPrices(api, url, first, SYMBOLS);
      await eventually('every subscribed symbol has moved', async () =>
        watcher.updates.size === SYMBOLS.length ? true : null,
      );
      watcher.close();
      await api.close();
    });

    test(`five kills in the middle of ${orders} orders`, async () => {
      const plan = planDay(accounts, orders, SEED);
      let unknown: readonly Intent[] = [];
      let cut = 0;
      for (let life = 1; life <= LIVES; life += 1) {
        started ??= await hall.start(life === LIVES ? 'max' : REPLAY_SPEED);
        const living = started;
        const api: Api = connectToAll(living.urls);
        const untilKnown = (intents: readonly Intent[]): Promise<true> => {
          let left = intents;
          return eventually(
            'nothing is unknown any more',
            async () => {
              left = await carryOutAll(api, left, diary, AT_ONCE);
              return left.length === 0 ? true : null;
            },
            CAUGHT_UP_MS,
          );
        };
        const share = plan.slice(((life - 1) * orders) / LIVES, (life * orders) / LIVES);
        const lateOnes = life < LIVES ? Math.floor(share.length * 0.3) : 0;
        const late = share.slice(share.length - lateOnes);
        // What was unknown when the last life ended is asked again, under the same keys.
        await untilKnown([...unknown, ...share.slice(0, share.length - lateOnes)]);
        if (life < LIVES) {
          const enough = diary.sent + Math.floor(lateOnes / 3);
          [unknown] = await Promise.all([
            carryOutAll(api, late, diary, AT_ONCE),
            eventually('some of the last orders are under way', async () =>
              diary.sent >= enough ? true : null,
            ).then(() => living.kill()),
          ]);
          started = null;
          cut += unknown.length;
        }
        await api.close();
      }
      assert.ok(cut > 0, 'kills came in the middle of orders');
      assert.ok(diary.sent >= orders, `${diary.sent} orders were sent`);
      for (const seen of [
        'buy 202',
        'sell 202',
        'lack-funds 402',
        'lack-shares 422',
        'malformed 400',
        'repeat-same 202',
        'repeat-other 202',
        'rest-and-cancel 202',
      ]) {
        assert.ok(
          (diary.statuses.get(seen) ?? 0) > 0,
          `no ${seen} in ${JSON.stringify([...diary.statuses])}`,
        );
      }
    });

    test('the core refuses what the early checks let through at the same moment', async () => {
      const operator = connectOperator(running().operatorFolder);
      const opened = await operator.request('POST', '/operator/accounts', {
        body: { name: 'Burst', cash: '1000' },
      });
      const accountId = textMember(opened.body, 'accountId');
      const key = await operator.request('POST', `/operator/accounts/${accountId}/keys`);
      const burst: Account = {
        accountId,
        credential: `${textMember(key.body, 'keyId')}.${textMember(key.body, 'secret')}`,
        cash: '1000',
      };
      accounts = [...accounts, burst];
      const api = connectToAll(running().urls);
      const answers = await Promise.all(
        Array.from({ length: 10 }, () =>
          api.request('POST', '/v1/orders', {
            credential: burst.credential,
            body: { symbol: 'SPY', side: 'BUY', notional: '900' },
          }),
        ),
      );
      for (const { status, body } of answers) {
        if (status === 202)
          diary.accepted.set(textMember(body, 'orderId'), {
            orderId: textMember(body, 'orderId'),
            account: burst,
          });
        else assert.equal(status, 402, JSON.stringify(body));
      }
      await api.close();
      await operator.close();
    });

    test('after the feed has ended and what rests is cancelled, every accepted order is terminal', async () => {
      await eventually(
        'the feed has ended',
        async () => ((await running().feedHasEnded()) ? true : null),
        CAUGHT_UP_MS,
      );
      await caughtUp();
      const api = connectToAll(running().urls);
      const left = new Map(diary.accepted);
      await eventually(
        'every accepted order has ended',
        async () => {
          await Promise.all(
            [...left.values()].map(async ({ orderId, account }) => {
              const { status, body } = await api.request('GET', `/v1/orders/${orderId}`, {
                credential: account.credential,
              });
              assert.equal(
                status,
                200,
                `the accepted order ${orderId} answers ${status}: ${JSON.stringify(body)}`,
              );
              if (TERMINAL.has(textMember(body, 'status'))) left.delete(orderId);
              else await cancel(api, account, orderId);
            }),
          );
          return left.size === 0 ? true : null;
        },
        CAUGHT_UP_MS,
      );
      await caughtUp();
      await running().showHistory();
      await api.close();
    });

    test('portfolios are the fold of the executed trades, and analytics count the same shares', async () => {
      const api = connectToAll(running().urls);
      const traded = new Map<string, bigint>();
      for (const account of accounts) {
        const trades = await tradesOf(api, account);
        assert.equal(
          new Set(trades.map(({ eventId }) => eventId)).size,
          trades.length,
          'no trade is listed twice',
        );
        tradesByAccount.set(account.accountId, trades);
        assert.deepEqual(
          await portfolioOf(api, account),
          foldTrades(account, trades),
          `portfolio of ${account.accountId}`,
        );
        for (const { symbol, quantity, price } of trades) {
          if (price !== null) traded.set(symbol, (traded.get(symbol) ?? 0n) + quantity);
        }
      }
      const first = accounts[0];
      assert.ok(first !== undefined);
      const { body } = await api.request('GET', '/v1/analytics/volume?timeWindow=7d', {
        credential: first.credential,
      });
      const volumes = new Map(
        listMember(body, 'data').map((row) => [textMember(row, 'symbol'), nano(textMember(row, 'volume'))]),
      );
      assert.deepEqual([...volumes].sort(), [...traded].sort());
      await api.close();
    });

    test('SIGTERM ends it with 0, and verify --deep holds', async () => {
      await running().stop();
      started = null;
      const verdict = await runJsonWith(hall.variables, 'verify', '--data', hall.dataFolder, '--deep');
      assert.deepEqual(member(verdict, 'findings'), []);
      assert.equal(member(verdict, 'sound'), true);
      assert.ok(Number(member(verdict, 'inputsReplayed')) >= diary.accepted.size);
    });

    test('in the exported log each accepted order ends once, and the books balance to zero', async () => {
      const exported = await runJsonWith(hall.variables, 'export', exportFile, '--data', hall.dataFolder);
      // At least the order, an update and an entry in the books.
      assert.ok(Number(member(exported, 'records')) > 3 * diary.accepted.size);
      const endings = new Map<string, number>();
      const entries: LedgerPosting[][] = [];
      for await (const { topic, event } of exportedRecords(
        exportFile,
        new Set(['order_updates', 'ledger_entries']),
      )) {
        const payload = member(event, 'payload');
        if (topic === 'ledger_entries') {
          entries.push(
            listMember(payload, 'postings').map((posting) => ({
              account: textMember(posting, 'account'),
              asset: textMember(posting, 'asset'),
              amount: nano(textMember(posting, 'amount')),
            })),
          );
          continue;
        }
        const update = textMember(payload, 'update');
        if (
          !TERMINAL.has(textMember(payload, 'status')) ||
          ['cancel_rejected', 'duplicate_conflict'].includes(update)
        )
          continue;
        const orderId = textMember(payload, 'orderId');
        endings.set(orderId, (endings.get(orderId) ?? 0) + 1);
      }
      for (const orderId of diary.accepted.keys())
        assert.equal(
          endings.get(orderId),
          1,
          `the order ${orderId} ended ${endings.get(orderId) ?? 0} times`,
        );
      const balances = foldLedger(entries);
      for (const account of accounts) {
        const { cash, holdings } = foldTrades(account, tradesByAccount.get(account.accountId) ?? []);
        const own = new Map(
          [...(balances.get(account.accountId) ?? [])].filter(([, amount]) => amount !== 0n),
        );
        const expected = new Map([...holdings, ...(cash === 0n ? [] : [['USD', cash] as const])]);
        assert.deepEqual([...own].sort(), [...expected].sort(), `the books of ${account.accountId}`);
      }
    });
  });

  return { accounts: () => accounts };
}
