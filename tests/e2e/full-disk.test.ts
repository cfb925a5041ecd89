/** A disk that fills up under the running program, and one that may not be written: what is answered, and what is lost (nothing). */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Answer, type Api, connect, member, textMember } from './api.ts';
import { eventually } from './eventually.ts';
import { type RunningProgram, runVia, startProgramVia } from './program.ts';
import { fillDisk, makeSmallDisk } from './small-disk.ts';

const DISK_MB = 64;
const MAY_WAIT = ['DEPENDENCY_UNAVAILABLE', 'OUTCOME_UNKNOWN', 'PRICE_UNAVAILABLE'];
const AT_ONCE = 8;
/** What is left of files that were made before the disk was full must be written, too. */
const FILLED_MS = 180_000;

const made = await makeSmallDisk(DISK_MB);
const disk = made.kind === 'made' ? made.disk : null;
let program: RunningProgram | null = null;
after(async () => {
  await program?.end('SIGKILL');
  await disk?.remove();
});
/** A skip is a failure where CI=true (scripts/test.ts). */
const skip = made.kind === 'made' ? false : `no small disk can be mounted here: ${made.reason}`;

interface Book {
  /** Order ids by idempotency key. */
  readonly accepted: Map<string, string>;
  readonly refused: Set<string>;
}

function buy(api: Api, credential: string, idempotencyKey: string): Promise<Answer> {
  return api.request('POST', '/v1/orders', {
    credential,
    idempotencyKey,
    body: { symbol: 'AAPL', side: 'BUY', quantity: '0.01' },
  });
}

/** Every answer is an acceptance, or a problem that says what is the matter, as docs/errors.md has it. */
function note(book: Book, key: string, answer: Answer): void {
  if (answer.status === 202) {
    book.accepted.set(key, textMember(answer.body, 'orderId'));
    return;
  }
  const code = textMember(answer.body, 'code');
  if (answer.status === 500) assert.equal(code, 'LOG_UNWRITABLE');
  else {
    assert.equal(answer.status, 503, JSON.stringify(answer));
    assert.ok(MAY_WAIT.includes(code), code);
    assert.match(answer.retryAfter ?? '', /^[1-9][0-9]*$/, JSON.stringify(answer));
  }
  book.refused.add(key);
}

test('a disk that fills up: every order is answered, nothing accepted is lost, and with room it goes on', {
  skip,
}, async () => {
  assert.ok(disk !== null);
  const data = join(disk.path, 'data');
  const ballast = join(disk.pathFromOutside, 'ballast');
  program = await startProgramVia(disk.via, '--data', data, '--log-level', 'error');
  const api = connect(program.url);
  const opened = await runVia(
    disk.via,
    'account',
    'open',
    '--data',
    data,
    '--name',
    'Ada',
    '--cash',
    '1000000',
    '--json',
  );
  assert.equal(opened.code, 0, opened.stderr);
  const account: unknown = JSON.parse(opened.stdout);
  const accountId = textMember(account, 'accountId');
  const credential = `${textMember(account, 'keyId')}.${textMember(account, 'secret')}`;
  const book: Book = { accepted: new Map(), refused: new Set() };
  let orders = 0;
  const placeSome = async (): Promise<void> => {
    const keys = Array.from({ length: AT_ONCE }, (_unused, index) => `full-${orders + index}`);
    orders += AT_ONCE;
    await Promise.all(keys.map(async (key) => note(book, key, await buy(api, credential, key))));
  };
  await placeSome();
  assert.equal(book.accepted.size, AT_ONCE);

  fillDisk(ballast);
  // Until the log is refused room, not only until an order is: a busy machine has other reasons to refuse one.
  await eventually(
    'orders are refused, and readiness says the reason',
    async () => {
      await placeSome();
      const { status, body } = await api.request('GET', '/readyz');
      if (book.refused.size === 0 || status !== 503) return null;
      return /disk is full/.test(JSON.stringify(member(body, 'reasons'))) ? true : null;
    },
    FILLED_MS,
  );

  rmSync(ballast);
  await eventually('it is ready again by itself', async () =>
    (await api.request('GET', '/readyz')).status === 200 ? true : null,
  );
  for (const key of book.refused) {
    // The same key: an order that was there after all would be answered with, not placed twice.
    const answer = await buy(api, credential, key);
    assert.equal(answer.status, 202, JSON.stringify(answer));
    book.accepted.set(key, textMember(answer.body, 'orderId'));
  }
  for (const orderId of book.accepted.values()) {
    await eventually(`the order ${orderId} is filled`, async () => {
      const { body } = await api.request('GET', `/v1/orders/${orderId}`, { credential });
      return textMember(body, 'status') === 'FILLED' ? true : null;
    });
  }
  const portfolio = await eventually('the portfolio holds every order once', async () => {
    const { body } = await api.request('GET', `/v1/portfolio/${accountId}`, { credential });
    const held = JSON.stringify(body).includes(`"quantity":"${(orders / 100).toString()}"`);
    return held ? body : null;
  });
  assert.ok(portfolio !== null);
  await api.close();
  const { code, stderr } = await program.end('SIGTERM');
  assert.equal(code, 0, stderr);
  const verified = await runVia(disk.via, 'verify', '--deep', '--data', data);
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);
});

test('a data folder that may not be written can be verified, and stops the start with a sentence that says what to do', {
  skip,
}, async () => {
  assert.ok(disk !== null);
  disk.remount('ro');
  try {
    const verified = await runVia(disk.via, 'verify', '--deep', '--data', join(disk.path, 'data'));
    assert.equal(verified.code, 0, verified.stdout + verified.stderr);
    for (const name of ['data', 'new']) {
      const data = join(disk.path, name);
      const started = await runVia(disk.via, 'start', '--data', data, '--port', '0', '--log-level', 'error');
      assert.equal(started.code, 1, started.stderr);
      assert.equal(started.stdout, '');
      assert.equal(
        started.stderr,
        `tradehall: The data folder ${data} is on a read-only file system: choose another with --data.\n`,
      );
    }
  } finally {
    disk.remount('rw');
  }
});

test('a start on a full disk says so', { skip }, async () => {
  assert.ok(disk !== null);
  const ballast = join(disk.pathFromOutside, 'ballast');
  fillDisk(ballast);
  for (const name of ['data', 'new']) {
    const data = join(disk.path, name);
    const started = await runVia(disk.via, 'start', '--data', data, '--port', '0', '--log-level', 'error');
    assert.equal(started.code, 1, started.stderr);
    assert.match(started.stderr, /^tradehall: .*disk.*\n$/);
  }
  rmSync(ballast);
});

test('where a copy of a log does not fit, verify names the folder and what moves it', { skip }, async () => {
  assert.ok(disk !== null);
  const file = join(disk.path, 'log.ndjson.gz');
  const exported = await runVia(disk.via, 'export', file, '--data', join(disk.path, 'data'));
  assert.equal(exported.code, 0, exported.stderr);
  const ballast = join(disk.pathFromOutside, 'ballast');
  fillDisk(ballast);
  const verified = await runVia([...disk.via, 'env', `TMPDIR=${disk.path}`], 'verify', file);
  rmSync(ballast);
  assert.equal(verified.code, 1, verified.stdout);
  assert.equal(
    verified.stderr,
    `tradehall: There is no room for a copy of the log in ${disk.path}: name a folder that has it in the variable TMPDIR.\n`,
  );
});
