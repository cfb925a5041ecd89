/** The whole program stopped, its stores lost or its log moved elsewhere, and started again: nothing is missing after. */
import assert from 'node:assert/strict';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { resolveConfiguration } from '#infrastructure/core/configuration.ts';
import { createLogger } from '#infrastructure/core/pino-logger.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { type RunningHall, startHall } from './composition.testing.ts';
import { restoreDataFolder } from './data-folder-copy.ts';
import { DATA_PATHS } from './data-paths.ts';
import { exportDataFolder, importDataFolder } from './log-transfer.ts';
import { processOptions } from './options.ts';
import { type Verdict, verifyDataFolder } from './verification/verify-data-folder.ts';

const QUIET = () => {};
const defaults = resolveConfiguration([processOptions], { flags: {}, environment: {}, file: {} });
assert(defaults.kind === 'resolved');
const EMBEDDED = defaults.configuration.of(processOptions);
let root: string;
let data: string;
let accountId: string;

before(async () => {
  root = mkdtempSync(join(tmpdir(), 'recovery-'));
  data = join(root, 'data');
  const hall = await start(data);
  const opened = await open(hall, 'First');
  accountId = opened.accountId;
  for (let at = 0; at < 20; at += 1) await buy(hall, opened.headers, String(at));
  await stop(hall);
});
after(async () => {
  for (const hall of running) await hall.stop();
  rmSync(root, { recursive: true, force: true });
});

/** Of tests that failed. */
const running = new Set<RunningHall>();

async function start(folder: string): Promise<RunningHall> {
  const hall = await startHall({ data: folder, feed: 'simulated', feed_rate: '500' });
  running.add(hall);
  return hall;
}

async function stop(hall: RunningHall): Promise<void> {
  running.delete(hall);
  assert.deepEqual(await hall.stop(), []);
}

async function keyFor(hall: RunningHall, account: string): Promise<Record<string, string>> {
  const key = await hall.operator.call('POST', `/operator/accounts/${account}/keys`);
  const { keyId, secret } = key as { readonly keyId: string; readonly secret: string };
  return { authorization: `Bearer ${keyId}.${secret}`, 'content-type': 'application/json' };
}

async function open(hall: RunningHall, name: string) {
  const opened = await hall.operator.call('POST', '/operator/accounts', { name, cash: '1000000' });
  const { accountId: id } = opened as { readonly accountId: string };
  return { accountId: id, headers: await keyFor(hall, id) };
}

async function buy(hall: RunningHall, headers: Record<string, string>, key: string): Promise<void> {
  const response = await fetch(`${hall.address}/v1/orders`, {
    method: 'POST',
    headers: { ...headers, 'x-idempotency-key': key },
    body: JSON.stringify({ symbol: 'AAPL', side: 'BUY', quantity: '1' }),
  });
  assert.equal(response.status, 202, await response.text());
}

function deep(folder: string): Promise<Verdict> {
  return verifyDataFolder(folder, { log: null, stores: EMBEDDED }, QUIET);
}

test('a clean stop leaves every projection level with the log', async () => {
  assert.deepEqual((await deep(data)).findings, []);
});

test('a projection whose group has committed nothing is behind, not wrong', async () => {
  const copy = join(root, 'uncommitted');
  cpSync(data, copy, { recursive: true });
  const log = new DatabaseSync(join(copy, DATA_PATHS.log, 'event-log.sqlite'));
  log.exec("DELETE FROM positions WHERE consumer_group = 'trade-history'");
  log.close();
  const history = new DatabaseSync(join(copy, DATA_PATHS.history));
  history.exec('DELETE FROM trading_trades');
  history.close();
  const { findings } = await deep(copy);
  assert.deepEqual(
    findings.map(({ check, message }) => [check, /records behind the log/.test(message)]),
    [['trade history', true]],
  );
});

test('a projection that was deleted is rebuilt by the next start', async () => {
  for (const name of readdirSync(data)) {
    if (/^(portfolios|history|tradehall)\.sqlite|^analytics\.duckdb/.test(name)) {
      rmSync(join(data, name), { recursive: true });
    }
  }
  const hall = await start(data);
  // Orders under used keys are still known, and new ones are folded over what was rebuilt.
  await buy(hall, await keyFor(hall, accountId), 'after');
  await stop(hall);
  assert.deepEqual((await deep(data)).findings, []);
});

test('a projection that is damaged is set aside and rebuilt by the next start; damaged API keys stop it', async () => {
  const damage = (name: string) => {
    const file = openSync(join(data, name), 'r+');
    writeSync(file, Buffer.alloc(4_096));
    closeSync(file);
  };
  const derived = [DATA_PATHS.portfolios, DATA_PATHS.history, DATA_PATHS.analytics];
  for (const name of derived) damage(name);
  await stop(await start(data));
  for (const name of derived) assert.ok(existsSync(join(data, `${name}.damaged`)));
  assert.deepEqual((await deep(data)).findings, []);
  const copy = join(root, 'damaged-keys');
  cpSync(data, copy, { recursive: true });
  writeFileSync(join(copy, DATA_PATHS.relational), 'no database');
  await assert.rejects(start(copy), { code: 'STORE_DAMAGED' });
});

test('an imported log has its accounts, which can be given keys and trade', async () => {
  const file = join(root, 'log.ndjson.gz');
  await exportDataFolder(data, null, file, QUIET);
  const copy = join(root, 'imported');
  assert.equal((await importDataFolder(file, copy, null, QUIET)).sound, true);
  const hall = await start(copy);
  const listed = (await hall.operator.call('GET', '/operator/accounts')) as {
    readonly accounts: readonly { readonly accountId: string; readonly name: string }[];
  };
  assert.deepEqual(
    listed.accounts.map(({ name }) => name),
    ['First'],
  );
  await buy(hall, await keyFor(hall, accountId), 'imported');
  await stop(hall);
  assert.deepEqual((await deep(copy)).findings, []);
});

test('a backup taken under load restores to a folder in which everything agrees', async () => {
  const hall = await start(data);
  const backup = join(root, 'backup');
  const headers = await keyFor(hall, accountId);
  await Promise.all([
    hall.operator.call('POST', '/operator/backup', { target: backup }),
    ...Array.from({ length: 50 }, (_, at) => buy(hall, headers, `load ${at}`)),
  ]);
  await stop(hall);
  const restored = join(root, 'restored');
  await restoreDataFolder(backup, restored, {
    runtime: createSystemRuntime(),
    logger: createLogger({ level: 'silent', format: 'json', write: () => {} }),
  });
  const again = await start(restored);
  await buy(again, headers, 'load 49');
  await stop(again);
  assert.deepEqual((await deep(restored)).findings, []);
});

test('verify --deep refuses to compare stores that the instance had elsewhere', async () => {
  const copy = join(root, 'elsewhere');
  cpSync(data, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
  writeFileSync(join(copy, 'stores.json'), '{"history":"opensearch://host:9200/"}');
  await assert.rejects(deep(copy), { code: 'STORE_ELSEWHERE', message: /The store of history/ });
});

test('verify --deep names what was changed, what is missing and what is too much in a projection', async () => {
  const copy = join(root, 'altered');
  cpSync(data, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
  const alter = (file: string, sql: string) => {
    const db = new DatabaseSync(join(copy, file));
    assert.ok(db.prepare(sql).run().changes > 0, sql);
    db.close();
  };
  alter(DATA_PATHS.portfolios, 'UPDATE trading_portfolios SET cash_reserved = 1');
  alter(
    DATA_PATHS.relational,
    `UPDATE orders SET body_digest = 'x' WHERE order_id = (SELECT min(order_id) FROM orders)`,
  );
  alter(DATA_PATHS.relational, 'DELETE FROM orders WHERE order_id = (SELECT max(order_id) FROM orders)');
  alter(
    DATA_PATHS.relational,
    `INSERT INTO statement_lines SELECT 'more', account_id, 999999, kind, reference, symbol, cash_change,
       quantity_change, price, cash_after, at_ms, note FROM statement_lines LIMIT 1`,
  );
  const found = (await deep(copy)).findings.map(
    ({ check, message }) => `${check}: ${message.replaceAll(/[0-9a-f-]{36}/g, 'ID')}`,
  );
  assert.deepEqual(found, [
    'portfolios: the portfolio of ID is not what execution has committed',
    'order index: the order ID differs from what was accepted',
    'order index: 1 orders of the log are missing',
    'statements: the line more is not in the log',
  ]);
});

test('a head that would execute inputs again is found by verify, and nothing is executed on it', async () => {
  const copy = join(root, 'tampered');
  const file = join(root, 'tampered.ndjson.gz');
  await exportDataFolder(data, null, file, QUIET);
  await importDataFolder(file, copy, null, QUIET);
  const db = new DatabaseSync(join(copy, DATA_PATHS.log, 'event-log.sqlite'));
  const table = db
    .prepare(`SELECT records FROM record_tables WHERE topic = 'account_states' AND partition = 0`)
    .get();
  const name = String(table?.['records']);
  const head = db.prepare(`SELECT value FROM ${name} WHERE key = 'head'`).get();
  const text = Buffer.from(head?.['value'] as Uint8Array).toString('utf8');
  const earlier = text.replace(/"nextInputOffset":(\d+)/, (_, offset) => `"nextInputOffset":${offset - 1}`);
  assert.notEqual(earlier, text);
  db.prepare(`UPDATE ${name} SET value = ? WHERE key = 'head'`).run(Buffer.from(earlier));
  db.close();
  const { findings } = await verifyDataFolder(copy, { log: null, stores: null }, QUIET);
  assert.deepEqual(
    findings.map(({ check, record }) => ({ check, record: record?.replace(/\d+$/, 'N') })),
    [{ check: 'replay', record: 'account_states/0@N' }],
  );
  const hall = await startHall({ data: copy, feed: 'none' }, { untilReady: false });
  running.add(hall);
  while (hall.crashes.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.match(String(hall.crashes[0]), /Partition 0 of account_states has another head/);
  await stop(hall);
});
