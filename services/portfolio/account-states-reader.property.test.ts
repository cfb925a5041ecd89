import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AccountHeadEntity, PositionEntity } from '#domain/data/account-state.ts';
import { encodeAccountStateEntity } from '#domain/data/account-state-writer.ts';
import type { Money, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, Symbol as Ticker } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { derivedUuid } from '#infrastructure/common/derived-id.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { LogRecord } from '#infrastructure/event-log/event-log.ts';
import { positionsAfter } from '#infrastructure/event-log/read-positions.ts';
import type { Portfolio, PortfolioStore } from '#infrastructure/portfolios/portfolios.ts';
import { AccountStatesReader, type PortfolioConflict } from './account-states-reader.ts';

const ACCOUNTS = ['a', 'b', 'c'].map((name) => derivedUuid(name) as AccountId);
const SYMBOLS = ['AAPL', 'IBM', 'MSFT'] as Ticker[];

interface Commit {
  readonly account: number;
  /** Per symbol: the quantity after the commit; 0 removes the position. */
  readonly positions: readonly { readonly symbol: number; readonly quantity: number }[];
}

function record(offset: number, key: string, entity: AccountHeadEntity | PositionEntity | null): LogRecord {
  const value = entity === null ? null : encodeAccountStateEntity(entity);
  return { topic: TOPIC.accountStates, partition: 0, offset, key, value, appendedAtMs: 0 };
}

function headOf(accountId: AccountId, version: number, hash = `hash${version}`): AccountHeadEntity {
  return {
    kind: 'account',
    accountId,
    name: 'A',
    cash: BigInt(version) as Money,
    cashReserved: 0n as Money,
    sequence: version,
    killSwitchEngaged: false,
    breaker: { state: 'OPEN' },
    dayResult: 0n as Money,
    resultDay: 0,
    accountHash: hash,
    updatedAtMs: version,
  };
}

/** The records of the commits, and what each account holds at each version. */
function history(commits: readonly Commit[]) {
  const records: LogRecord[] = [];
  const versions = new Map<AccountId, number>();
  const held = new Map<AccountId, Map<Ticker, bigint>>();
  const truth = new Map<string, string>();
  for (const { account, positions } of commits) {
    const accountId = ACCOUNTS[account % ACCOUNTS.length] as AccountId;
    const version = (versions.get(accountId) ?? 0) + 1;
    versions.set(accountId, version);
    const own = held.get(accountId) ?? new Map<Ticker, bigint>();
    held.set(accountId, own);
    for (const { symbol: at, quantity } of positions) {
      const symbol = SYMBOLS[at % SYMBOLS.length] as Ticker;
      const key = `position/${accountId}/${symbol}`;
      if (quantity === 0) {
        own.delete(symbol);
        records.push(record(records.length, key, null));
        continue;
      }
      own.set(symbol, BigInt(quantity));
      const entity: PositionEntity = {
        kind: 'position',
        accountId,
        symbol,
        quantity: BigInt(quantity) as Quantity,
        reserved: 0n as Quantity,
        costBasis: 0n as Money,
        realisedProfit: 0n as Money,
        liquidityUsed: { sequence: 0, bought: 0n as Quantity, sold: 0n as Quantity },
      };
      records.push(record(records.length, key, entity));
    }
    records.push(record(records.length, `account/${accountId}`, headOf(accountId, version)));
    truth.set(`${accountId}@${version}`, textOf(own));
  }
  return { records, versions, truth };
}

function textOf(held: ReadonlyMap<Ticker, bigint>): string {
  return [...held]
    .map(([symbol, quantity]) => `${symbol}=${quantity}`)
    .sort()
    .join(',');
}

/** Fails every put that `fail` says; checks that whatever is put is one whole commit. */
function checkedStore(truth: ReadonlyMap<string, string>, fail: () => boolean) {
  const stored = new Map<AccountId, Portfolio>();
  const store: Pick<PortfolioStore, 'put' | 'get'> = {
    async put(portfolios) {
      if (fail()) throw new OperatingError('STORE_UNAVAILABLE', 'test', { retry: 'retry' });
      return portfolios.map((portfolio) => {
        const holdings = new Map(
          [...portfolio.holdings].map(([symbol, { quantity }]) => [symbol, quantity as bigint]),
        );
        assert.equal(
          textOf(holdings),
          truth.get(`${portfolio.userId}@${portfolio.version}`),
          'half of a commit',
        );
        const former = stored.get(portfolio.userId);
        if (former !== undefined && former.version >= portfolio.version) {
          return former.version === portfolio.version && former.stateHash !== portfolio.stateHash
            ? { kind: 'conflict', storedHash: former.stateHash }
            : { kind: 'not-newer', storedVersion: former.version };
        }
        stored.set(portfolio.userId, portfolio);
        return { kind: 'written' };
      });
    },
    get: async (accountId) => stored.get(accountId) ?? null,
  };
  return { store, stored };
}

async function take(reader: AccountStatesReader, one: LogRecord): Promise<void> {
  await reader.store(await reader.read([one]), positionsAfter([one]));
}

const noise = { onWritten() {}, onUnreadable: async () => assert.fail('everything is readable') };

test('whatever the batches, failures and restarts, every portfolio written is one whole commit, and the last one stays', async () => {
  const commit = fc.record({
    account: fc.nat(2),
    positions: fc.array(fc.record({ symbol: fc.nat(2), quantity: fc.nat(3) }), { maxLength: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(commit, { minLength: 1, maxLength: 25 }),
      fc.array(
        fc.record({ size: fc.integer({ min: 1, max: 7 }), what: fc.constantFrom('go', 'fail', 'restart') }),
        {
          minLength: 1,
          maxLength: 60,
        },
      ),
      fc.nat(2),
      async (commits, steps, cachedPortfolios) => {
        const { records, versions, truth } = history(commits);
        let failing = false;
        const { store, stored } = checkedStore(truth, () => failing);
        const open = () =>
          new AccountStatesReader({
            store,
            cachedPortfolios,
            ...noise,
            onConflict: () => assert.fail('no conflict'),
          });
        let reader = open();
        let read = 0;
        let committed = 0;
        for (let at = 0; read < records.length; at += 1) {
          const { size, what } = steps[at % steps.length] ?? { size: 1, what: 'go' };
          if (what === 'restart' && at < steps.length) {
            reader = open();
            read = committed;
            continue;
          }
          const batch = records.slice(read, read + size);
          failing = what === 'fail';
          // A retry with the same records, as the consumer loop does it.
          const [changes, after] = [await reader.read(batch), positionsAfter(batch)];
          if (failing)
            await reader
              .store(changes, after)
              .catch((error: unknown) => assert(error instanceof OperatingError));
          failing = false;
          const [position] = await reader.store(changes, after);
          assert.ok(position !== undefined && position.offset >= committed, 'a position never goes back');
          committed = position.offset;
          read += batch.length;
        }
        for (const [accountId, version] of versions) assert.equal(stored.get(accountId)?.version, version);
      },
    ),
    { numRuns: 150 },
  );
});

test('a compacted topic gives the same portfolios', async () => {
  const commits = Array.from({ length: 40 }, (_, at) => ({
    account: at,
    positions: [{ symbol: at * 7, quantity: (at * 5) % 4 }],
  }));
  const { records, versions, truth } = history(commits);
  const last = new Map(records.map((each) => [each.key, each.offset]));
  const compacted = records.filter(({ key, offset, value }) => last.get(key) === offset && value !== null);
  const { store, stored } = checkedStore(truth, () => false);
  const reader = new AccountStatesReader({
    store,
    cachedPortfolios: 10,
    ...noise,
    onConflict: () => assert.fail('no conflict'),
  });
  for (const each of compacted) await take(reader, each);
  for (const [accountId, version] of versions) assert.equal(stored.get(accountId)?.version, version);
});

test('one version with two states is an alarm', async () => {
  const [accountId = '' as AccountId] = ACCOUNTS;
  const conflicts: PortfolioConflict[] = [];
  const { store } = checkedStore(new Map([[`${accountId}@1`, '']]), () => false);
  const reader = new AccountStatesReader({
    store,
    cachedPortfolios: 0,
    ...noise,
    onConflict: (conflict) => conflicts.push(conflict),
  });
  await take(reader, record(0, `account/${accountId}`, headOf(accountId, 1)));
  await take(reader, record(1, `account/${accountId}`, headOf(accountId, 1, 'other')));
  assert.equal(conflicts.length, 1);
  assert.equal(conflicts[0]?.receivedHash, 'other');
});
