import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { SqliteFileOptions } from './sqlite-file.ts';
import { openSqliteThread, type SqliteThread } from './sqlite-thread.ts';

const INSERT = 'INSERT INTO a VALUES (?)';
const ALL = { sql: 'SELECT x FROM a ORDER BY x', values: [] };

describe('a SQLite file on a thread of its own', () => {
  let folder: string;
  let options: SqliteFileOptions;
  let thread: SqliteThread;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tradehall-thread-'));
    options = {
      path: join(folder, 'file.sqlite'),
      format: { name: 'The test store', applicationId: 77, steps: ['CREATE TABLE a (x INTEGER UNIQUE)'] },
      cacheKib: 256,
      sizeLimitBytes: 100_000,
    };
    thread = await openSqliteThread(options);
  });
  afterEach(async () => {
    await thread.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function stored(): Promise<readonly unknown[]> {
    const [answer] = await thread.read([ALL]);
    return (answer?.rows ?? []).map((row) => row['x']);
  }

  test('a request is all or nothing, and a broken constraint is no operating failure', async () => {
    const largest = 9_223_372_036_854_775_807n;
    const [first, again] = await thread.write([
      { sql: INSERT, values: [largest] },
      { sql: `${INSERT} ON CONFLICT DO NOTHING`, values: [largest] },
    ]);
    assert.deepEqual([first?.changes, again?.changes], [1, 0]);
    const broken = [1, 2, 1].map((value) => ({ sql: INSERT, values: [value] }));
    await assert.rejects(thread.write(broken), (error) => !(error instanceof OperatingError));
    assert.deepEqual(await stored(), [largest]);
  });

  test('requests are run in the order they were made', async () => {
    const writes = [1, 2, 3].map((value) => thread.write([{ sql: INSERT, values: [value] }]));
    const between = stored();
    const later = thread.write([{ sql: INSERT, values: [4] }]);
    assert.deepEqual(await between, [1n, 2n, 3n]);
    await Promise.all([...writes, later]);
  });

  test('a full disk keeps its code across the thread', async () => {
    const steps = Array.from({ length: 20_000 }, (_, value) => ({ sql: INSERT, values: [value] }));
    await assert.rejects(
      thread.write(steps),
      (error) => error instanceof OperatingError && error.code === 'STORE_FULL' && error.retry === 'retry',
    );
    assert.deepEqual(await stored(), []);
  });

  test('closing finishes what was asked, and refuses what comes after', async () => {
    const asked = thread.write([{ sql: INSERT, values: [1] }]);
    const closed = thread.close();
    await assert.rejects(thread.write([{ sql: INSERT, values: [2] }]), { code: 'STORE_CLOSED' });
    await Promise.all([asked, closed]);
    thread = await openSqliteThread(options);
    assert.deepEqual(await stored(), [1n]);
  });

  test('a file that cannot be opened fails the opening with its sentence', async () => {
    const newer = { ...options, format: { ...options.format, applicationId: 78 } };
    await assert.rejects(
      openSqliteThread(newer),
      (error) =>
        error instanceof OperatingError &&
        error.code === 'STORE_VERSION' &&
        /is not a file of/.test(error.message),
    );
  });
});
