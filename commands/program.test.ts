/** The command line as a user meets it: sentences and exit codes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { withoutRoot } from '#tests/support/without-root.ts';
import { configurationReference } from './config.ts';
import { connectOperator } from './operator-client.ts';
import { runCommand } from './program.testing.ts';

const root = mkdtempSync(join(tmpdir(), 'program-'));
after(() => rmSync(root, { recursive: true, force: true }));

describe('wrong use ends with 2 and names the option', () => {
  for (const [args, sentence] of [
    [['start', '--porrt', '1'], /unknown option '--porrt'/],
    [['start', '--port', 'abc'], /--port must be a whole number from 0 to 65535/],
    [
      ['start', '--event-log', 'kafkka://x'],
      /--event-log names the backend "kafkka", which this version does not have; it has file:, kafka:/,
    ],
    [
      ['start', '--cache', 'redis://:geheim@one,two'],
      /--cache names more than one host; it looks like redis:\/\/host:6379\/0\.\n$/,
    ],
    [['start', '--feed', 'carrier-pigeon'], /--feed /],
    [['start', 'nonsense'], /no target "nonsense"; there are .*api-gateway/],
    [['start', 'order'], /order reads prices from the cache, .* the option cache is "memory:"/],
    [['start', '--host', '0.0.0.0'], /--host 0\.0\.0\.0 is not loopback: give --tls-cert/],
    [['start', '--host', '203.0.113.7', '--behind-proxy'], /no address 203\.0\.113\.7: .* --host/],
    [['start', '--tls-cert', '/nowhere'], /--tls-cert and --tls-key are needed together/],
    [['start', '--tls-cert', '/nowhere', '--tls-key', '/nowhere'], /--tls-cert: \/nowhere cannot be read/],
    [
      ['start', '--tls-cert', 'package.json', '--tls-key', 'package.json'],
      /--tls-cert package\.json and --tls-key package\.json are no PEM certificate and its private key \(no start line\)/,
    ],
    [['start', '--feed', 'replay:/nowhere.csv'], /no file \/nowhere\.csv to replay/],
    [['start', '--feed', 'replay:package.json'], /package\.json is no market data/],
    [['bench', '--servers', 'core'], /--servers: the environment names no server/],
    [['bench', 'cores'], /no benchmark "cores"; there are .*execution/],
    [['nonsense'], /unknown command 'nonsense'/],
    [['config', '--config', '/nowhere.json'], /--config: \/nowhere\.json cannot be read \(ENOENT\)/],
  ] as const) {
    test(args.join(' '), async () => {
      const place = ['--data', join(root, 'wrong'), '--port', '0', '--log-level', 'silent'];
      const given: readonly string[] = args;
      const own = given[0] === 'start' && !given.includes('--port') ? place : [];
      const { code, out, err } = await runCommand(...args, ...own);
      assert.match(err, sentence);
      assert.equal(code, 2);
      assert.equal(out, '');
    });
  }
});

test('a mistake in the file is told, though a flag says otherwise', async () => {
  const file = join(root, 'mistaken.json');
  writeFileSync(file, '{"port": "http"}');
  const { code, err } = await runCommand('config', '--config', file, '--port', '1');
  assert.equal(code, 2);
  assert.match(err, /"port" in the configuration file must be a whole number/);
});

describe('config', () => {
  test('shows where each value comes from', async () => {
    const file = join(root, 'config.json');
    writeFileSync(file, '{"partitions": 8, "port": 1}');
    const { code, out } = await runCommand(
      'config',
      '--config',
      file,
      '--port',
      '2',
      '--behind-proxy',
      '--json',
    );
    assert.equal(code, 0);
    const values = JSON.parse(out) as readonly { name: string; value: string; origin: string }[];
    const of = (name: string) => values.find((value) => value.name === name);
    assert.deepEqual([of('partitions')?.value, of('partitions')?.origin], ['8', 'file']);
    assert.deepEqual([of('port')?.value, of('port')?.origin], ['2', 'flag']);
    assert.equal(of('behind_proxy')?.value, 'true');
    assert.equal(of('host')?.origin, 'default');
  });

  test('does not show the password of a server', async () => {
    const { code, out } = await runCommand('config', '--database', 'postgres://ada:geheim@db/hall');
    assert.equal(code, 0);
    assert.match(out, /database +postgres:\/\/ada:\(hidden\)@db\/hall +flag/);
    assert.doesNotMatch(out, /geheim/);
  });

  test('the reference in docs/configuration.md is the one made from the declarations', () => {
    const text = readFileSync(new URL('../docs/configuration.md', import.meta.url), 'utf8');
    assert.equal(
      text.trimEnd(),
      configurationReference().trimEnd(),
      'run: npx tradehall config --reference > docs/configuration.md',
    );
  });
});

test('status without a running instance ends with 1 and says how to start one', async () => {
  const { code, err } = await runCommand('status', '--data', join(root, 'nothing'));
  assert.equal(code, 1);
  assert.match(err, /No instance is running on the data folder .*nothing: start one with/);
});

test('no instance runs on a data folder that is a file, or that has no name a folder could have', async () => {
  const file = join(root, 'a-file');
  writeFileSync(file, '');
  for (const data of [file, join(root, 'x'.repeat(300))]) {
    const { code, err } = await runCommand('account', 'list', '--data', data);
    assert.equal(code, 1, err);
    assert.match(err, /^tradehall: No instance is running on the data folder /);
  }
});

test("another user's data folder is refused with a sentence", () => {
  const path = join(root, 'private');
  mkdirSync(path);
  chmodSync(path, 0);
  assert.throws(() => withoutRoot(() => connectOperator(path)), {
    code: 'NOT_OWNER',
    message: `Only the owner of the data folder ${path} may use its operator's socket.`,
  });
});

test('a process starts on a fresh folder, answers its operator, refuses a second on the folder, and drains to 0', async () => {
  const data = join(root, 'data');
  const bin = new URL('../bin/tradehall.ts', import.meta.url).pathname;
  const child = spawn(
    process.execPath,
    [bin, 'start', '--data', data, '--port', '0', '--log-level', 'silent'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  try {
    let out = '';
    child.stdout.on('data', (chunk) => {
      out += String(chunk);
    });
    while (!out.includes('\n')) await once(child.stdout, 'data');
    assert.match(out, /^ready http:\/\/127\.0\.0\.1:\d+\n$/);
    const second = await runCommand('start', '--data', data, '--port', '0', '--log-level', 'silent');
    assert.equal(second.code, 1);
    assert.match(
      second.err,
      /is in use by another instance \(process \d+\): stop that one, or choose another folder with --data/,
    );
    const status = await runCommand('status', '--data', data, '--json');
    assert.equal(status.code, 0);
    assert.equal((JSON.parse(status.out) as { ready: boolean }).ready, true);
    for (const [words, sentence] of [
      [['account', 'open', '--name', 'A', '--cash', 'abc'], /cash must be/],
      [['dead-letters', 'list', '--limit', '1001'], /limit must be/],
      [['dead-letters', 'list', '--topic', 'orders'], /topic: must be one of .*, trade_orders/],
      [['dead-letters', 'list', '--after', 'x'], /after: must be the id of a dead letter/],
    ] as const) {
      const mistaken = await runCommand(...words, '--data', data);
      assert.equal(mistaken.code, 2, mistaken.err);
      assert.match(mistaken.err, sentence);
    }
    const opened = await runCommand(
      'account',
      'open',
      '--name',
      '=A, "B"',
      '--cash',
      '5',
      '--data',
      data,
      '--json',
    );
    const { accountId } = JSON.parse(opened.out) as { accountId: string };
    const csv = await runCommand('account', 'statement', accountId, '--data', data);
    const [columns, first] = csv.out.split('\n');
    assert.match(columns ?? '', /^sequence,timestamp,kind,.*,entryId$/);
    assert.match(first ?? '', /^1,.*,OPENED,.*,"'=A, ""B""",/);
    assert.equal(csv.out.split('\n').length, 4, csv.out);
    const later = await runCommand('account', 'statement', accountId, '--from', '9999-01-01', '--data', data);
    assert.equal(later.out, `${columns}\n`);
    const stranger = '99999999-9999-4999-8999-999999999999';
    const nobody = await runCommand('account', 'statement', stranger, '--data', data);
    assert.equal(nobody.code, 1, nobody.out);
    assert.match(nobody.err, /There is no statement of this account/);
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number];
    assert.equal(code, 0);
  } finally {
    child.kill('SIGKILL');
  }
});
