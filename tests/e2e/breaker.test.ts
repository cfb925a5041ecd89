/** A breaker trips by itself, holds through a kill of the program, and opens after a reset and a quiet period. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Api, connect, listMember, member, textMember } from './api.ts';
import { eventually } from './eventually.ts';
import { openAccounts } from './operator.ts';
import { type RunningProgram, run, runJson, startProgram, temporaryFolder } from './program.ts';
import type { Account } from './workload.ts';

const folder = temporaryFolder();
const data = folder.path;
after(() => folder.remove());

/** Every fill costs, and nothing may be lost: the first fill of a day trips. */
function start(): Promise<RunningProgram> {
  const limits = ['--fee-per-share', '0.01', '--max-daily-loss', '0', '--breaker-quiet-period-ms', '1'];
  return startProgram('--data', data, '--log-level', 'error', ...limits);
}

async function place(api: Api, { credential }: Account, side: string): Promise<string> {
  const order = { symbol: 'AAPL', side, quantity: '1' };
  const { status, body } = await api.request('POST', '/v1/orders', { credential, body: order });
  return status === 202 ? textMember(body, 'orderId') : `${status} ${textMember(body, 'code')}`;
}

async function said(...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run('breaker', ...words, '--data', data);
  assert.equal(code, 0, stderr);
  return stdout.trim();
}

test('a loss trips it, also after kill -9 the account only sells, and a quiet period after its reset it trades', async () => {
  const first = await start();
  const api = connect(first.url);
  const [ada] = await openAccounts(data, 1);
  assert.ok(ada !== undefined);
  const whose = `The breaker of account ${ada.accountId}`;
  await eventually('an order is accepted', async () =>
    /^\d{3} /.test(await place(api, ada, 'BUY')) ? null : true,
  );
  await eventually('the breaker has tripped', async () =>
    (await place(api, ada, 'BUY')) === '403 ONLY_SALES' ? true : null,
  );
  assert.equal(await said('show'), `${whose} has tripped: the account may only sell until it is reset.`);
  const { stdout } = await run('status', '--data', data);
  assert.match(stdout, /^Trading: open, but for 1 account that may only sell since the breaker tripped$/m);
  await api.close();
  await first.end('SIGKILL');

  const second = await start();
  const again = connect(second.url);
  assert.equal(await place(again, ada, 'BUY'), '403 ONLY_SALES');
  const sale = await place(again, ada, 'SELL');
  await eventually('the sale is filled', async () => {
    const { body } = await again.request('GET', `/v1/orders/${sale}`, { credential: ada.credential });
    return textMember(body, 'status') === 'FILLED' ? true : null;
  });
  assert.match(await said('reset', '--account', ada.accountId, '--reason', 'seen'), /quiet period|is open/);
  await eventually('the quiet period is over', async () =>
    (await said('show')) === 'Every breaker is open.' ? true : null,
  );
  assert.match(await place(again, ada, 'BUY'), /^[0-9a-f-]{36}$/);
  await eventually('it has tripped again', async () =>
    (await said('show')).startsWith(`${whose} has tripped`) ? true : null,
  );
  const notes = await eventually('the statement has it all', async () => {
    const { body } = await again.request('GET', `/v1/accounts/${ada.accountId}/statement`, {
      credential: ada.credential,
    });
    const lines = listMember(body, 'lines').filter((line) => textMember(line, 'kind').startsWith('BREAKER_'));
    const said = lines.map((line) => `${textMember(line, 'kind')} ${String(member(line, 'note'))}`);
    return said.filter((line) => line.startsWith('BREAKER_TRIPPED')).length >= 2 ? said : null;
  });
  assert.ok(notes.includes('BREAKER_TRIPPED daily_loss: lost 0.01, 0 at most in a day'), notes.join('\n'));
  assert.ok(notes.includes('BREAKER_RESET operator: seen'), notes.join('\n'));
  assert.ok(notes.includes('BREAKER_OPENED quiet_period: it is over'), notes.join('\n'));
  await again.close();
  await second.end('SIGTERM');
  const verdict = await runJson('verify', '--deep', '--data', data);
  assert.deepEqual(member(verdict, 'findings'), []);
});

test('an account that is none, a missing reason, and a place where nothing runs, are said in a sentence', async () => {
  const unknown = await run('breaker', 'trip', '--account', 'ada', '--reason', 'so', '--data', data);
  assert.deepEqual(
    [unknown.code, unknown.stderr],
    [2, 'tradehall: "ada" is no account id: it is a UUID in lower case.\n'],
  );
  const accountId = '7d444840-9dc0-41d1-b245-5ffdce74fad2';
  const silent = await run('breaker', 'reset', '--account', accountId, '--data', data);
  assert.equal(silent.code, 2);
  assert.match(silent.stderr, /required option '--reason <text>' not specified/);
  const nobody = await run('breaker', 'trip', '--account', accountId, '--reason', 'so', '--data', data);
  assert.equal(nobody.code, 1);
  assert.match(nobody.stderr, /No instance is running/);
});
