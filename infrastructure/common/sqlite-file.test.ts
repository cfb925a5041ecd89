import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { guardSqlite, inTransaction, openSqliteFile, type SqliteFormat } from './sqlite-file.ts';

const FIRST: SqliteFormat = {
  name: 'The test store',
  applicationId: 77,
  steps: ['CREATE TABLE a (x INTEGER)'],
};
const SECOND: SqliteFormat = { ...FIRST, steps: [...FIRST.steps, 'ALTER TABLE a ADD COLUMN y INTEGER'] };

describe('a store’s SQLite file', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tradehall-sqlite-'));
    path = join(folder, 'file.sqlite');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  function open(format: SqliteFormat, readOnly = false): DatabaseSync {
    return openSqliteFile({ path, format, cacheKib: 256, readOnly });
  }

  function refusal(format: SqliteFormat, code: string, words: RegExp, readOnly = false): void {
    assert.throws(
      () => open(format, readOnly),
      (error) => error instanceof OperatingError && error.code === code && words.test(error.message),
    );
  }

  test('an older file is upgraded and keeps its rows', () => {
    const old = open(FIRST);
    old.exec('INSERT INTO a VALUES (1)');
    old.close();
    const upgraded = open(SECOND);
    assert.deepEqual({ ...upgraded.prepare('SELECT x, y FROM a').get() }, { x: 1, y: null });
    upgraded.close();
    open(SECOND).close();
  });

  test('a step that fails leaves the older file as it was', () => {
    open(FIRST).close();
    const broken: SqliteFormat = {
      ...FIRST,
      steps: [...FIRST.steps, 'CREATE TABLE b (x INTEGER)', 'NOT SQL'],
    };
    assert.throws(() => open(broken));
    const file = open(FIRST);
    assert.equal(file.prepare("SELECT name FROM sqlite_schema WHERE name = 'b'").get(), undefined);
    file.close();
  });

  test('a newer file is refused with a sentence, and not a byte of it changes', async () => {
    open(SECOND).close();
    const before = await readFile(path);
    refusal(FIRST, 'STORE_VERSION', /format 2, written by a newer Tradehall; this one knows up to 1/);
    assert.deepEqual(await readFile(path), before);
  });

  test('a file of another kind is refused', () => {
    open(FIRST).close();
    refusal({ ...FIRST, applicationId: 78 }, 'STORE_VERSION', /is not a file of The test store/);
    const foreign = new DatabaseSync(join(folder, 'foreign'));
    foreign.exec('CREATE TABLE t (x)');
    foreign.close();
    path = join(folder, 'foreign');
    refusal(FIRST, 'STORE_VERSION', /is not a file of The test store/);
  });

  test('an old file opened for reading only is refused, since it cannot be upgraded', () => {
    open(FIRST).close();
    refusal(SECOND, 'STORE_VERSION', /needs 2/, true);
    open(FIRST, true).close();
  });

  test('what is not SQLite, and a folder that does not exist, are named', async () => {
    await writeFile(path, 'x'.repeat(4096));
    refusal(FIRST, 'STORE_DAMAGED', /not a SQLite file/);
    path = join(folder, 'no', 'such');
    refusal(FIRST, 'STORE_CANNOT_OPEN', /folder must exist/);
  });

  test('a write to a read-only file says so', async () => {
    open(FIRST).close();
    await chmod(path, 0o400);
    const file = open(FIRST, true);
    assert.throws(
      () => guardSqlite(FIRST.name, path, () => file.exec('INSERT INTO a VALUES (1)')),
      (error) =>
        error instanceof OperatingError && error.code === 'STORE_READ_ONLY' && error.retry === 'never',
    );
    file.close();
  });

  test('a full disk is an operating failure, and the transaction leaves nothing', () => {
    const file = open(FIRST);
    file.exec('PRAGMA max_page_count = 4');
    const fill = (): void =>
      inTransaction(file, () => {
        for (let row = 0; row < 10_000; row++) file.prepare('INSERT INTO a VALUES (?)').run(row);
      });
    assert.throws(
      () => guardSqlite(FIRST.name, path, fill),
      (error) => error instanceof OperatingError && error.code === 'STORE_FULL' && error.retry === 'retry',
    );
    assert.equal(file.isTransaction, false);
    assert.equal(file.prepare('SELECT count(*) AS count FROM a').get()?.['count'], 0);
    file.close();
  });

  test('bugs stay bugs: wrong SQL and broken constraints are no operating failures', () => {
    const file = open(FIRST);
    assert.throws(
      () => guardSqlite(FIRST.name, path, () => file.exec('NOT SQL')),
      (error) => !(error instanceof OperatingError),
    );
    file.close();
  });
});
