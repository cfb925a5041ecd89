/** What a user meets when something is wrong with the place: a sentence that says what to do, and the right exit code. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect, member } from './api.ts';
import { run, runJson, startProgram, temporaryFolder } from './program.ts';

const folder = temporaryFolder();
after(() => folder.remove());

test('it starts with one line on standard output, answers, and SIGINT ends it with 0', async () => {
  const program = await startProgram('--data', join(folder.path, 'plain'), '--log-level', 'error');
  const api = connect(program.url);
  assert.equal((await api.request('GET', '/healthz')).status, 200);
  assert.equal((await api.request('GET', '/readyz')).status, 200);
  assert.equal((await api.request('GET', '/v1/symbols')).status, 401);
  await api.close();
  const { code, stdout } = await program.end('SIGINT');
  assert.equal(code, 0);
  assert.match(stdout, /^ready http:\/\/127\.0\.0\.1:\d+\n$/);
});

test('a second instance on the same folder is refused, and says which folder', async () => {
  const data = join(folder.path, 'shared');
  const program = await startProgram('--data', data, '--feed', 'none', '--log-level', 'error');
  const second = await run('start', '--port', '0', '--data', data, '--feed', 'none', '--log-level', 'error');
  await program.end('SIGTERM');
  assert.equal(second.code, 1, second.stderr);
  assert.equal(second.stdout, '');
  assert.ok(second.stderr.includes(data) && second.stderr.includes('--data'), second.stderr);
});

test('a running folder cannot be verified or exported, and a stopped one has nobody to ask', async () => {
  const data = join(folder.path, 'running');
  const program = await startProgram('--data', data, '--feed', 'none', '--log-level', 'error');
  const verify = await run('verify', '--data', data);
  assert.equal(verify.code, 1, verify.stdout);
  assert.match(verify.stderr, /in use|running|stop/i);
  await program.end('SIGTERM');
  const status = await run('status', '--data', data);
  assert.equal(status.code, 1);
  assert.match(status.stderr, /No instance is running/);
});

test('a port in use is named', async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const { port } = holder.address() as AddressInfo;
  const finished = await run(
    'start',
    '--data',
    join(folder.path, 'port'),
    '--port',
    String(port),
    '--feed',
    'none',
    '--log-level',
    'error',
  );
  holder.close();
  assert.equal(finished.code, 1, finished.stderr);
  assert.ok(finished.stderr.includes(String(port)) && finished.stderr.includes('--port'), finished.stderr);
});

test('a file where the data folder should be is named', async () => {
  const file = join(folder.path, 'a-file');
  writeFileSync(file, 'not a folder');
  for (const data of [file, join(file, 'below')]) {
    const finished = await run(
      'start',
      '--data',
      data,
      '--port',
      '0',
      '--feed',
      'none',
      '--log-level',
      'error',
    );
    assert.equal(finished.code, 1, finished.stderr);
    assert.ok(finished.stderr.includes(data) && /not a folder/.test(finished.stderr), finished.stderr);
  }
});

test('a folder of a newer version is refused', async () => {
  const data = join(folder.path, 'newer');
  mkdirSync(data);
  writeFileSync(join(data, 'format.json'), '{"format": 99}');
  const finished = await run(
    'start',
    '--data',
    data,
    '--port',
    '0',
    '--feed',
    'none',
    '--log-level',
    'error',
  );
  assert.equal(finished.code, 1, finished.stderr);
  assert.match(finished.stderr, /newer version/);
});

test('wrong use ends with 2 and names the option', async () => {
  const cases: readonly (readonly [words: readonly string[], named: RegExp])[] = [
    [['start', '--port', 'ninety'], /--port/],
    [['start', '--replay-speed', '-1'], /--replay-speed/],
    [['start', '--feed', 'telepathy'], /--feed/],
    [['start', '--event-log', 'carrier-pigeon://loft'], /--event-log.*carrier-pigeon/s],
    [['start', '--event-log', 'kafka://'], /--event-log.*host/s],
    [['start', '--no-such-option'], /--no-such-option/],
    [['start', 'no-such-target'], /no-such-target/],
    [['no-such-command'], /no-such-command/],
    [['account', 'open'], /--name/],
    [['account', 'deposit', 'not-an-id', '5'], /not-an-id/],
  ];
  for (const [words, named] of cases) {
    const finished = await run(...words);
    assert.equal(finished.code, 2, `${words.join(' ')}: ${finished.code} ${finished.stderr}`);
    assert.match(finished.stderr, named);
    assert.equal(finished.stdout, '');
  }
});

test('--help names every command, and each explains itself', async () => {
  const { code, stdout } = await run('--help');
  assert.equal(code, 0);
  const commands = [
    'start',
    'account',
    'status',
    'verify',
    'dead-letters',
    'config',
    'backup',
    'restore',
    'export',
    'import',
    'bench',
  ];
  for (const command of commands) {
    assert.match(stdout, new RegExp(`^ {2}${command}\\b`, 'm'));
    const help = await run(command, '--help');
    assert.equal(help.code, 0, help.stderr);
    assert.match(help.stdout, new RegExp(`Usage: tradehall ${command}`));
  }
});

test('a backup taken while it runs restores to the same accounts', async () => {
  const data = join(folder.path, 'backed-up');
  const copy = join(folder.path, 'copy');
  const back = join(folder.path, 'back');
  const program = await startProgram('--data', data, '--log-level', 'error');
  const opened = await run('account', 'open', '--data', data, '--name', 'Ada', '--cash', '1234.56', '--json');
  assert.equal(opened.code, 0, opened.stderr);
  const { accountId, keyId, secret } = JSON.parse(opened.stdout) as {
    accountId: string;
    keyId: string;
    secret: string;
  };
  const backup = await run('backup', copy, '--data', data);
  assert.equal(backup.code, 0, backup.stderr);
  const again = await run('backup', copy, '--data', data);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /not empty/);
  await program.end('SIGTERM');
  const restoredRecords = member(await runJson('restore', copy, '--data', back), 'records');
  const file = join(folder.path, 'log.ndjson.gz');
  const imported = join(folder.path, 'imported');
  assert.ok(Number(restoredRecords) > 0);
  for (const words of [
    ['verify', '--data', back],
    ['export', file, '--data', back],
    ['verify', file],
    ['import', file, '--data', imported],
    ['verify', '--data', imported],
  ])
    assert.equal(member(await runJson(...words), 'records'), restoredRecords, words.join(' '));
  const restored = await startProgram('--data', back, '--feed', 'none', '--log-level', 'error');
  const api = connect(restored.url);
  const portfolio = await api.request('GET', `/v1/portfolio/${accountId}?minVersion=2`, {
    credential: `${keyId}.${secret}`,
  });
  await api.close();
  await restored.end('SIGTERM');
  assert.equal(portfolio.status, 200, JSON.stringify(portfolio.body));
  assert.equal((portfolio.body as { cashBalance: string }).cashBalance, '1234.56');
});

test('a row that cannot be read is a dead letter with its line, and the rest goes on', async () => {
  const bars = join(folder.path, 'bars.csv');
  writeFileSync(
    bars,
    [
      'symbol,t,open,high,low,close,volume',
      'AAPL,2019-02-11T14:30:00Z,171.14,171.2,170.7,170.97,619925',
      'AAPL,2019-02-11T14:31:00Z,not a price,170.92,170.6755,170.7701,123138',
      'AAPL,2019-02-11T14:32:00Z,170.8,170.9,170.7,170.85,98000',
      '',
    ].join('\n'),
  );
  const data = join(folder.path, 'letters');
  const program = await startProgram(
    '--data',
    data,
    '--feed',
    `replay:${bars}`,
    '--replay-speed',
    'max',
    '--log-level',
    'error',
  );
  const list = async (): Promise<readonly { id: string; origin: { line?: number } }[]> => {
    const { code, stdout, stderr } = await run('dead-letters', 'list', '--data', data, '--json');
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const letters = await list();
  assert.deepEqual(
    letters.map(({ origin }) => origin.line),
    [3],
  );
  const id = letters[0]?.id ?? '';
  const shown = await run('dead-letters', 'show', id, '--data', data);
  assert.match(shown.stdout, /not a price/);
  const retried = await run('dead-letters', 'retry', id, '--data', data);
  assert.equal(retried.code, 1, retried.stdout);
  assert.equal((await run('dead-letters', 'drop', id, '--data', data)).code, 0);
  assert.deepEqual(await list(), []);
  await program.end('SIGTERM');
});
