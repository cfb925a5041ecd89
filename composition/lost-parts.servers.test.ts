/** What somebody deletes on the servers of stores while the program runs: told within seconds, and filled again from the log. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { eventually } from '#tests/e2e/eventually.ts';
import { serverOptions, untilItWorks } from '#tests/support/store-faults.ts';
import { type RunningHall, startHall } from './composition.testing.ts';
import { prepareServers } from './prepare-servers.ts';
import { configOf, type Flags, storesOnServers } from './servers.testing.ts';

const name = `lost_${randomUUID().replaceAll('-', '')}`;
const { logger } = serverOptions('any://host');

describe('stores that lose something while the program runs', () => {
  let flags: Flags = {};
  let hall: RunningHall | null = null;
  let headers: Readonly<Record<string, string>> = {};
  let accountId = '';
  let bought = 0;
  let errorsBefore = 0;

  before(async () => {
    flags = await storesOnServers(name);
    await prepare();
    hall = await startHall({ feed: 'simulated', feed_rate: '200', ...flags });
    const { operator } = hall;
    const opened = await operator.call('POST', '/operator/accounts', { name: 'Ada', cash: '100000' });
    ({ accountId } = opened as { accountId: string });
    const key = await operator.call('POST', `/operator/accounts/${accountId}/keys`);
    const { keyId, secret } = key as { readonly keyId: string; readonly secret: string };
    headers = { authorization: `Bearer ${keyId}.${secret}`, 'content-type': 'application/json' };
    await buy(3);
    await showsAll();
    await knowsAll();
  });
  after(async () => {
    assert.deepEqual(await hall?.stop(), []);
    assert.deepEqual(hall?.crashes, []);
  });

  /** As `tradehall prepare`, again where a busy emulator takes too long. */
  async function prepare(): Promise<void> {
    await untilItWorks(() => prepareServers(configOf(flags), logger));
  }

  async function ask(path: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
    const answer = await fetch(`${hall?.address}${path}`, { headers, ...init });
    return (await answer.json()) as Record<string, unknown>;
  }

  async function buy(count: number): Promise<void> {
    const body = JSON.stringify({ symbol: 'AAPL', side: 'BUY', quantity: '1' });
    for (let at = 0; at < count; at += 1) {
      await eventually('an order is accepted', async () =>
        'orderId' in (await ask('/v1/orders', { method: 'POST', body })) ? true : null,
      );
    }
    bought += count;
  }

  async function reasons(): Promise<readonly string[]> {
    return ((await ask('/readyz'))['reasons'] ?? []) as readonly string[];
  }

  async function showsAll(): Promise<void> {
    await eventually(`${bought} trades are everywhere`, async () => {
      const [portfolio, history, analytics] = await Promise.all([
        ask(`/v1/portfolio/${accountId}`),
        ask('/v1/trades/search?limit=1'),
        ask('/v1/analytics/volume?timeWindow=7d'),
      ]);
      const all =
        JSON.stringify(portfolio['holdings']) === `{"AAPL":"${bought}"}` &&
        JSON.stringify(history['pagination'])?.includes(`"totalCount":${bought}`) &&
        JSON.stringify(analytics['data'])?.includes(`"volume":"${bought}","trades":${bought}`);
      return all ? true : null;
    });
  }

  /**
   * In the log, since so few trades may be filled again between two looks at readiness. `remedy`: what the sentence asks
   * a person to do, until when readiness says it.
   */
  async function tellsAndFills(sentence: RegExp, remedy: (() => Promise<void>) | null = null): Promise<void> {
    await eventually(`the log says ${sentence}`, async () =>
      hall?.errors.slice(errorsBefore).some((line) => sentence.test(line)) ? true : null,
    );
    if (remedy !== null) {
      assert((await reasons()).some((reason) => sentence.test(reason)));
      await remedy();
    }
    errorsBefore = hall?.errors.length ?? 0;
    await showsAll();
    await buy(1);
    await showsAll();
    await eventually('it is ready', async () => ((await reasons()).length === 0 ? true : null));
    await knowsAll();
  }

  /** What is made between two looks is not missed before the second. */
  async function knowsAll(): Promise<void> {
    const settings = await openSearch('GET', `/${name}-*/_settings`);
    const [table] = await clickhouse(
      'SELECT toString(uuid) FROM system.tables WHERE database = currentDatabase()',
    );
    const ids = [...JSON.stringify(settings).matchAll(/"uuid":"([^"]+)"/g)].map(([, id]) => id ?? '');
    await eventually('what there is has been noted', async () => {
      const noted = ['history', 'analytics', 'portfolios'].map((store) => {
        const file = join(hall?.dataFolder ?? '', `${store}-parts.json`);
        return existsSync(file) ? readFileSync(file, 'utf8') : '';
      });
      const [history = '', analytics = '', portfolios = ''] = noted;
      const all =
        ids.every((id) => history.includes(id)) && analytics.includes(table ?? '?') && portfolios !== '';
      return all ? true : null;
    });
  }

  const clickhouse = async (sql: string): Promise<readonly string[]> => {
    const [{ host, port }] = serverOptions(flags['analytics'] ?? '').address.hosts;
    const answer = await fetch(`http://${host}:${port}/?database=${name}`, { method: 'POST', body: sql });
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
    return text.trim().split('\n');
  };

  const openSearch = async (method: string, path: string, body?: object): Promise<object> => {
    const [{ host, port }] = serverOptions(flags['history'] ?? '').address.hosts;
    const answer = await fetch(`http://${host}:${port}${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const told = (await answer.json()) as object;
    assert.equal(answer.status, 200, JSON.stringify(told));
    return told;
  };

  const indices = async (): Promise<readonly string[]> =>
    Object.keys(await openSearch('GET', `/${name}-*/_mapping`));

  test('an index of the history that is deleted', async () => {
    for (const index of await indices()) await openSearch('DELETE', `/${index}`);
    await tellsAndFills(/The trade history has lost what was in index /);
  });

  test('one that is replaced by another shape: it waits for a person to delete that, and then fills it again', async () => {
    const [index = ''] = await indices();
    await openSearch('DELETE', `/${index}`);
    await openSearch('PUT', `/${index}`, { mappings: { dynamic: true } });
    await tellsAndFills(/index .* takes any field: delete it/, async () => {
      await openSearch('DELETE', `/${index}`);
    });
  });

  test('a table of the analytics that is emptied, and one that is dropped', async () => {
    await clickhouse('TRUNCATE TABLE trading_trades');
    await tellsAndFills(/The store of trade analytics has lost what was in day .* of table /);
    await clickhouse('DROP TABLE trading_trades SYNC');
    await tellsAndFills(/The store of trade analytics has lost what was in day .* of table /);
  });

  test('a table of portfolios that is removed: it waits until it is made, and then fills it', async () => {
    const { endpoint = '' } = serverOptions(flags['portfolios'] ?? '').address.parameters;
    const client = new DynamoDBClient({ region: 'eu-central-1', endpoint });
    await client.send(new DeleteTableCommand({ TableName: name }));
    client.destroy();
    await tellsAndFills(/is missing: make it with `tradehall prepare`/, async () => {
      await prepare();
    });
  });
});
