/** What the relational stores must do on every database. An adapter's test file registers this suite. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import type { Money, Price, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, OrderId, Symbol } from '#domain/data/identifiers.ts';
import type { OpenStoreUnderTest, StoreUnderTest } from '#infrastructure/common/store-under-test.ts';
import { registerApiKeysContract } from './api-keys.contract.ts';
import { registerKeyClaimsContract } from './key-claims.contract.ts';
import { registerPositionsContract } from './positions.contract.ts';
import type { AccountRecord, IndexedOrder, RelationalStores, StatementLine } from './stores.ts';

const LARGEST = 9_223_372_036_854_775_807n;
const START_MS = 1_549_895_400_000;
const ADA = account(1);
const BOB = account(2);

function account(number: number): AccountId {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}` as AccountId;
}

export function acceptedOrder(number: number, overrides: Partial<IndexedOrder> = {}): IndexedOrder {
  return {
    orderId: `00000000-0000-4000-9000-${String(number).padStart(12, '0')}` as OrderId,
    userId: ADA,
    symbol: 'AAPL' as Symbol,
    side: 'BUY',
    type: 'LIMIT',
    timeInForce: 'GTC',
    quantity: LARGEST as Quantity,
    notional: 1n as Money,
    limitPrice: 187_120_000_001n as Price,
    clientOrderId: `mine-${number}`,
    status: 'ACCEPTED',
    filledQuantity: 0n as Quantity,
    averageFillPrice: null,
    reason: null,
    bodyDigest: `digest-${number}`,
    createdAtMs: START_MS + number,
    updatedAtMs: START_MS + number,
    accountSequence: 0,
    ...overrides,
  };
}

/** As the index makes it from an update alone: without the facts that only the acceptance has. */
export function updatedOrder(
  number: number,
  sequence: number,
  overrides: Partial<IndexedOrder> = {},
): IndexedOrder {
  return acceptedOrder(number, {
    notional: null,
    bodyDigest: '',
    status: 'NEW',
    createdAtMs: START_MS + 10_000 + sequence,
    updatedAtMs: START_MS + 10_000 + sequence,
    accountSequence: sequence,
    ...overrides,
  });
}

export function statementLine(sequence: number, overrides: Partial<StatementLine> = {}): StatementLine {
  return {
    entryId: `entry-${overrides.accountId ?? ADA}-${sequence}`,
    accountId: ADA,
    sequence,
    kind: 'FILL',
    reference: `order-${sequence}`,
    symbol: 'AAPL' as Symbol,
    cashChange: -LARGEST as Money,
    quantityChange: 10n as Quantity,
    price: 187_120_000_001n as Price,
    cashAfter: 5n as Money,
    atMs: START_MS + sequence,
    note: null,
    ...overrides,
  };
}

export function registerRelationalContract(
  adapter: string,
  open: OpenStoreUnderTest<RelationalStores>,
): void {
  describe(`relational contract: ${adapter}`, () => {
    let subject: StoreUnderTest<RelationalStores>;
    beforeEach(async () => {
      subject = await open();
    });
    afterEach(() => subject.dispose());

    registerApiKeysContract(
      () => subject.store.apiKeys,
      () => subject.reopen(),
    );
    registerKeyClaimsContract(
      () => subject.store.keyClaims,
      () => subject.reopen(),
    );

    describe('order index', () => {
      test('an order comes back to the last digit, also after a restart', async () => {
        const bare = acceptedOrder(2, {
          quantity: null,
          notional: null,
          limitPrice: null,
          clientOrderId: null,
          createdAtMs: 0,
          updatedAtMs: 0,
        });
        await subject.store.orders.put([acceptedOrder(1), bare]);
        await subject.reopen();
        assert.deepEqual(await subject.store.orders.get(acceptedOrder(1).orderId), acceptedOrder(1));
        assert.deepEqual(await subject.store.orders.get(bare.orderId), bare);
        assert.equal(await subject.store.orders.get(acceptedOrder(3).orderId), null);
      });

      test('an older update never overwrites a newer one', async () => {
        const filled = updatedOrder(1, 7, { status: 'FILLED', averageFillPrice: 3n as Price });
        await subject.store.orders.put([acceptedOrder(1)]);
        await subject.store.orders.put([filled]);
        await subject.store.orders.put([updatedOrder(1, 6), updatedOrder(1, 7)]);
        await subject.store.orders.put([acceptedOrder(1)]);
        const stored = await subject.store.orders.get(filled.orderId);
        assert.equal(stored?.status, 'FILLED');
        assert.equal(stored?.accountSequence, 7);
        assert.equal(stored?.averageFillPrice, 3n);
      });

      test('the first acceptance stands: another body under the same id changes nothing', async () => {
        await subject.store.orders.put([acceptedOrder(1)]);
        await subject.store.orders.put([
          acceptedOrder(1, { bodyDigest: 'other', notional: 9n as Money, createdAtMs: 3 }),
        ]);
        assert.deepEqual(await subject.store.orders.get(acceptedOrder(1).orderId), acceptedOrder(1));
      });

      test('acceptance and updates give the same order in any sequence, any batches, with any repeats', async () => {
        const history = (number: number): readonly IndexedOrder[] => [
          acceptedOrder(number),
          updatedOrder(number, 3),
          updatedOrder(number, 4, { status: 'PARTIALLY_FILLED', filledQuantity: 2n as Quantity }),
          updatedOrder(number, 6, {
            status: 'CANCELED',
            filledQuantity: 2n as Quantity,
            reason: 'asked for',
            // What an update does not say, the order keeps.
            quantity: null,
            clientOrderId: null,
          }),
        ];
        const steps = [0, 1, 2, 3];
        const sequence = fc
          .array(fc.constantFrom(...steps), { maxLength: 8 })
          .chain((repeats) =>
            fc.shuffledSubarray([...steps, ...repeats], { minLength: steps.length + repeats.length }),
          );
        let number = 0;
        await fc.assert(
          fc.asyncProperty(
            sequence,
            fc.infiniteStream(fc.integer({ min: 1, max: 4 })),
            async (shuffled, sizes) => {
              number++;
              const rows = shuffled.flatMap((step) => history(number).slice(step, step + 1));
              for (let start = 0; start < rows.length; ) {
                const size = Number(sizes.next().value);
                await subject.store.orders.put(rows.slice(start, start + size));
                start += size;
              }
              assert.deepEqual(await subject.store.orders.get(acceptedOrder(number).orderId), {
                ...acceptedOrder(number),
                status: 'CANCELED',
                filledQuantity: 2n,
                reason: 'asked for',
                updatedAtMs: START_MS + 10_006,
                accountSequence: 6,
              });
            },
          ),
          { numRuns: 50 },
        );
      });

      test('a batch of any size goes in whole, and many orders are read at once', async () => {
        const orders = Array.from({ length: 777 }, (_, number) => acceptedOrder(number));
        await subject.store.orders.put(orders);
        await subject.store.orders.put([]);
        const unknown = acceptedOrder(1_000).orderId;
        const found = await subject.store.orders.getMany([...orders.map(({ orderId }) => orderId), unknown]);
        assert.deepEqual(
          [...found].sort((one, other) => (one.orderId < other.orderId ? -1 : 1)),
          orders,
        );
        assert.deepEqual(await subject.store.orders.getMany([]), []);
      });

      test('a list is of one account, newest first, by status and symbol', async () => {
        const orders = [
          acceptedOrder(1),
          acceptedOrder(2, { status: 'PARTIALLY_FILLED' }),
          acceptedOrder(3, { status: 'FILLED' }),
          acceptedOrder(4, { status: 'DENIED', symbol: 'MSFT' as Symbol }),
          acceptedOrder(5, { userId: BOB }),
          acceptedOrder(6, { status: 'NEW', symbol: 'MSFT' as Symbol }),
        ];
        await subject.store.orders.put(orders);
        const numbers = async (
          query: Omit<Parameters<RelationalStores['orders']['list']>[0], 'userId' | 'limit'>,
        ) => {
          const listed = await subject.store.orders.list({ userId: ADA, limit: 10, ...query });
          return listed.map(({ orderId }) => Number(orderId.slice(-3)));
        };
        assert.deepEqual(await numbers({}), [6, 4, 3, 2, 1]);
        assert.deepEqual(await numbers({ status: 'open' }), [6, 2, 1]);
        assert.deepEqual(await numbers({ status: 'closed' }), [4, 3]);
        assert.deepEqual(await numbers({ status: 'FILLED' }), [3]);
        assert.deepEqual(await numbers({ status: 'open', symbol: 'MSFT' as Symbol }), [6]);
        assert.deepEqual(await numbers({ after: acceptedOrder(3) }), [2, 1]);
        assert.deepEqual(await numbers({ after: acceptedOrder(5) }), [4, 3, 2, 1], 'of another account');
        assert.deepEqual(await numbers({ after: acceptedOrder(7) }), [6, 4, 3, 2, 1], 'not stored yet');
      });

      test('pages meet every order once, also where times are equal', async () => {
        const orders = Array.from({ length: 23 }, (_, number) =>
          acceptedOrder(number, { createdAtMs: START_MS + (number >> 2) }),
        );
        await subject.store.orders.put(orders);
        const seen: IndexedOrder[] = [];
        for (let page = await subject.store.orders.list({ userId: ADA, limit: 5 }); ; ) {
          seen.push(...page);
          const after = page.at(-1);
          if (after === undefined) break;
          page = await subject.store.orders.list({ userId: ADA, limit: 5, after });
        }
        assert.deepEqual(seen, orders.toReversed());
      });

      test('a scan meets every order of every account once, by id', async () => {
        const orders = Array.from({ length: 7 }, (_, number) =>
          acceptedOrder(number, number % 2 === 0 ? {} : { userId: BOB }),
        );
        await subject.store.orders.put(orders.toReversed());
        const first = await subject.store.orders.scan(null, 4);
        const rest = await subject.store.orders.scan(first.at(-1)?.orderId ?? null, 4);
        assert.deepEqual([...first, ...rest], orders);
      });
    });

    describe('statements', () => {
      test('lines come back to the last digit, in sequence order, once however often they are appended', async () => {
        const lines = [
          statementLine(1, {
            kind: 'OPENED',
            symbol: null,
            quantityChange: null,
            price: null,
            note: 'welcome',
          }),
          statementLine(2),
          statementLine(3, { kind: 'FEE' }),
        ];
        await subject.store.statements.append(lines.toReversed());
        await subject.store.statements.append([...lines, statementLine(2, { cashAfter: 99n as Money })]);
        await subject.store.statements.append([]);
        await subject.reopen();
        assert.deepEqual(await subject.store.statements.list({ accountId: ADA, limit: 10 }), lines);
      });

      test('a scan meets every line of every account once, by id', async () => {
        const lines = [statementLine(1), statementLine(2), statementLine(3, { accountId: BOB })];
        await subject.store.statements.append(lines);
        const first = await subject.store.statements.scan(null, 2);
        const rest = await subject.store.statements.scan(first.at(-1)?.entryId ?? null, 2);
        assert.deepEqual(
          [...first, ...rest].map(({ entryId }) => entryId),
          lines.map(({ entryId }) => entryId).sort(),
        );
      });

      test('a list has from inclusive, to exclusive, and pages by sequence', async () => {
        const lines = Array.from({ length: 10 }, (_, index) => statementLine(index + 1));
        await subject.store.statements.append([...lines, statementLine(4, { accountId: BOB })]);
        const list = async (
          query: Omit<Parameters<RelationalStores['statements']['list']>[0], 'accountId'>,
        ) =>
          (await subject.store.statements.list({ accountId: ADA, ...query })).map(({ sequence }) => sequence);
        assert.deepEqual(await list({ fromMs: START_MS + 3, toMs: START_MS + 6, limit: 10 }), [3, 4, 5]);
        assert.deepEqual(await list({ limit: 4 }), [1, 2, 3, 4]);
        assert.deepEqual(await list({ afterSequence: 4, limit: 4 }), [5, 6, 7, 8]);
        assert.deepEqual(await list({ afterSequence: 10, limit: 4 }), []);
      });

      test('a transfer is found by its command, in its account only, and the lines of an order are not', async () => {
        await subject.store.statements.append([
          statementLine(4, { reference: 'command', kind: 'DEPOSIT' }),
          statementLine(3, { reference: 'command', kind: 'WITHDRAWAL_DENIED' }),
          statementLine(2, { reference: 'order', kind: 'FILL' }),
          statementLine(1, { reference: 'command', kind: 'DEPOSIT', accountId: BOB }),
        ]);
        assert.equal((await subject.store.statements.findTransfer(ADA, 'command'))?.sequence, 3);
        assert.equal(await subject.store.statements.findTransfer(ADA, 'order'), null);
        assert.equal(await subject.store.statements.findTransfer(ADA, 'none'), null);
      });
    });

    describe('account directory', () => {
      test('accounts are listed by id in pages; a repeat may rename, and keeps the creation time', async () => {
        const accounts: readonly AccountRecord[] = Array.from({ length: 7 }, (_, number) => ({
          accountId: account(number),
          name: `Account ${number}`,
          createdAtMs: START_MS + number,
        }));
        await subject.store.accounts.put(accounts.toReversed());
        await subject.store.accounts.put([{ accountId: account(3), name: 'Ada', createdAtMs: 1 }]);
        const expected = accounts.map((record) =>
          record.accountId === account(3) ? { ...record, name: 'Ada' } : record,
        );
        assert.deepEqual(await subject.store.accounts.list(null, 4), expected.slice(0, 4));
        assert.deepEqual(await subject.store.accounts.list(account(3), 10), expected.slice(4));
      });
    });

    registerPositionsContract(
      'the order index',
      () => ({
        put: (row, read) => subject.store.orders.put(row === null ? [] : [acceptedOrder(row)], read),
        positions: () => subject.store.orders.positions(),
        has: async (row) => (await subject.store.orders.get(acceptedOrder(row).orderId)) !== null,
      }),
      () => subject.reopen(),
    );
    registerPositionsContract(
      'the statements',
      () => ({
        put: (row, read) => subject.store.statements.append(row === null ? [] : [statementLine(row)], read),
        positions: () => subject.store.statements.positions(),
        has: async (row) =>
          (await subject.store.statements.list({ accountId: ADA, limit: 10 })).some(
            ({ sequence }) => sequence === row,
          ),
      }),
      () => subject.reopen(),
    );

    test('a batch that is refused moves no position, and one of orders that are known moves it', async () => {
      const read = (from: number, offset: number) => [{ topic: 'a', partition: 0, from, offset }];
      const both = [acceptedOrder(1), updatedOrder(1, 1)];
      const position = async () => (await subject.store.orders.positions())[0]?.offset;
      assert.equal(await subject.store.orders.put(both, read(0, 2)), true);
      assert.equal(await subject.store.orders.put(both, read(2, 4)), true);
      await assert.rejects(
        subject.store.orders.put([{ ...acceptedOrder(2), symbol: null as never }], read(4, 5)),
      );
      assert.equal(await position(), 4);
      assert.equal(await subject.store.orders.put([...both, acceptedOrder(3)], read(5, 6)), false);
      assert.equal(await position(), 4);
    });

    test('calls at the same time do not mix their transactions', async () => {
      const batches = Array.from({ length: 6 }, (_, batch) =>
        Array.from({ length: 150 }, (_, number) => acceptedOrder(batch * 1_000 + number)),
      );
      const lines = Array.from({ length: 150 }, (_, index) => statementLine(index + 1));
      await Promise.all([
        ...batches.map((orders) => subject.store.orders.put(orders)),
        subject.store.statements.append(lines),
        assert.rejects(
          subject.store.orders.put([
            acceptedOrder(9_000),
            { ...acceptedOrder(9_001), symbol: null as never },
          ]),
        ),
      ]);
      assert.equal((await subject.store.orders.list({ userId: ADA, limit: 10_000 })).length, 900);
      assert.equal((await subject.store.statements.list({ accountId: ADA, limit: 10_000 })).length, 150);
      assert.equal(
        await subject.store.orders.get(acceptedOrder(9_000).orderId),
        null,
        'a failed batch leaves nothing',
      );
    });
  });
}
