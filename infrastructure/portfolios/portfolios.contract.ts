/** What every portfolio store must do, against its real server. An adapter's test file registers this suite. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import type { Money, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, Symbol } from '#domain/data/identifiers.ts';
import type { OpenStoreUnderTest, StoreUnderTest } from '#infrastructure/common/store-under-test.ts';
import type { Portfolio, PortfolioStore, PutOutcome } from './portfolios.ts';

const LARGEST = 9_223_372_036_854_775_807n;

export function portfolio(account: number, version: number, overrides: Partial<Portfolio> = {}): Portfolio {
  return {
    userId: `00000000-0000-4000-8000-${String(account).padStart(12, '0')}` as AccountId,
    name: 'Ada',
    cashBalance: 100_000_000_000_001n as Money,
    cashReserved: 0n as Money,
    holdings: new Map(),
    sharesReserved: new Map(),
    lastUpdatedTimestampMs: 1_549_895_400_000,
    version,
    stateHash: `hash-${version}`,
    ...overrides,
  };
}

export function registerPortfolioStoreContract(
  adapter: string,
  open: OpenStoreUnderTest<PortfolioStore>,
): void {
  describe(`portfolio store contract: ${adapter}`, () => {
    let subject: StoreUnderTest<PortfolioStore>;
    beforeEach(async () => {
      subject = await open();
    });
    afterEach(() => subject.dispose());

    test('a portfolio comes back to the last digit, also after a restart', async () => {
      const full = portfolio(1, 7, {
        name: 'Ada’s "first" account',
        cashBalance: LARGEST as Money,
        cashReserved: 1n as Money,
        holdings: new Map([
          [
            'AAPL' as Symbol,
            { quantity: LARGEST as Quantity, costBasis: 1n as Money, realisedProfit: -LARGEST as Money },
          ],
          [
            'BRK.B' as Symbol,
            { quantity: 0n as Quantity, costBasis: 0n as Money, realisedProfit: 5n as Money },
          ],
        ]),
        sharesReserved: new Map([['AAPL' as Symbol, 3n as Quantity]]),
      });
      assert.deepEqual(await subject.store.put([full]), [{ kind: 'written' }]);
      assert.deepEqual(await subject.store.get(full.userId), full);
      await subject.reopen();
      assert.deepEqual(await subject.store.get(full.userId), full);
    });

    test('an unknown account has no portfolio', async () => {
      assert.equal(await subject.store.get(portfolio(1, 1).userId), null);
      assert.deepEqual(await subject.store.put([]), []);
      assert.deepEqual(await subject.store.list(null, 10), []);
      assert.equal(await subject.store.isEmpty(), true);
      await subject.store.put([portfolio(1, 1)]);
      assert.equal(await subject.store.isEmpty(), false);
    });

    test('only a newer version is written over a stored one', async () => {
      await subject.store.put([portfolio(1, 5)]);
      assert.deepEqual(await subject.store.put([portfolio(1, 4, { name: 'older' })]), [
        { kind: 'not-newer', storedVersion: 5 },
      ]);
      assert.deepEqual(await subject.store.get(portfolio(1, 5).userId), portfolio(1, 5));
      assert.deepEqual(await subject.store.put([portfolio(1, 9)]), [{ kind: 'written' }]);
      assert.deepEqual(await subject.store.get(portfolio(1, 9).userId), portfolio(1, 9));
    });

    test('a repeat of the stored version is harmless, and with another hash it is a conflict', async () => {
      await subject.store.put([portfolio(1, 5)]);
      assert.deepEqual(await subject.store.put([portfolio(1, 5)]), [{ kind: 'not-newer', storedVersion: 5 }]);
      assert.deepEqual(await subject.store.put([portfolio(1, 5, { stateHash: 'other' })]), [
        { kind: 'conflict', storedHash: 'hash-5' },
      ]);
      assert.deepEqual(await subject.store.get(portfolio(1, 5).userId), portfolio(1, 5));
    });

    test('items of one call are independent and answered in their order', async () => {
      await subject.store.put([portfolio(2, 5)]);
      const outcomes = await subject.store.put([
        portfolio(1, 1),
        portfolio(2, 5, { stateHash: 'other' }),
        portfolio(3, 1),
        portfolio(3, 3),
        portfolio(3, 2),
      ]);
      assert.deepEqual(outcomes, [
        { kind: 'written' },
        { kind: 'conflict', storedHash: 'hash-5' },
        { kind: 'written' },
        { kind: 'written' },
        { kind: 'not-newer', storedVersion: 3 },
      ]);
    });

    test('negative cash, holdings and reservations are refused before anything is written', async () => {
      const impossible: readonly Partial<Portfolio>[] = [
        { cashBalance: -1n as Money },
        { cashReserved: -1n as Money },
        {
          holdings: new Map([
            [
              'AAPL' as Symbol,
              { quantity: -1n as Quantity, costBasis: 0n as Money, realisedProfit: 0n as Money },
            ],
          ]),
        },
        { sharesReserved: new Map([['AAPL' as Symbol, -1n as Quantity]]) },
      ];
      for (const overrides of impossible) {
        await assert.rejects(subject.store.put([portfolio(1, 1), portfolio(2, 1, overrides)]), {
          code: 'ERR_ASSERTION',
        });
      }
      assert.deepEqual(await subject.store.list(null, 10), []);
    });

    test('listing pages through all accounts by id', async () => {
      const all = Array.from({ length: 25 }, (_, index) => portfolio(index, 1));
      await subject.store.put(all.toReversed());
      const listed: Portfolio[] = [];
      for (let page = await subject.store.list(null, 10); page.length > 0; ) {
        assert.ok(page.length <= 10);
        listed.push(...page);
        page = await subject.store.list(page.at(-1)?.userId ?? null, 10);
      }
      assert.deepEqual(listed, all);
    });

    test('any sequence of writes leaves what a map of newest versions would hold', async () => {
      const write = fc.record({
        account: fc.integer({ min: 0, max: 3 }),
        version: fc.integer({ min: 0, max: 5 }),
        stateHash: fc.constantFrom('a', 'b'),
        cashBalance: fc.bigInt({ min: 0n, max: LARGEST }),
      });
      let firstAccount = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(write, { maxLength: 6 }), { maxLength: 6 }), async (calls) => {
          firstAccount += 10;
          const model = new Map<AccountId, Portfolio>();
          for (const call of calls) {
            const items = call.map(({ account, version, stateHash, cashBalance }) =>
              portfolio(firstAccount + account, version, { stateHash, cashBalance: cashBalance as Money }),
            );
            assert.deepEqual(
              await subject.store.put(items),
              items.map((item) => putInModel(model, item)),
            );
          }
          for (const [userId, stored] of model) assert.deepEqual(await subject.store.get(userId), stored);
        }),
        { numRuns: 50 },
      );
    });
  });
}

function putInModel(model: Map<AccountId, Portfolio>, item: Portfolio): PutOutcome {
  const stored = model.get(item.userId);
  if (stored !== undefined && stored.version >= item.version) {
    return stored.version === item.version && stored.stateHash !== item.stateHash
      ? { kind: 'conflict', storedHash: stored.stateHash }
      : { kind: 'not-newer', storedVersion: stored.version };
  }
  model.set(item.userId, item);
  return { kind: 'written' };
}
