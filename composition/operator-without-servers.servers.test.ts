/**
 * The operator of a running hall whose servers are gone, or there and silent: a halt is written all the same, and of what is
 * written nobody is told that it was not done.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { eventually } from '#tests/e2e/eventually.ts';
import { startServer } from '#tests/support/servers.ts';
import { serverOptions } from '#tests/support/store-faults.ts';
import { type RunningHall, startHall } from './composition.testing.ts';
import { prepareServers } from './prepare-servers.ts';
import { configOf } from './servers.testing.ts';

type Server = Awaited<ReturnType<typeof startServer>>;

const data = mkdtempSync(join(tmpdir(), 'operator-without-servers-'));
let hall: RunningHall;
let redis: Server;
let postgres: Server;
let dynamodb: Server;

describe('an operator without servers', () => {
  before(async () => {
    process.env['AWS_ACCESS_KEY_ID'] = 'tests';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'tests';
    [redis, postgres, dynamodb] = await Promise.all([
      startServer('redis'),
      startServer('postgres'),
      startServer('dynamodb'),
    ]);
    const { endpoint = '' } = serverOptions(dynamodb.url).address.parameters;
    const servers = {
      cache: redis.url,
      database: postgres.url,
      portfolios: `dynamodb://eu-central-1/operator?endpoint=${endpoint}`,
    };
    await prepareServers(configOf(servers), serverOptions('any://host').logger);
    hall = await startHall({
      data,
      feed: 'simulated',
      feed_rate: '50',
      account_command_wait_ms: '1000',
      ...servers,
    });
  });
  after(async () => {
    assert.deepEqual(hall.crashes, []);
    await hall.stop();
    rmSync(data, { recursive: true, force: true });
  });

  const post = (path: string, body: unknown, key?: string) =>
    hall.operator.call('POST', path, body, key) as Promise<Readonly<Record<string, unknown>>>;

  async function refusal(asked: Promise<unknown>): Promise<OperatingError> {
    const error = await asked.then(
      (answer) => assert.fail(JSON.stringify(answer)),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof OperatingError);
    return error;
  }

  const open = async (cash: string) =>
    String((await post('/operator/accounts', { name: 'Ada', cash }))['accountId']);

  /** What is read, once it can be, and is found in it. */
  const shows = (what: string, path: string, look: (answer: string) => boolean) =>
    eventually(what, async () => {
      try {
        return look(JSON.stringify(await hall.operator.call('GET', path))) ? true : null;
      } catch (error) {
        if (error instanceof OperatingError) return null;
        throw error;
      }
    });

  /** The kinds of the lines of its statement. */
  const states = (kinds: string, accountId: string) =>
    shows(kinds, `/operator/accounts/${accountId}/statement`, (statement) => {
      return [...statement.matchAll(/"kind":"([A-Z_]+)"/g)].map(([, kind]) => kind).join(' ') === kinds;
    });

  for (const [how, stopIt, startIt] of [
    ['gone', () => redis.kill(), () => redis.startAgain()],
    ['silent', async () => redis.pause(), async () => redis.resume()],
  ] as const) {
    test(`with Redis ${how} trading is halted, and an account's breaker trips`, async () => {
      const accountId = await open('100');
      await stopIt();
      const switched = await refusal(post('/operator/kill-switch', { engaged: true, accountId }));
      const tripped = await refusal(post('/operator/breaker', { accountId, action: 'TRIP', reason: 'so' }));
      assert.deepEqual([switched.code, tripped.code], ['OUTCOME_UNKNOWN', 'OUTCOME_UNKNOWN']);
      await states('OPENED DEPOSIT HALTED BREAKER_TRIPPED', accountId);
      await startIt();
      await shows('the mirror says so, too', '/operator/kill-switch', (shown) => shown.includes(accountId));
    });
  }

  test('with DynamoDB gone one account is halted, one that nobody knows is not, and an account that was opened is named', async () => {
    const accountId = await open('100');
    await dynamodb.kill();
    assert.deepEqual(await post('/operator/kill-switch', { engaged: true, accountId }), {
      engaged: true,
      accountId,
    });
    const { state } = await post('/operator/breaker', { accountId, action: 'TRIP', reason: 'so' });
    assert.equal(state, 'TRIPPED');
    const nobody = '7d444840-9dc0-41d1-b245-5ffdce74fad2';
    const unknown = await refusal(post('/operator/kill-switch', { engaged: true, accountId: nobody }));
    assert.equal(unknown.code, 'ACCOUNT_NOT_FOUND');
    const asked = { name: 'Bea', cash: '7' };
    const unseen = await refusal(post('/operator/accounts', asked, 'bea'));
    assert.equal(unseen.code, 'OUTCOME_UNKNOWN');
    await dynamodb.startAgain();
    const opened = await eventually('the account can be seen', () =>
      post('/operator/accounts', asked, 'bea').catch(() => null),
    );
    assert.ok(unseen.message.includes(String(opened['accountId'])), unseen.message);
    await states('OPENED DEPOSIT', String(opened['accountId']));
  });

  test('with PostgreSQL gone a deposit without a key is done and not denied, one with a key is not begun', async () => {
    const accountId = await open('100');
    await postgres.kill();
    const path = `/operator/accounts/${accountId}/deposits`;
    assert.equal((await refusal(post(path, { amount: '5' }))).code, 'OUTCOME_UNKNOWN');
    assert.equal((await refusal(post(path, { amount: '6' }, 'k'))).code, 'DEPENDENCY_UNAVAILABLE');
    await postgres.startAgain();
    const again = await eventually('the deposit under its key is done', () =>
      post(path, { amount: '6' }, 'k').catch(() => null),
    );
    assert.equal(again['cash'], '111');
    await states('OPENED DEPOSIT DEPOSIT DEPOSIT', accountId);
  });
});
