/** Accounts and their money while a store is away: a command that is written is never answered as if it were not. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type AccountId, parseAccountId } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import type { HttpResult } from '#infrastructure/core/http.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { bodyOf, type Caller, callerOf, openPlatform, type Platform } from '#tests/in-process/platform.ts';
import { accountRoutes } from './account-routes.ts';

let platform: Platform;
before(async () => {
  platform = await openPlatform();
});
after(() => platform.close());

type Store = 'statements' | 'portfolios' | 'prices';

/** The routes beside the platform's own, with these stores away from the moment that they are told. */
function routesWithout(): { readonly call: Caller; readonly away: Set<Store> } {
  const { log, cache, portfolios, relational, context } = platform;
  const away = new Set<Store>();
  const reach = (store: Store): void => {
    if (away.has(store)) throw new OperatingError('STORE_UNAVAILABLE', `${store}: away`, { retry: 'retry' });
  };
  const routes = accountRoutes({
    log,
    cache: {
      ...cache,
      prices: {
        ...cache.prices,
        async latestFeedTimestampMs() {
          reach('prices');
          return cache.prices.latestFeedTimestampMs();
        },
      },
    },
    portfolios: {
      async get(accountId) {
        reach('portfolios');
        return portfolios.get(accountId);
      },
    },
    statements: {
      async findTransfer(accountId, commandId) {
        reach('statements');
        return relational.statements.findTransfer(accountId, commandId);
      },
    },
    accounts: relational.accounts,
    statementLag: { trouble: () => null },
    runtime: context.runtime,
    logger: context.logger,
    // As long as the tests of the platform wait; what is away is not waited for.
    get waitMs() {
      return away.size > 0 ? 0 : 5_000;
    },
  });
  return { call: callerOf([{ routes }]), away };
}

async function commandsOf(accountId: string): Promise<number> {
  const { log } = platform;
  const partition = log.partitionFor(TOPIC.tradeOrders, accountId);
  const records = await log.read({ topic: TOPIC.tradeOrders, partition, offset: 0 }, 10_000);
  return records.filter(({ key }) => key === accountId).length;
}

async function cashOf(accountId: string): Promise<bigint> {
  return (await platform.portfolios.get(accountId as AccountId))?.cashBalance ?? 0n;
}

function problemOf(result: HttpResult) {
  assert(result.kind === 'problem', JSON.stringify(result));
  const { code, extensions, detail } = result.problem;
  return { code, accountId: extensions?.['accountId'], detail };
}

const ONE = 1_000_000_000n;

test('a deposit whose outcome cannot be read is written, and its outcome unknown', async () => {
  const { call, away } = routesWithout();
  const { accountId } = bodyOf(
    await call('POST', '/operator/accounts', { body: { name: 'Ada', cash: '1' } }),
  );
  assert(typeof accountId === 'string');
  away.add('statements');
  const path = `/operator/accounts/${accountId}/deposits`;
  const answer = problemOf(await call('POST', path, { body: { amount: '2' } }));
  assert.deepEqual([answer.code, answer.accountId], ['OUTCOME_UNKNOWN', accountId]);
  await platform.until(async () => (await cashOf(accountId)) === 3n * ONE);
  assert.equal(await commandsOf(accountId), 3);
});

test('a deposit under a key is repeated without being done twice, and not begun while its key cannot be looked up', async () => {
  const { call, away } = routesWithout();
  const { accountId } = bodyOf(await call('POST', '/operator/accounts', { body: { name: 'Ada' } }));
  assert(typeof accountId === 'string');
  const deposit = () =>
    call('POST', `/operator/accounts/${accountId}/deposits`, {
      headers: { 'x-idempotency-key': 'k' },
      body: { amount: '2' },
    });
  away.add('statements');
  const refused = problemOf(await deposit());
  assert.equal(refused.code, 'DEPENDENCY_UNAVAILABLE');
  assert.match(refused.detail, /nothing was done/);
  assert.equal(await commandsOf(accountId), 1);
  away.clear();
  assert.equal(bodyOf(await deposit())['cash'], '2');
  assert.equal(bodyOf(await deposit())['cash'], '2');
});

test('an account that was opened is named when it cannot be seen; under its key it is opened once', async () => {
  const { call, away } = routesWithout();
  const open = (body: unknown) =>
    call('POST', '/operator/accounts', { headers: { 'x-idempotency-key': 'open' }, body });
  away.add('portfolios');
  const unseen = problemOf(await open({ name: 'Ada', cash: '5' }));
  assert.equal(unseen.code, 'OUTCOME_UNKNOWN');
  const id = parseAccountId(String(unseen.accountId));
  assert(id !== null);
  const { statements } = platform.relational;
  await platform.until(async () => (await statements.list({ accountId: id, limit: 9 })).length === 2);
  assert.deepEqual(
    problemOf(await open({ name: 'Ada', cash: '5' })),
    unseen,
    'when only the portfolio is away',
  );
  away.clear();
  for (const _ of [1, 2]) {
    const { accountId, cash } = bodyOf(await open({ name: 'Ada', cash: '5' }));
    assert.deepEqual([accountId, cash], [unseen.accountId, '5']);
  }
  assert.equal(await cashOf(id), 5n * ONE);
  for (const body of [{ name: 'Ada', cash: '6' }, { name: 'Ada' }, { name: 'Bob', cash: '5' }])
    assert.equal(problemOf(await open(body)).code, 'IDEMPOTENCY_KEY_REUSED', JSON.stringify(body));
  assert.equal(await cashOf(id), 5n * ONE);
  const other = bodyOf(await call('POST', '/operator/accounts', { body: { name: 'Ada', cash: '5' } }));
  assert.notEqual(other['accountId'], unseen.accountId, 'without a key each is an account of its own');
});

test('an account is opened and funded while no price can be read', async () => {
  const { call, away } = routesWithout();
  away.add('prices');
  const answer = await call('POST', '/operator/accounts', { body: { name: 'Ada', cash: '5' } });
  const { accountId } = answer.kind === 'problem' ? problemOf(answer) : bodyOf(answer);
  assert(typeof accountId === 'string');
  await platform.until(async () => (await cashOf(accountId)) === 5n * ONE);
});
