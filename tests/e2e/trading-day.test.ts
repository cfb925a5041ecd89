/**
 * The trading day on the embedded stores, and what only their files allow: an import of the log that is the same, and
 * damage to it that `verify` names.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { connect, member } from './api.ts';
import { eventually } from './eventually.ts';
import { damagedCopy, fullestPartition, type LogOnDisk } from './log-file.ts';
import { oneProcess } from './one-process.ts';
import { totalLag } from './operator.ts';
import { run, runJson, temporaryFolder } from './program.ts';
import { registerTradingDay } from './trading-day.ts';

const folder = temporaryFolder();
const dataFolder = join(folder.path, 'data');
const exportFile = join(folder.path, 'log.ndjson.gz');
const hall = oneProcess(dataFolder);

after(() => folder.remove());

const day = registerTradingDay({
  title: 'a trading day in one process on embedded stores',
  hall,
  orders: 5_400,
  exportFile,
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

/** The first record from there on that has a row of its own, and the one after it too. */
function unpackedFrom(database: DatabaseSync, table: string, least: number): number {
  const row = database
    .prepare(
      `SELECT min(one.offset) AS offset FROM ${table} AS one JOIN ${table} AS next ON next.offset = one.offset + 1
       WHERE one.offset >= ? AND one.packed IS NULL AND next.packed IS NULL`,
    )
    .get(least);
  assert(typeof row?.['offset'] === 'number', 'not all records are packed');
  return row['offset'];
}

const DAMAGES: readonly (readonly [
  what: string,
  damage: (log: LogOnDisk, table: string, records: number) => number,
])[] = [
  [
    'one byte of a record is changed',
    ({ database }, table, records) => {
      const offset = unpackedFrom(database, table, records / 2);
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
      const offset = unpackedFrom(database, table, records / 3);
      database.prepare(`DELETE FROM ${table} WHERE offset = ?`).run(offset);
      return offset;
    },
  ],
  [
    'two records are swapped',
    ({ database }, table, records) => {
      const offset = unpackedFrom(database, table, records / 4);
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
  const running = await hall.start('max');
  const [url] = running.urls;
  const [first] = day.accounts();
  assert.ok(url !== undefined && first !== undefined);
  const api = connect(url);
  const placed = await api.request('POST', '/v1/orders', {
    credential: first.credential,
    body: { symbol: 'AAPL', side: 'BUY', quantity: '1', type: 'LIMIT', limitPrice: '1' },
  });
  assert.equal(placed.status, 202, JSON.stringify(placed.body));
  await eventually('every consumer has read everything', async () =>
    (await totalLag(dataFolder)) === 0 ? true : null,
  );
  await api.close();
  await running.stop();
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
