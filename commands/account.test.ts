/** What `tradehall account` says of commands whose outcome nobody knows: how to repeat them without doing them twice. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { prepareOperatorSocket } from '#infrastructure/core/operator-socket.ts';
import { runProgram } from './program.ts';

const ACCOUNT = '7d444840-9dc0-41d1-b245-5ffdce74fad2';
const UNKNOWN = {
  status: 503,
  body: { code: 'OUTCOME_UNKNOWN', detail: 'It is written.', accountId: ACCOUNT },
};

type Reply = { readonly status: number; readonly body: unknown } | 'broken off';

const folder = mkdtempSync(join(tmpdir(), 'account-'));
let server: Server;
let replies: Reply[] = [];
let asked: { readonly path: string; readonly key: string | undefined }[] = [];

function answer(request: IncomingMessage): Reply {
  const key = request.headers['x-idempotency-key'];
  asked.push({ path: request.url ?? '', key: typeof key === 'string' ? key : undefined });
  return replies.shift() ?? { status: 500, body: {} };
}

before(async () => {
  server = createServer((request, response) => {
    const reply = answer(request);
    request.resume();
    if (reply === 'broken off') request.socket.destroy();
    else response.writeHead(reply.status).end(JSON.stringify(reply.body));
  });
  server.listen(prepareOperatorSocket(folder));
  await once(server, 'listening');
});
beforeEach(() => {
  asked = [];
});
after(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function account(...words: readonly string[]) {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await runProgram(
    ['node', 'tradehall', 'account', ...words, '--data', folder],
    { write: (text) => void out.push(text) },
    { write: (text) => void err.push(text) },
  );
  return { code, err: err.join('') };
}

/** The key that a sentence says to repeat under. */
function keyIn(sentence: string): string {
  const key = /--idempotency-key ([0-9a-f-]{36}), and it is done once/.exec(sentence)?.[1];
  assert.ok(key !== undefined, sentence);
  return key;
}

test('a transfer goes out under a key of its own, which is told when its outcome is not known', async () => {
  for (const reply of [UNKNOWN, 'broken off'] as const) {
    asked = [];
    replies = [reply, { status: 200, body: {} }, { status: 200, body: {} }];
    const first = await account('deposit', ACCOUNT, '5');
    assert.equal(first.code, 1);
    const key = keyIn(first.err);
    assert.equal((await account('deposit', ACCOUNT, '5', '--idempotency-key', key)).code, 0);
    await account('withdraw', ACCOUNT, '5');
    const [one, again, other] = asked;
    assert.deepEqual([one?.key, again?.key], [key, key]);
    assert.ok(other?.key !== undefined && other.key !== key);
  }
});

test('what was refused is not told to be repeated', async () => {
  replies = [{ status: 402, body: { code: 'INSUFFICIENT_FUNDS', detail: 'Too much.' } }];
  assert.equal((await account('withdraw', ACCOUNT, '5')).err, 'tradehall: Too much.\n');
});

test('an account that may be open is named, with the key to repeat under', async () => {
  replies = [UNKNOWN];
  const { code, err } = await account('open', '--name', 'Ada', '--cash', '5');
  assert.equal(code, 1);
  assert.match(
    err,
    new RegExp(`^tradehall: It is written\\. It is about account ${ACCOUNT}\\. Give the command`),
  );
  assert.equal(asked[0]?.key, keyIn(err));
});

test('an account that is open and has no key is named', async () => {
  const away = { code: 'DEPENDENCY_UNAVAILABLE', detail: 'A store is away.' };
  replies = [
    { status: 201, body: { accountId: ACCOUNT } },
    { status: 503, body: away },
  ];
  const { code, err } = await account('open', '--name', 'Ada', '--cash', '5');
  assert.equal(code, 1);
  assert.equal(
    err,
    `tradehall: Account ${ACCOUNT} is open, and has no API key yet: tradehall account key add ${ACCOUNT}. A store is away.\n`,
  );
});
