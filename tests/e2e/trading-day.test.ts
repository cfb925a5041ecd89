/**
 * A trading day from outside: the program as a process, fifty accounts, five thousand orders and more, five kills, and
 * then proof, by what its interfaces say, that nothing accepted was lost and nothing was applied twice.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { type Api, connect, connectOperator, listMember, member, textMember } from './api.ts';
import { foldLedger, foldTrades, type LedgerPosting, portfolioOf, type Trade, tradesOf } from './books.ts';
import { eventually } from './eventually.ts';
import { damagedCopy, exportedRecords, fullestPartition, type LogOnDisk } from './log-file.ts';
import { nano } from './nano.ts';
import { openAccounts, settled } from './operator.ts';
import { watchPrices } from './price-watcher.ts';
import { type RunningProgram, run, runJson, startProgram, temporaryFolder } from './program.ts';
import { type Account, cancel, carryOutAll, type Diary, type Intent, planDay, SYMBOLS } from './workload.ts';

const REPOSITORY = join(dirname(import.meta.dirname), '..');
const SHARED_BARS = join(REPOSITORY, '../shared/data/bars_1min_us24_2019.csv.gz');
const OWN_BARS = join(REPOSITORY, 'tests/fixtures/bars_1min_us6_excerpt.csv');
const BARS = existsSync(SHARED_BARS) ? SHARED_BARS : OWN_BARS;
/** So that the kills come in the middle of trading: five days in some minutes, or half an hour in one. */
const LIVE_SPEED = BARS === SHARED_BARS ? '2000' : '30';

const ACCOUNTS = 50;
const ORDERS = 5_400;
const LIVES = 6;
const SEED = 20_190_211;
const AT_ONCE = 12;
const TERMINAL = new Set(['FILLED', 'CANCELED', 'EXPIRED', 'REPLACED', 'REJECTED', 'DENIED']);

const folder = temporaryFolder();
const dataFolder = join(folder.path, 'data');
const exportFile = join(folder.path, 'log.ndjson.gz');
const diary: Diary = { accepted: new Map(), statuses: new Map(), sent: 0 };
let accounts: readonly Account[] = [];
let program: RunningProgram | null = null;
const tradesByAccount = new Map<string, readonly Trade[]>();

after(async () => {
  await program?.end('SIGKILL');
  folder.remove();
});

function start(replaySpeed: string): Promise<RunningProgram> {
  return startProgram(
    '--data',
    dataFolder,
    '--feed',
    `replay:${BARS}`,
    '--replay-speed',
    replaySpeed,
    '--log-level',
    'warn',
  );
}

test('it starts on a fresh folder, opens fifty accounts, and sends prices over the socket', async () => {
  program = await start(LIVE_SPEED);
  accounts = await openAccounts(dataFolder, ACCOUNTS);
  const api = connect(program.url);
  const first = accounts[0];
  assert.ok(first !== undefined);
  const watcher = await watchPrices(api, program.url, first, SYMBOLS);
  await eventually('every subscribed symbol has moved', async () =>
    watcher.updates.size === SYMBOLS.length ? true : null,
  );
  watcher.close();
  await api.close();
});

test('five kills in the middle of more than five thousand orders', async () => {
  const plan = planDay(accounts, ORDERS, SEED);
  let unknown: readonly Intent[] = [];
  for (let life = 1; life <= LIVES; life += 1) {
    const running: RunningProgram = program ?? (await start(life === LIVES ? 'max' : LIVE_SPEED));
    program = running;
    const api: Api = connect(running.url);
    const share = plan.slice(((life - 1) * ORDERS) / LIVES, (life * ORDERS) / LIVES);
    // What was unknown when the last life ended is asked again, under the same keys.
    const intents: readonly Intent[] = [...unknown, ...share];
    if (life < LIVES) {
      const late = intents.slice(Math.floor(intents.length * 0.7));
      const early = await carryOutAll(api, intents.slice(0, intents.length - late.length), diary, AT_ONCE);
      const enough = diary.sent + Math.floor(late.length / 3);
      const [cut] = await Promise.all([
        carryOutAll(api, late, diary, AT_ONCE),
        eventually('some of the last orders are under way', async () =>
          diary.sent >= enough ? true : null,
        ).then(() => running.end('SIGKILL')),
      ]);
      unknown = [...early, ...cut];
      program = null;
    } else {
      await eventually('nothing is unknown any more', async () => {
        unknown = await carryOutAll(api, unknown.length > 0 ? unknown : intents, diary, AT_ONCE);
        return unknown.length === 0 ? true : null;
      });
    }
    await api.close();
  }
  assert.ok(diary.sent >= 5_000, `${diary.sent} orders were sent`);
  for (const seen of [
    'buy 202',
    'sell 202',
    'lack-funds 402',
    'lack-shares 422',
    'malformed 400',
    'repeat-same 202',
    'repeat-other 202',
    'rest-and-cancel 202',
  ]) {
    assert.ok((diary.statuses.get(seen) ?? 0) > 0, `no ${seen} in ${JSON.stringify([...diary.statuses])}`);
  }
});

test('the core refuses what the early checks let through at the same moment', async () => {
  assert.ok(program !== null);
  const operator = connectOperator(dataFolder);
  const opened = await operator.request('POST', '/operator/accounts', {
    body: { name: 'Burst', cash: '1000' },
  });
  const accountId = textMember(opened.body, 'accountId');
  const key = await operator.request('POST', `/operator/accounts/${accountId}/keys`);
  const burst: Account = {
    accountId,
    credential: `${textMember(key.body, 'keyId')}.${textMember(key.body, 'secret')}`,
    cash: '1000',
  };
  accounts = [...accounts, burst];
  const api = connect(program.url);
  const answers = await Promise.all(
    Array.from({ length: 10 }, () =>
      api.request('POST', '/v1/orders', {
        credential: burst.credential,
        body: { symbol: 'SPY', side: 'BUY', notional: '900' },
      }),
    ),
  );
  for (const { status, body } of answers) {
    if (status === 202)
      diary.accepted.set(textMember(body, 'orderId'), {
        orderId: textMember(body, 'orderId'),
        account: burst,
      });
    else assert.equal(status, 402, JSON.stringify(body));
  }
  await api.close();
  await operator.close();
});

test('after the feed has ended and what rests is cancelled, every accepted order is terminal', async () => {
  assert.ok(program !== null);
  await eventually('the feed has ended and everything has caught up', () => settled(dataFolder), 120_000);
  const api = connect(program.url);
  const left = new Map(diary.accepted);
  await eventually(
    'every accepted order has ended',
    async () => {
      await Promise.all(
        [...left.values()].map(async ({ orderId, account }) => {
          const { status, body } = await api.request('GET', `/v1/orders/${orderId}`, {
            credential: account.credential,
          });
          assert.equal(
            status,
            200,
            `the accepted order ${orderId} answers ${status}: ${JSON.stringify(body)}`,
          );
          if (TERMINAL.has(textMember(body, 'status'))) left.delete(orderId);
          else await cancel(api, account, orderId);
        }),
      );
      return left.size === 0 ? true : null;
    },
    120_000,
  );
  await eventually('everything has caught up', () => settled(dataFolder));
  await api.close();
});

test('portfolios are the fold of the executed trades, and analytics count the same shares', async () => {
  assert.ok(program !== null);
  const api = connect(program.url);
  const traded = new Map<string, bigint>();
  for (const account of accounts) {
    const trades = await tradesOf(api, account);
    assert.equal(
      new Set(trades.map(({ eventId }) => eventId)).size,
      trades.length,
      'no trade is listed twice',
    );
    tradesByAccount.set(account.accountId, trades);
    assert.deepEqual(
      await portfolioOf(api, account),
      foldTrades(account, trades),
      `portfolio of ${account.accountId}`,
    );
    for (const { symbol, quantity, price } of trades) {
      if (price !== null) traded.set(symbol, (traded.get(symbol) ?? 0n) + quantity);
    }
  }
  const first = accounts[0];
  assert.ok(first !== undefined);
  const { body } = await api.request('GET', '/v1/analytics/volume?timeWindow=7d', {
    credential: first.credential,
  });
  const volumes = new Map(
    listMember(body, 'data').map((row) => [textMember(row, 'symbol'), nano(textMember(row, 'volume'))]),
  );
  assert.deepEqual([...volumes].sort(), [...traded].sort());
  await api.close();
});

test('SIGTERM ends it with 0, and verify --deep holds on the stopped folder', async () => {
  assert.ok(program !== null);
  const { code, stderr } = await program.end('SIGTERM');
  program = null;
  assert.equal(code, 0, stderr);
  const verdict = await runJson('verify', '--data', dataFolder, '--deep');
  assert.deepEqual(member(verdict, 'findings'), []);
  assert.equal(member(verdict, 'sound'), true);
  assert.ok(Number(member(verdict, 'inputsReplayed')) >= diary.accepted.size);
});

test('in the exported log each accepted order ends once, and the books balance to zero', async () => {
  const exported = await runJson('export', exportFile, '--data', dataFolder);
  assert.ok(Number(member(exported, 'records')) > 10_000);
  const endings = new Map<string, number>();
  const entries: LedgerPosting[][] = [];
  for await (const { topic, event } of exportedRecords(
    exportFile,
    new Set(['order_updates', 'ledger_entries']),
  )) {
    const payload = member(event, 'payload');
    if (topic === 'ledger_entries') {
      entries.push(
        listMember(payload, 'postings').map((posting) => ({
          account: textMember(posting, 'account'),
          asset: textMember(posting, 'asset'),
          amount: nano(textMember(posting, 'amount')),
        })),
      );
      continue;
    }
    const update = textMember(payload, 'update');
    if (
      !TERMINAL.has(textMember(payload, 'status')) ||
      ['cancel_rejected', 'duplicate_conflict'].includes(update)
    )
      continue;
    const orderId = textMember(payload, 'orderId');
    endings.set(orderId, (endings.get(orderId) ?? 0) + 1);
  }
  for (const orderId of diary.accepted.keys())
    assert.equal(endings.get(orderId), 1, `the order ${orderId} ended ${endings.get(orderId) ?? 0} times`);
  const balances = foldLedger(entries);
  for (const account of accounts) {
    const { cash, holdings } = foldTrades(account, tradesByAccount.get(account.accountId) ?? []);
    const own = new Map([...(balances.get(account.accountId) ?? [])].filter(([, amount]) => amount !== 0n));
    const expected = new Map([...holdings, ...(cash === 0n ? [] : [['USD', cash] as const])]);
    assert.deepEqual([...own].sort(), [...expected].sort(), `the books of ${account.accountId}`);
  }
});

test('an exported log verifies, and an imported one is the same', async () => {
  const original = await runJson('verify', '--data', dataFolder);
  const exported = await runJson('verify', exportFile);
  const imported = join(folder.path, 'imported');
  await runJson('import', exportFile, '--data', imported);
  const again = await runJson('verify', '--data', imported);
  for (const verdict of [exported, again]) {
    assert.equal(member(verdict, 'sound'), true);
    assert.deepEqual(member(verdict, 'stateHashes'), member(original, 'stateHashes'));
    assert.equal(member(verdict, 'records'), member(original, 'records'));
  }
});

const DAMAGES: readonly (readonly [
  what: string,
  damage: (log: LogOnDisk, table: string, records: number) => number,
])[] = [
  [
    'one byte of a record is changed',
    ({ database }, table, records) => {
      const offset = Math.floor(records / 2);
      const row = database.prepare(`SELECT value FROM ${table} WHERE offset = ?`).get(offset);
      const value = Buffer.from(row?.['value'] as Uint8Array);
      value.writeUInt8((value.readUInt8(40) ^ 1) & 0xff, 40);
      database.prepare(`UPDATE ${table} SET value = ? WHERE offset = ?`).run(value, offset);
      return offset;
    },
  ],
  [
    'a record is removed',
    ({ database }, table, records) => {
      const offset = Math.floor(records / 3);
      database.prepare(`DELETE FROM ${table} WHERE offset = ?`).run(offset);
      return offset;
    },
  ],
  [
    'two records are swapped',
    ({ database }, table, records) => {
      const offset = Math.floor(records / 4);
      database.exec(
        `UPDATE ${table} SET offset = -1 WHERE offset = ${offset};
         UPDATE ${table} SET offset = ${offset} WHERE offset = ${offset + 1};
         UPDATE ${table} SET offset = ${offset + 1} WHERE offset = -1;`,
      );
      return offset;
    },
  ],
];

for (const [what, damage] of DAMAGES) {
  test(`verify fails and names the record when ${what}`, async () => {
    const { partition, records } = fullestPartition(dataFolder, 'trade_executed');
    const copy = join(folder.path, what.replaceAll(' ', '-'));
    mkdirSync(copy);
    let offset = -1;
    damagedCopy(dataFolder, copy, (log) => {
      offset = damage(log, log.table('trade_executed', partition), records);
    });
    const { code, stdout } = await run('verify', '--data', copy);
    assert.equal(code, 1, stdout);
    assert.match(stdout, new RegExp(`trade_executed/${partition}@${offset}\\b`));
  });
}

test('verify fails when the last records are cut off, seals and all, because heads are kept outside the log', async () => {
  const before = join(folder.path, 'before');
  mkdirSync(before);
  cpSync(join(dataFolder, 'log'), join(before, 'log'), { recursive: true });
  program = await start('max');
  const api = connect(program.url);
  const first = accounts[0];
  assert.ok(first !== undefined);
  const placed = await api.request('POST', '/v1/orders', {
    credential: first.credential,
    body: { symbol: 'AAPL', side: 'BUY', quantity: '1', type: 'LIMIT', limitPrice: '1' },
  });
  assert.equal(placed.status, 202, JSON.stringify(placed.body));
  await eventually('everything has caught up', () => settled(dataFolder));
  await api.close();
  await program.end('SIGTERM');
  program = null;
  // The log of before, whole and sealed, under the heads of after.
  const copy = join(folder.path, 'cut');
  mkdirSync(copy);
  cpSync(join(dataFolder, 'log'), join(copy, 'log'), { recursive: true });
  cpSync(join(before, 'log', 'event-log.sqlite'), join(copy, 'log', 'event-log.sqlite'));
  const { code, stdout } = await run('verify', '--data', copy);
  assert.equal(code, 1, stdout);
  assert.match(stdout, /(order_updates|trade_orders)\/\d+@\d+/);
  assert.match(stdout, /outside the log/);
});
