/** How clients reach the running program: by TLS, and by a socket whose first message brings the key. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Client } from 'undici';
import { WebSocket } from 'ws';
import { textMember } from './api.ts';
import { type RunningProgram, runJson, startProgram, temporaryFolder } from './program.ts';

const folder = temporaryFolder();
let program: RunningProgram | null = null;
after(async () => {
  await program?.end('SIGKILL');
  folder.remove();
});

const openssl = spawnSync('openssl', ['version']);
/** A skip is a failure where CI=true (scripts/test.ts). */
const skip = openssl.error === undefined ? false : 'openssl is missing: apt-get install openssl';

test('with a certificate it serves HTTPS and wss, and a key in the first message opens a socket', {
  skip,
}, async () => {
  const data = join(folder.path, 'data');
  const cert = join(folder.path, 'cert.pem');
  const key = join(folder.path, 'key.pem');
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  execFileSync(
    'openssl',
    ['req', '-x509', '-nodes', '-days', '1', ...curve, ...subject, '-keyout', key, '-out', cert],
    { stdio: 'pipe' },
  );
  program = await startProgram('--data', data, '--tls-cert', cert, '--tls-key', key, '--log-level', 'debug');
  assert.match(program.url, /^https:/);
  const ca = readFileSync(cert);
  const client = new Client(program.url, { connect: { ca } });
  const health = await client.request({ method: 'GET', path: '/healthz' });
  assert.equal(health.statusCode, 200);
  assert.deepEqual(await health.body.json(), { status: 'alive' });
  assert.match(String(health.headers['strict-transport-security']), /max-age/);
  await client.close();

  const account = await runJson('account', 'open', '--data', data, '--name', 'Ada', '--cash', '100');
  const secret = textMember(account, 'secret');
  const topic = `account:${textMember(account, 'accountId')}`;
  const address = `${program.url.replace('https', 'wss')}/v1/marketdata/websocket?vsn=2.0.0`;
  const open = async (authToken: string): Promise<WebSocket> => {
    const socket = new WebSocket(address, { ca });
    await once(socket, 'open');
    socket.send(JSON.stringify(['1', '1', topic, 'phx_join', { authToken }]));
    return socket;
  };
  const entered = await open(`${textMember(account, 'keyId')}.${secret}`);
  const [reply] = await once(entered, 'message');
  assert.equal((JSON.parse(String(reply)) as { [at: number]: { status?: string } })[4]?.status, 'ok');
  entered.close();
  const refused = await open(`${textMember(account, 'keyId')}.guessed`);
  assert.equal((await once(refused, 'close'))[0], 4001);

  const { code, stderr } = await program.end('SIGTERM');
  program = null;
  assert.equal(code, 0, stderr);
  assert.ok(!stderr.includes(secret) && !stderr.includes('guessed'), 'a secret is in the log');
});
