/** Trading is halted by a command, stays halted through a kill of the program, and goes on by a command. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Api, connect, member, textMember } from './api.ts';
import { eventually } from './eventually.ts';
import { openAccounts } from './operator.ts';
import { type RunningProgram, run, runJson, startProgram, temporaryFolder } from './program.ts';
import type { Account } from './workload.ts';

const folder = temporaryFolder();
const data = folder.path;
after(() => folder.remove());

const LIMIT = {
  symbol: 'AAPL',
  side: 'BUY',
  quantity: '1',
  type: 'LIMIT',
  timeInForce: 'GTC',
  limitPrice: '1',
};

function start(): Promise<RunningProgram> {
  return startProgram('--data', data, '--log-level', 'error');
}

async function place(api: Api, { credential }: Account): Promise<string> {
  const { status, body } = await api.request('POST', '/v1/orders', { credential, body: LIMIT });
  return status === 202 ? textMember(body, 'orderId') : `${status} ${textMember(body, 'code')}`;
}

async function said(...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run('kill-switch', ...words, '--data', data);
  assert.equal(code, 0, stderr);
  return stdout.trim();
}

test('what is open is canceled, new orders are refused before and after kill -9, until the switch is released', async () => {
  const first = await start();
  const api = connect(first.url);
  const [ada, bob] = await openAccounts(data, 2);
  assert.ok(ada !== undefined && bob !== undefined);
  const open = await eventually('there is a price', async () => {
    const answer = await place(api, bob);
    return /^\d{3} /.test(answer) ? null : answer;
  });
  assert.equal(await said('show'), 'The kill switch of every account is released.');
  assert.match(await said('engage', '--account', ada.accountId), /^The kill switch of account .* is engaged/);
  assert.equal(await place(api, ada), '403 TRADING_HALTED');
  assert.match(await said('engage'), /^The kill switch of every account is engaged/);
  await eventually('the open order is canceled', async () => {
    const { body } = await api.request('GET', `/v1/orders/${open}`, { credential: bob.credential });
    return textMember(body, 'status') === 'CANCELED' ? true : null;
  });
  assert.equal(await place(api, bob), '403 TRADING_HALTED');
  const { stdout } = await run('status', '--data', data);
  assert.match(stdout, /^Trading: halted for every account by the kill switch$/m);
  await api.close();
  await first.end('SIGKILL');

  const second = await start();
  const again = connect(second.url);
  assert.equal(
    await said('show'),
    `The kill switch of every account is engaged.\nThe kill switch of account ${ada.accountId} is engaged.`,
  );
  assert.equal(await place(again, bob), '403 TRADING_HALTED');
  assert.deepEqual(await runJson('kill-switch', 'release', '--data', data), {
    engaged: false,
    accountId: null,
  });
  assert.equal(await place(again, ada), '403 TRADING_HALTED');
  assert.match(await place(again, bob), /^[0-9a-f-]{36}$/);
  await said('release', '--account', ada.accountId);
  assert.match(await place(again, ada), /^[0-9a-f-]{36}$/);
  await again.close();
  await second.end('SIGTERM');
  const verdict = await runJson('verify', '--deep', '--data', data);
  assert.deepEqual(member(verdict, 'findings'), []);
});

test('an account that is none, and a place where nothing runs, are said in a sentence', async () => {
  const program = await start();
  const unknown = await run('kill-switch', 'engage', '--account', 'ada', '--data', data);
  await program.end('SIGTERM');
  assert.deepEqual(
    [unknown.code, unknown.stderr],
    [2, 'tradehall: "ada" is no account id: it is a UUID in lower case.\n'],
  );
  const nobody = await run('kill-switch', 'engage', '--data', data);
  assert.equal(nobody.code, 1);
  assert.match(nobody.stderr, /No instance is running/);
});
