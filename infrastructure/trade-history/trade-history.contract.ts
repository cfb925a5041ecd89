/** What every trade history must do, against its real server. An adapter's test file registers this suite. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import type { Price, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, EventId, ExecutionId, OrderId, Symbol } from '#domain/data/identifiers.ts';
import type { OpenStoreUnderTest, StoreUnderTest } from '#infrastructure/common/store-under-test.ts';
import type { TradeDocument, TradeHistory, TradePage, TradeQuery, TradeStatus } from './trade-history.ts';

const LARGEST = 9_223_372_036_854_775_807n;
const START_MS = 1_549_895_400_000;
const ADA = account(1);
const BOB = account(2);

function account(number: number): AccountId {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}` as AccountId;
}

/** An executed trade of Ada; `number` makes its ids, and its time unless given. */
export function executed(number: number, overrides: Partial<TradeDocument> = {}): TradeDocument {
  return {
    eventId: `trade-${String(number).padStart(9, '0')}` as EventId,
    orderId: `00000000-0000-4000-9000-${String(number).padStart(12, '0')}` as OrderId,
    userId: ADA,
    symbol: 'AAPL' as Symbol,
    quantity: 10_000_000_000n as Quantity,
    side: 'BUY',
    status: 'EXECUTED',
    executionPrice: 187_120_000_001n as Price,
    executionId: `execution-${number}` as ExecutionId,
    executionTimestampMs: START_MS + number,
    failureReason: null,
    ...overrides,
  };
}

export function failed(
  number: number,
  failureReason: string,
  overrides: Partial<TradeDocument> = {},
): TradeDocument {
  return executed(number, {
    status: 'FAILED_OTHER',
    executionPrice: null,
    executionId: null,
    failureReason,
    ...overrides,
  });
}

export function registerTradeHistoryContract(adapter: string, open: OpenStoreUnderTest<TradeHistory>): void {
  describe(`trade history contract: ${adapter}`, () => {
    let subject: StoreUnderTest<TradeHistory>;
    beforeEach(async () => {
      subject = await open();
    });
    afterEach(() => subject.dispose());

    async function page(query: Partial<TradeQuery> = {}): Promise<Extract<TradePage, { kind: 'page' }>> {
      const answer = await subject.store.search({ userId: ADA, limit: 100, ...query });
      assert.equal(answer.kind, 'page');
      assert(answer.kind === 'page');
      return answer;
    }

    async function found(query: Partial<TradeQuery>): Promise<readonly string[]> {
      return (await page(query)).trades.map((trade) => trade.eventId);
    }

    test('a trade comes back to the last digit, also after a restart', async () => {
      const trades = [
        failed(2, 'cash 1.5 < needed 2.5', { quantity: 1n as Quantity }),
        executed(1, {
          quantity: LARGEST as Quantity,
          executionPrice: LARGEST as Price,
          executionTimestampMs: 0,
        }),
      ];
      assert.equal(await subject.store.isEmpty(), true);
      await subject.store.index(trades);
      assert.equal(await subject.store.isEmpty(), false);
      assert.deepEqual((await page()).trades, trades);
      await subject.reopen();
      assert.deepEqual(await page(), { kind: 'page', trades, nextPageToken: null, totalCount: 2 });
    });

    test('a repeat changes nothing, within a batch and across batches', async () => {
      await subject.store.index([executed(1), executed(1)]);
      await subject.store.index([executed(1, { symbol: 'MSFT' as Symbol }), executed(2)]);
      assert.deepEqual((await page()).trades, [executed(2), executed(1)]);
      assert.equal((await page({ text: 'aapl' })).totalCount, 2);
      assert.equal((await page({ text: 'msft' })).totalCount, 0);
    });

    test('the newest comes first, and at the same time the larger event id', async () => {
      const sameTime = { executionTimestampMs: START_MS };
      await subject.store.index([
        executed(2, sameTime),
        executed(4),
        executed(3, sameTime),
        executed(1, sameTime),
      ]);
      assert.deepEqual((await page()).trades, [
        executed(4),
        executed(3, sameTime),
        executed(2, sameTime),
        executed(1, sameTime),
      ]);
    });

    test('an account never sees trades of another', async () => {
      await subject.store.index([
        executed(1),
        executed(2, { userId: BOB }),
        failed(3, `said ${ADA}`, { userId: BOB }),
      ]);
      assert.deepEqual(await found({}), [executed(1).eventId]);
      assert.deepEqual(await found({ text: 'buy' }), [executed(1).eventId]);
      assert.deepEqual(await found({ text: ADA }), []);
    });

    test('filters: symbol, status, start inclusive, end exclusive', async () => {
      const trades = [executed(1), failed(2, 'no price'), executed(3, { symbol: 'MSFT' as Symbol })];
      await subject.store.index(trades);
      const [first, second, third] = trades.map((trade) => trade.eventId);
      assert.deepEqual(await found({ symbol: 'AAPL' as Symbol }), [second, first]);
      assert.deepEqual(await found({ status: 'FAILED_OTHER' }), [second]);
      assert.deepEqual(await found({ startMs: START_MS + 2 }), [third, second]);
      assert.deepEqual(await found({ endMs: START_MS + 2 }), [first]);
      assert.deepEqual(
        await found({ startMs: START_MS + 1, endMs: START_MS + 3, symbol: 'MSFT' as Symbol }),
        [],
      );
    });

    test('words are found in reason, symbol, side and status, whole and without case; all must occur', async () => {
      await subject.store.index([
        failed(1, 'Insufficient funds: needed 1,500.25', { status: 'FAILED_INSUFFICIENT_FUNDS' }),
        failed(2, 'The market was closed', { symbol: 'BRK.B' as Symbol, side: 'SELL' }),
        failed(3, 'Überweisung fehlt'),
      ]);
      const [first, second, third] = [1, 2, 3].map((number) => executed(number).eventId);
      assert.deepEqual(await found({ text: 'FUNDS needed' }), [first]);
      assert.deepEqual(await found({ text: 'insufficient' }), [first]);
      assert.deepEqual(await found({ text: 'failed_insufficient_funds' }), [first]);
      assert.deepEqual(await found({ text: 'brk.b sell' }), [second]);
      assert.deepEqual(await found({ text: 'market funds' }), []);
      assert.deepEqual(await found({ text: 'fund' }), []);
      assert.deepEqual(await found({ text: 'überweisung' }), [third]);
      assert.deepEqual(await found({ text: '1,500.25' }), [first]);
      assert.deepEqual(await found({ text: '  --- ' }), [third, second, first]);
    });

    test('query syntax is only words', async () => {
      await subject.store.index([
        failed(1, 'alpha or beta near gamma'),
        failed(2, 'alpha'),
        failed(3, 'beta'),
      ]);
      const all = executed(1).eventId;
      assert.deepEqual(await found({ text: 'alpha OR beta' }), [all]);
      assert.deepEqual(await found({ text: 'alpha NEAR(beta)' }), [all]);
      assert.deepEqual(await found({ text: '"alpha" AND' }), []);
      for (const text of [
        'alph*',
        '^x',
        '-alpha -',
        'x:y',
        '"',
        "'",
        '(',
        'NOT',
        '{a} : b',
        '\u0000',
        '%',
        '\\',
      ]) {
        await page({ text });
      }
    });

    test('pages follow each other without a gap or a repeat while newer trades arrive', async () => {
      const stored = Array.from({ length: 25 }, (_, number) =>
        executed(number, { executionTimestampMs: START_MS + (number >> 2) }),
      );
      await subject.store.index(stored);
      const seen: string[] = [];
      let next = await page({ limit: 7 });
      for (let newer = 100; ; newer++) {
        seen.push(...next.trades.map((trade) => trade.eventId));
        if (next.nextPageToken === null) break;
        await subject.store.index([executed(newer)]);
        next = await page({ limit: 7, pageToken: next.nextPageToken });
      }
      assert.deepEqual(seen, stored.map((trade) => trade.eventId).toReversed());
      assert.equal(next.totalCount, 28, 'counts what is there now, not what is left');
    });

    test('a token of another query, a changed one and garbage are bad tokens', async () => {
      await subject.store.index([executed(1), executed(2), executed(3)]);
      const token = (await page({ limit: 1, text: 'buy' })).nextPageToken;
      assert(token !== null);
      const bad = { kind: 'bad-page-token' };
      const search = (query: Partial<TradeQuery>) =>
        subject.store.search({ userId: ADA, limit: 1, ...query });
      assert.equal((await search({ text: 'buy', pageToken: token, limit: 2 })).kind, 'page');
      assert.deepEqual(await search({ pageToken: token }), bad);
      assert.deepEqual(await search({ text: 'sell', pageToken: token }), bad);
      assert.deepEqual(await search({ text: 'buy', pageToken: token, userId: BOB }), bad);
      assert.deepEqual(await search({ text: 'buy', pageToken: token, symbol: 'AAPL' as Symbol }), bad);
      assert.deepEqual(await search({ text: 'buy', pageToken: `${token}A` }), bad);
      await fc.assert(
        fc.asyncProperty(fc.oneof(fc.string(), fc.base64String(), fc.json()), async (garbage) => {
          assert.deepEqual(await search({ pageToken: garbage }), bad);
          assert.deepEqual(await search({ pageToken: Buffer.from(garbage).toString('base64url') }), bad);
        }),
        { numRuns: 50 },
      );
    });

    test('a scan passes every document once, in event-id order, over all accounts', async () => {
      const all = Array.from({ length: 12 }, (_, number) =>
        executed(number, { userId: number % 2 === 0 ? ADA : BOB }),
      );
      await subject.store.index(all.toReversed());
      const scanned: TradeDocument[] = [];
      for (let some = await subject.store.scan(null, 5); some.length > 0; ) {
        scanned.push(...some);
        some = await subject.store.scan(some.at(-1)?.eventId ?? null, 5);
      }
      assert.deepEqual(scanned, all);
    });

    test('any search gives what a naive filter over all trades gives', async () => {
      const vocabulary = ['cash', 'Price', 'too', 'low', 'AAPL', 'sell', 'x9'];
      const words = fc.array(fc.constantFrom(...vocabulary), { maxLength: 3 }).map((some) => some.join(', '));
      const symbol = fc.constantFrom('AAPL' as Symbol, 'MSFT' as Symbol);
      const status = fc.constantFrom<TradeStatus>('EXECUTED', 'FAILED_OTHER');
      const person = fc.integer({ min: 0, max: 1 });
      const document = fc.record({
        person,
        symbol,
        side: fc.constantFrom('BUY' as const, 'SELL' as const),
        status,
        executionTimestampMs: fc.integer({ min: 0, max: 6 }),
        failureReason: fc.option(words, { nil: null }),
      });
      const time = fc.integer({ min: 0, max: 7 });
      const query = fc.record(
        {
          person,
          limit: fc.integer({ min: 1, max: 4 }),
          symbol,
          status,
          startMs: time,
          endMs: time,
          text: words,
        },
        { requiredKeys: ['person', 'limit'] },
      );
      let run = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(document, { maxLength: 20 }),
          fc.array(query, { minLength: 1, maxLength: 5 }),
          async (documents, queries) => {
            run++;
            const people = (which: number): AccountId => account(run * 10 + which);
            const trades = documents.map(({ person: which, ...overrides }, number) =>
              executed(run * 100 + number, { ...overrides, userId: people(which) }),
            );
            await subject.store.index(trades);
            for (const { person: which, ...filters } of queries) {
              const one: TradeQuery = { ...filters, userId: people(which) };
              assert.deepEqual(await searchAll(subject.store, one), searchNaively(trades, one));
            }
          },
        ),
        { numRuns: 60 },
      );
    });
  });
}

async function searchAll(history: TradeHistory, query: TradeQuery): Promise<readonly TradeDocument[]> {
  const trades: TradeDocument[] = [];
  let pageToken: string | null = null;
  do {
    const answer: TradePage = await history.search(pageToken === null ? query : { ...query, pageToken });
    assert(answer.kind === 'page');
    trades.push(...answer.trades);
    pageToken = answer.nextPageToken;
    if (pageToken === null) assert.equal(answer.totalCount, trades.length);
    else assert.equal(answer.trades.length, query.limit);
  } while (pageToken !== null);
  return trades;
}

function searchNaively(trades: readonly TradeDocument[], query: TradeQuery): readonly TradeDocument[] {
  const wordsOf = (text: string): readonly string[] => text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return trades
    .filter((trade) => {
      const has = new Set(
        wordsOf(`${trade.symbol} ${trade.side} ${trade.status} ${trade.failureReason ?? ''}`),
      );
      return (
        trade.userId === query.userId &&
        (query.symbol === undefined || trade.symbol === query.symbol) &&
        (query.status === undefined || trade.status === query.status) &&
        (query.startMs === undefined || trade.executionTimestampMs >= query.startMs) &&
        (query.endMs === undefined || trade.executionTimestampMs < query.endMs) &&
        wordsOf(query.text ?? '').every((word) => has.has(word))
      );
    })
    .sort(
      (one, other) =>
        other.executionTimestampMs - one.executionTimestampMs || (one.eventId < other.eventId ? 1 : -1),
    );
}
