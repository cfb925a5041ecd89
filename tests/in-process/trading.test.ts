/** From price to portfolio: the five services of trading together, on embedded adapters. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { OrderId } from '#domain/data/identifiers.ts';
import { bodyOf, keyOf, marketEvent, openPlatform, type Platform, statusOf } from './platform.ts';

const MARKET_MS = Date.UTC(2019, 1, 11, 14, 30);

let platform: Platform;
before(async () => {
  platform = await openPlatform();
  await platform.feed([marketEvent('AAPL', 1, '170', MARKET_MS), marketEvent('MSFT', 1, '105.5', MARKET_MS)]);
});
after(() => platform.close());

async function openAccount(cash: string): Promise<string> {
  const opened = await platform.call('POST', '/operator/accounts', { body: { name: 'Tester', cash } });
  assert.equal(statusOf(opened), 201, JSON.stringify(opened));
  assert.equal(bodyOf(opened)['cash'], cash);
  return String(bodyOf(opened)['accountId']);
}

test('an account has a name that every store takes and a terminal can show', async () => {
  for (const name of ['A\u0000', 'A\nB', '\u001b[2J', 'A\u009b', '\ud800', '', 'x'.repeat(201)]) {
    const refused = await platform.call('POST', '/operator/accounts', { body: { name, cash: '1' } });
    assert(refused.kind === 'problem', JSON.stringify(name));
    assert.equal(refused.problem.status, 400);
    assert.deepEqual(
      refused.problem.errors?.map(({ field }) => field),
      ['name'],
    );
  }
  const opened = await platform.call('POST', '/operator/accounts', { body: { name: 'Zoë 💰, "Ltd"' } });
  assert.equal(statusOf(opened), 201);
});

function place(accountId: string, body: unknown, key?: string) {
  const headers = key === undefined ? {} : { 'x-idempotency-key': key };
  return platform.call('POST', '/v1/orders', { body, headers, principal: keyOf(accountId) });
}

async function ended(accountId: string, orderId: string): Promise<Record<string, unknown>> {
  return platform.until(async () => {
    const result = await platform.call('GET', `/v1/orders/${orderId}`, { principal: keyOf(accountId) });
    assert.equal(statusOf(result), 200, 'an accepted order is found at once');
    const order = bodyOf(result);
    return ['FILLED', 'CANCELED', 'DENIED'].includes(String(order['status'])) ? order : null;
  });
}

test('an order is filled, and portfolio, statement, history and analytics say the same', async () => {
  const accountId = await openAccount('10000');
  const accepted = bodyOf(await place(accountId, { symbol: 'AAPL', side: 'buy', quantity: '10.5' }));
  const order = await ended(accountId, String(accepted['orderId']));
  assert.equal(order['status'], 'FILLED');
  assert.equal(order['averageFillPrice'], '170');
  const portfolio = bodyOf(
    await platform.call('GET', `/v1/portfolio/${accountId}`, {
      principal: keyOf(accountId),
      query: { minVersion: order['version'] },
    }),
  );
  assert.equal(portfolio['cashBalance'], '8215');
  assert.equal(portfolio['cashReserved'], '0');
  assert.deepEqual(portfolio['holdings'], { AAPL: '10.5' });
  assert.equal(portfolio['equity'], '10000');
  const search = await platform.until(async () => {
    const found = bodyOf(await platform.call('GET', '/v1/trades/search', { principal: keyOf(accountId) }));
    return (found['trades'] as unknown[]).length > 0 ? found : null;
  });
  assert.deepEqual(search['pagination'], { nextPageToken: null, totalCount: 1 });
  const volume = await platform.until(async () => {
    const found = bodyOf(
      await platform.call('GET', '/v1/analytics/volume', { query: { symbol: 'AAPL', timeWindow: '1h' } }),
    );
    return (found['data'] as unknown[]).length > 0 ? found : null;
  });
  assert.deepEqual(volume['data'], [{ symbol: 'AAPL', volume: '10.5', trades: 1, timeWindow: '1h' }]);
  assert.equal(bodyOf(await platform.call('GET', '/v1/symbols/AAPL/vwap'))['vwap'], '170');
  const statement = await platform.until(async () => {
    const found = bodyOf(
      await platform.call('GET', `/v1/accounts/${accountId}/statement`, { principal: keyOf(accountId) }),
    );
    return (found['lines'] as unknown[]).length >= 3 ? found : null;
  });
  const kinds = (statement['lines'] as { kind: string }[]).map(({ kind }) => kind);
  assert.deepEqual(kinds, ['OPENED', 'DEPOSIT', 'FILL']);
});

test('a limit order rests, is listed as open, and is cancelled', async () => {
  const accountId = await openAccount('1000');
  const accepted = bodyOf(
    await place(accountId, {
      symbol: 'MSFT',
      side: 'BUY',
      quantity: '2',
      type: 'limit',
      limitPrice: '90',
      timeInForce: 'gtc',
    }),
  );
  const orderId = String(accepted['orderId']);
  await platform.until(async () => {
    const order = bodyOf(
      await platform.call('GET', `/v1/orders/${orderId}`, { principal: keyOf(accountId) }),
    );
    return order['status'] === 'NEW' ? order : null;
  });
  const listed = bodyOf(
    await platform.call('GET', '/v1/orders', { principal: keyOf(accountId), query: { status: 'open' } }),
  );
  assert.deepEqual(
    (listed['orders'] as { orderId: string }[]).map((order) => order.orderId),
    [orderId],
  );
  const cancel = await platform.call('DELETE', `/v1/orders/${orderId}`, { principal: keyOf(accountId) });
  assert.equal(statusOf(cancel), 202);
  assert.equal((await ended(accountId, orderId))['status'], 'CANCELED');
  const again = await platform.call('DELETE', `/v1/orders/${orderId}`, { principal: keyOf(accountId) });
  assert.equal(statusOf(again), 409);
  const stranger = await platform.call('DELETE', `/v1/orders/${orderId}`, {
    principal: keyOf(await openAccount('1')),
  });
  assert.equal(statusOf(stranger), 404);
});

test('early checks answer 402, 422 and 404, and leave the key free', async () => {
  const accountId = await openAccount('100');
  assert.equal(statusOf(await place(accountId, { symbol: 'AAPL', side: 'BUY', quantity: '1' }, 'k')), 402);
  assert.equal(statusOf(await place(accountId, { symbol: 'AAPL', side: 'SELL', quantity: '1' }, 'k')), 422);
  assert.equal(statusOf(await place(accountId, { symbol: 'NONE', side: 'BUY', quantity: '1' }, 'k')), 404);
  assert.equal(statusOf(await place(accountId, { symbol: 'AAPL', side: 'BUY', notional: '50' }, 'k')), 202);
});

test('twenty blind retries of an order request place one order', async () => {
  const accountId = await openAccount('10000');
  const body = { symbol: 'AAPL', side: 'BUY', quantity: '1' };
  const twins = await Promise.all(Array.from({ length: 10 }, () => place(accountId, body, 'once')));
  const later: typeof twins = [];
  for (let at = 0; at < 10; at += 1) later.push(await place(accountId, body, 'once'));
  const ids = new Set([...twins, ...later].map((result) => bodyOf(result)['orderId']));
  assert.equal(ids.size, 1);
  assert.equal(statusOf(await place(accountId, { ...body, quantity: '2' }, 'once')), 409);
  const [orderId] = ids;
  const order = await ended(accountId, String(orderId));
  const claim = { orderId: String(orderId) as OrderId, bodyDigest: '', holder: 'another', claimedAtMs: 0 };
  await platform.until(async () => (await platform.relational.keyClaims.take(claim)) === null);
  const portfolio = await platform.until(async () => {
    const found = await platform.portfolios.get(accountId as never);
    return found !== null && found.version >= Number(order['version']) ? found : null;
  });
  assert.equal(portfolio.cashBalance, 9_830_000_000_000n);
});

test('deposits and withdrawals answer with the cash after them, once per key', async () => {
  const accountId = await openAccount('50');
  const path = `/operator/accounts/${accountId}`;
  const deposit = () =>
    platform.call('POST', `${path}/deposits`, {
      body: { amount: '25.5' },
      headers: { 'x-idempotency-key': 'd1' },
    });
  assert.equal(bodyOf(await deposit())['cash'], '75.5');
  assert.equal(bodyOf(await deposit())['cash'], '75.5');
  const other = await platform.call('POST', `${path}/deposits`, {
    body: { amount: '1' },
    headers: { 'x-idempotency-key': 'd1' },
  });
  assert.equal(statusOf(other), 409);
  assert.equal(statusOf(await platform.call('POST', `${path}/withdrawals`, { body: { amount: '80' } })), 402);
  assert.equal(
    bodyOf(await platform.call('POST', `${path}/withdrawals`, { body: { amount: '75.5' } }))['cash'],
    '0',
  );
});

test('the kill switch cancels what is open and refuses what comes, of one account or of all, until it is released', async () => {
  const [one, other] = [await openAccount('1000'), await openAccount('1000')];
  const resting = { symbol: 'AAPL', side: 'BUY', type: 'LIMIT', quantity: '1', limitPrice: '1' };
  const rest = async (accountId: string) => {
    const accepted = await place(accountId, resting);
    assert.equal(statusOf(accepted), 202, JSON.stringify(accepted));
    return String(bodyOf(accepted)['orderId']);
  };
  const refused = async (accountId: string) => {
    const answer = await place(accountId, resting, 'kept');
    return answer.kind === 'problem' ? `${answer.problem.status} ${answer.problem.code}` : '';
  };
  const set = async (engaged: boolean, accountId?: string) => {
    const answer = await platform.call('POST', '/operator/kill-switch', { body: { engaged, accountId } });
    assert.deepEqual(bodyOf(answer), { engaged, accountId: accountId ?? null });
  };
  const shown = async () => {
    const { partitions } = bodyOf(await platform.call('GET', '/operator/kill-switch'));
    const all = partitions as { readonly all: string; readonly accounts: readonly string[] }[];
    return [...new Set(all.map((each) => each.all)), ...all.flatMap(({ accounts }) => accounts)];
  };
  const [open, left] = [await rest(one), await rest(other)];
  await set(true, one);
  assert.equal((await ended(one, open))['reason'], 'kill_switch: trading is halted');
  assert.equal(await refused(one), '403 TRADING_HALTED');
  assert.deepEqual(await shown(), ['RELEASED', one]);
  await set(true);
  assert.equal((await ended(other, left))['status'], 'CANCELED');
  assert.equal(await refused(other), '403 TRADING_HALTED');
  assert.deepEqual(await shown(), ['ENGAGED', one]);
  await set(false);
  assert.equal(await refused(one), '403 TRADING_HALTED');
  assert.equal(statusOf(await place(other, resting, 'kept')), 202);
  await set(false, one);
  assert.deepEqual(await shown(), ['RELEASED']);
  assert.equal(statusOf(await place(one, resting, 'kept')), 202);
});

test('a breaker lets an account sell only: tripped by hand, then quiet; another account trades', async () => {
  const [one, other] = [await openAccount('1000'), await openAccount('1000')];
  const order = (side: string) => ({ symbol: 'AAPL', side, type: 'LIMIT', quantity: '1', limitPrice: '170' });
  const outcome = async (accountId: string, side: string) => {
    const answer = await place(accountId, order(side));
    return answer.kind === 'problem'
      ? answer.problem.code
      : (await ended(accountId, String(bodyOf(answer)['orderId'])))['status'];
  };
  const set = async (action: string) => {
    const body = { accountId: one, action, reason: 'to see' };
    return bodyOf(await platform.call('POST', '/operator/breaker', { body }))['state'];
  };
  const shown = async () => {
    const { partitions } = bodyOf(await platform.call('GET', '/operator/breaker'));
    return (partitions as { readonly accounts: readonly object[] }[]).flatMap(({ accounts }) => accounts);
  };
  assert.equal(await outcome(one, 'BUY'), 'FILLED');
  assert.equal(await set('RESET'), 'OPEN');
  assert.equal(await set('TRIP'), 'TRIPPED');
  assert.deepEqual(await shown(), [{ accountId: one, state: 'TRIPPED', quietUntil: null }]);
  assert.equal(await outcome(one, 'BUY'), 'ONLY_SALES');
  assert.equal(await outcome(other, 'BUY'), 'FILLED');
  assert.equal(await outcome(one, 'SELL'), 'FILLED');
  assert.equal(await set('RESET'), 'QUIET_PERIOD');
  assert.equal(await outcome(one, 'BUY'), 'ONLY_SALES');
  const quietUntil = new Date(MARKET_MS + 300_000).toISOString();
  assert.deepEqual(await shown(), [{ accountId: one, state: 'QUIET_PERIOD', quietUntil }]);
  const { partitions } = bodyOf(await platform.call('GET', '/operator/kill-switch'));
  assert.ok(
    (partitions as { readonly accounts: readonly string[] }[]).every(({ accounts }) => accounts.length === 0),
  );
});

test('a breaker of nobody, or a body that does not say what to do and why, changes nothing', async () => {
  const call = async (body: unknown) => {
    const answer = await platform.call('POST', '/operator/breaker', { body });
    assert(answer.kind === 'problem', JSON.stringify(answer));
    return [answer.problem.status, ...(answer.problem.errors ?? []).map(({ field }) => field)];
  };
  const nobody = '00000000-0000-4000-8000-000000000000';
  const trip = { accountId: nobody, action: 'TRIP', reason: 'so' };
  assert.deepEqual(await call(trip), [404]);
  assert.deepEqual(await call({ ...trip, accountId: 'ada' }), [404]);
  assert.deepEqual(await call({}), [400, 'accountId', 'action', 'reason']);
  assert.deepEqual(await call({ ...trip, action: 'trip' }), [400, 'action']);
  for (const reason of ['a\nb', ' ', 'a\u2028b', 'a\u202eb'])
    assert.deepEqual(await call({ ...trip, reason }), [400, 'reason']);
  assert.deepEqual(await call({ ...trip, reason: 'x'.repeat(201) }), [400, 'reason']);
  assert.deepEqual(await call({ ...trip, who: 'me' }), [400, 'who']);
});

test('a kill switch of nobody, or a body that does not say what to do, changes nothing', async () => {
  const call = async (body: unknown) => {
    const answer = await platform.call('POST', '/operator/kill-switch', { body });
    assert(answer.kind === 'problem', JSON.stringify(answer));
    return [answer.problem.status, ...(answer.problem.errors ?? []).map(({ field }) => field)];
  };
  assert.deepEqual(await call({ engaged: true, accountId: '00000000-0000-4000-8000-000000000000' }), [404]);
  assert.deepEqual(await call({ engaged: true, accountId: 'ada' }), [404]);
  assert.deepEqual(await call({ engaged: 'yes' }), [400, 'engaged']);
  assert.deepEqual(await call({}), [400, 'engaged']);
  assert.deepEqual(await call({ engaged: true, account: 'x' }), [400, 'account']);
  assert.equal(bodyOf(await platform.call('GET', '/operator/kill-switch'))['partitions'] !== undefined, true);
});
