/** A log that was tampered with is found out, offline, and the first bad record is named. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { EXPIRING, RETAINED, record } from '../event-log.testing.ts';
import { exportLog } from '../export-log.ts';
import { contentCheck } from '../seal.ts';
import { type LogVerdict, verifyLog } from '../verify-log.ts';
import { openLogArchiveFromDirectory } from './directory-archive.ts';
import { importLog } from './import-log.ts';
import { openLogHeads } from './log-heads.ts';
import { HEADS_FILE, LOG_FILE, openLogFile } from './schema.ts';
import { openSqliteLogUnderTest, type SqliteLogUnderTest } from './sqlite-log.testing.ts';

function verify(directory: string): LogVerdict {
  const archive = openLogArchiveFromDirectory(directory);
  try {
    return verifyLog(archive);
  } finally {
    archive.close();
  }
}

test('a log whose first start was cut off between its heads and its first topic is sound', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cut-off-'));
  try {
    openLogFile({ directory, maxBytes: null }).close();
    const heads = openLogHeads(directory);
    heads.begin();
    heads.close();
    assert.deepEqual(verify(directory).problems, []);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

describe('verify', () => {
  let under: SqliteLogUnderTest;

  beforeEach(async () => {
    under = await openSqliteLogUnderTest();
    await under.log.ensureTopics([RETAINED, EXPIRING]);
    for (let batch = 0; batch < 4; batch += 1) {
      await under.log.append(
        Array.from({ length: 10 }, (_, at) => record('orders', at % 2, `record ${batch}/${at}`, `k${at}`)),
      );
    }
    await under.log.close();
  });
  afterEach(() => under.dispose());

  function tamper(file: string, sql: string): void {
    const db = new DatabaseSync(join(under.directory, file));
    try {
      const table = db
        .prepare("SELECT records FROM record_tables WHERE topic = 'orders' AND partition = 1")
        .get()?.['records'];
      const seals = db.prepare("SELECT records FROM record_tables WHERE topic = 'log_seals'").get()?.[
        'records'
      ];
      db.exec(sql.replaceAll('ORDERS', String(table)).replaceAll('SEALS', String(seals)));
    } finally {
      db.close();
    }
  }

  function finds(sql: string, offset: number, reason: string): void {
    tamper(LOG_FILE, sql);
    const verdict = verify(under.directory);
    const [first] = verdict.problems;
    assert.deepEqual(
      { topic: first?.topic, partition: first?.partition, offset: first?.offset, reason: first?.reason },
      { topic: 'orders', partition: 1, offset, reason },
      JSON.stringify(verdict.problems),
    );
    assert.equal(verdict.sound, false);
  }

  test('an untouched log is sound', () => {
    const verdict = verify(under.directory);
    assert.deepEqual(verdict.problems, []);
    assert.equal(verdict.sound, true);
    assert.equal(verdict.seals, 8);
  });

  test('a changed byte of a value', () =>
    finds("UPDATE ORDERS SET value = CAST('recorD 1/5' AS BLOB) WHERE offset = 7", 7, 'changed'));
  test('a changed key', () => finds("UPDATE ORDERS SET key = 'other' WHERE offset = 8", 8, 'changed'));
  test('a changed time', () =>
    finds('UPDATE ORDERS SET appended_at = appended_at + 1 WHERE offset = 3', 3, 'changed'));
  test('a removed record', () => finds('DELETE FROM ORDERS WHERE offset = 6', 6, 'removed'));
  test('two swapped records', () =>
    finds(
      `UPDATE ORDERS SET offset = -1 WHERE offset = 11; UPDATE ORDERS SET offset = 11 WHERE offset = 12;
       UPDATE ORDERS SET offset = 12 WHERE offset = -1`,
      11,
      'changed',
    ));
  test('the last records cut off', () => finds('DELETE FROM ORDERS WHERE offset >= 18', 18, 'cut-tail'));
  test('the last records cut off, with their seals and every note of them in the log', () => {
    finds(
      `UPDATE partitions SET next_offset = 15, chain_hash = (
         SELECT json_extract(CAST(value AS TEXT), '$.previous') FROM SEALS WHERE offset = 7)
       WHERE 'records_' || id = 'ORDERS';
       UPDATE partitions SET next_offset = 7 WHERE 'records_' || id = 'SEALS';
       DELETE FROM ORDERS WHERE offset >= 15; DELETE FROM SEALS WHERE offset >= 7`,
      15,
      'cut-tail',
    );
  });
  test('a removed seal', () => finds('DELETE FROM SEALS WHERE offset = 3', 5, 'missing-seal'));
  test('a changed seal', () =>
    finds(
      "UPDATE SEALS SET value = CAST(replace(CAST(value AS TEXT), '[5,9]', '[5,8]') AS BLOB) WHERE offset = 3",
      5,
      'missing-seal',
    ));
  test('a record added after the last seal', () =>
    finds(
      "INSERT INTO ORDERS (offset, key, value, appended_at, record_check) VALUES (20, 'k', x'00', 1, 1)",
      20,
      'unsealed',
    ));

  test('records and seals rewritten consistently are still found by the heads outside the log', async () => {
    const other = await openSqliteLogUnderTest();
    await other.log.ensureTopics([RETAINED, EXPIRING]);
    for (let at = 0; at < 20; at += 1)
      await other.log.append([record('orders', 1, 'forged'), record('orders', 0, 'forged')]);
    await other.log.close();
    writeFileSync(join(under.directory, LOG_FILE), readFileSync(join(other.directory, LOG_FILE)));
    await other.dispose();
    const reasons = verify(under.directory).problems.map(({ topic, reason }) => `${topic} ${reason}`);
    assert(reasons.includes('orders broken-chain'), JSON.stringify(reasons));
  });

  test('removed heads are a finding, and the log does not open without them', async () => {
    rmSync(join(under.directory, HEADS_FILE));
    assert.deepEqual(
      verify(under.directory).problems.map(({ reason }) => reason),
      ['heads-missing'],
    );
    await assert.rejects(under.reopen(), { code: 'LOG_DAMAGED' });
  });

  test('emptied heads are as good as removed ones', async () => {
    writeFileSync(join(under.directory, HEADS_FILE), '');
    assert.deepEqual(
      verify(under.directory).problems.map(({ reason }) => reason),
      ['heads-missing'],
    );
    await assert.rejects(under.reopen(), { code: 'LOG_DAMAGED' });
  });

  test('an emptied log is said to be empty, not old', () => {
    writeFileSync(join(under.directory, LOG_FILE), '');
    assert.throws(() => verify(under.directory), { code: 'LOG_NOT_FOUND', message: /is empty: there is no/ });
  });

  test('a log that may not be written is verified too, and nothing is left beside it', () => {
    const files = [LOG_FILE, HEADS_FILE].map((name) => join(under.directory, name));
    for (const file of files) chmodSync(file, 0o400);
    chmodSync(under.directory, 0o500);
    try {
      assert.deepEqual(verify(under.directory).problems, []);
      assert.deepEqual(readdirSync(under.directory).sort(), [LOG_FILE, HEADS_FILE].sort());
    } finally {
      chmodSync(under.directory, 0o700);
    }
  });

  test('a log that lost its tail does not open, since new records would take the place of lost ones', async () => {
    tamper(LOG_FILE, 'UPDATE partitions SET next_offset = next_offset - 1 WHERE next_offset > 10');
    await assert.rejects(under.reopen(), { code: 'LOG_DAMAGED' });
  });

  test('any byte changed in the file is found, or changes nothing that the log says', () => {
    const path = join(under.directory, LOG_FILE);
    const original = readFileSync(path);
    const needle = original.indexOf('record 2/5');
    assert(needle > 0);
    const changed = Buffer.from(original);
    changed[needle + 3] = (changed[needle + 3] ?? 0) ^ 1;
    writeFileSync(path, changed);
    const [first] = verify(under.directory).problems;
    assert.equal(`${first?.topic}/${first?.partition}/${first?.offset}`, 'orders/1/12');
  });

  test('what retention removed is no gap, and what is left is still verified', async () => {
    let log = await under.reopen();
    for (let at = 0; at < 5; at += 1)
      await log.append([record('prices', 0, `old ${at}`), record('prices', 0, 'old')]);
    under.pass(5000);
    await log.append([record('prices', 0, 'young')]);
    assert.equal(await log.expire(under.nowMs()), 10);
    log = await under.reopen();
    await log.append([record('prices', 0, 'younger')]);
    await log.close();
    assert.deepEqual(verify(under.directory).problems, []);
    tamper(
      LOG_FILE,
      `UPDATE partitions SET first_offset = 11 WHERE first_offset = 10;
      DELETE FROM ${pricesTable(under.directory)} WHERE offset = 10`,
    );
    assert.equal(verify(under.directory).problems[0]?.offset, 10);
  });
});

describe('verify of records that were packed', () => {
  let under: SqliteLogUnderTest;

  beforeEach(async () => {
    under = await openSqliteLogUnderTest();
    await under.log.ensureTopics([RETAINED, EXPIRING]);
    for (let batch = 0; batch < 3; batch += 1) {
      const text = `batch ${batch} `.repeat(20);
      await under.log.append(
        Array.from({ length: 600 }, (_, at) => record('prices', 0, `${text}${at}`, 'S')),
      );
      under.pass(1_000);
    }
  });
  afterEach(() => under.dispose());

  /** The rows are 0 to 511 and 512 to 599 of each batch. */
  async function findsAfter(
    damage: (db: DatabaseSync, table: string) => void,
    offset: number,
    reason: string,
  ): Promise<void> {
    await under.log.close();
    const table = pricesTable(under.directory);
    const db = new DatabaseSync(join(under.directory, LOG_FILE));
    try {
      const rows = db.prepare(`SELECT offset, packed FROM ${table}`).all();
      assert.deepEqual(
        rows.map((row) => [row['offset'], row['packed']]),
        [0, 600, 1_200].flatMap((first) => [
          [first, 512],
          [first + 512, 88],
        ]),
      );
      damage(db, table);
    } finally {
      db.close();
    }
    const [first] = verify(under.directory).problems;
    assert.deepEqual(
      { topic: first?.topic, offset: first?.offset, reason: first?.reason },
      { topic: 'prices', offset, reason },
      JSON.stringify(verify(under.directory).problems),
    );
  }

  function repack(change: (body: Buffer) => void): (db: DatabaseSync, table: string) => void {
    return (db, table) => {
      const row = db.prepare(`SELECT value FROM ${table} WHERE offset = 600`).get();
      const body = zstdDecompressSync(row?.['value'] as Uint8Array);
      change(body);
      db.prepare(`UPDATE ${table} SET value = ? WHERE offset = 600`).run(zstdCompressSync(body));
    };
  }

  test('untouched they are sound, and all are counted', async () => {
    await under.log.close();
    const { problems, records } = verify(under.directory);
    assert.deepEqual(problems, []);
    assert.equal(records, 1_803);
  });
  test('a changed byte of a value', () =>
    findsAfter(
      repack((body) => {
        const at = body.indexOf(`batch 1 37`);
        body[at] = 66;
      }),
      637,
      'changed',
    ));
  test('a changed value with the check beside it', () =>
    findsAfter(
      repack((body) => {
        const at = body.indexOf(`batch 1 37`);
        body[at] = 66;
        const length = body.readInt32BE(37 * 12 + 4);
        const end = at + 'batch 1 37'.length;
        body.writeUInt32BE(contentCheck('S', body.subarray(end - length, end)), 37 * 12 + 8);
      }),
      600,
      'changed',
    ));
  test('a changed time', () =>
    findsAfter(
      (db, table) => db.exec(`UPDATE ${table} SET appended_at = appended_at + 1 WHERE offset = 1112`),
      1_112,
      'changed',
    ));
  test('a row removed', () =>
    findsAfter((db, table) => db.exec(`DELETE FROM ${table} WHERE offset = 1112`), 1_112, 'removed'));
  test('the last row cut off', () =>
    findsAfter((db, table) => db.exec(`DELETE FROM ${table} WHERE offset = 1712`), 1_712, 'cut-tail'));
  test('two rows swapped', () =>
    findsAfter(
      (db, table) =>
        db.exec(`UPDATE ${table} SET offset = -1 WHERE offset = 0;
          UPDATE ${table} SET offset = 0 WHERE offset = 600; UPDATE ${table} SET offset = 600 WHERE offset = -1`),
      0,
      'changed',
    ));
  test('a pack that cannot be read is named by its first record', () =>
    findsAfter(
      (db, table) =>
        db.exec(`UPDATE ${table} SET value = CAST(x'00' || substr(value, 2) AS BLOB) WHERE offset = 1112`),
      1_112,
      'damaged-file',
    ));

  test('retention takes whole seals of them, and what is left is sound', async () => {
    under.pass(-1_500);
    assert.equal(await under.log.expire(under.nowMs()), 600);
    assert.equal((await under.log.extents('prices'))[0]?.firstOffset, 600);
    const log = await under.reopen();
    const [first] = await log.read({ topic: 'prices', partition: 0, offset: 0 }, 1);
    assert.equal(first?.offset, 600);
    await log.close();
    assert.deepEqual(verify(under.directory).problems, []);
  });

  test('they are exported one by one, and the import is the same log', async () => {
    await under.log.close();
    const target = join(under.directory, 'imported');
    const archive = openLogArchiveFromDirectory(under.directory);
    await exportLog(archive, join(under.directory, 'log.ndjson'));
    archive.close();
    assert.equal((await importLog(join(under.directory, 'log.ndjson'), target)).kind, 'imported');
    const before = openLogArchiveFromDirectory(under.directory);
    const after = openLogArchiveFromDirectory(target);
    const place = { topic: 'prices', partition: 0 };
    const texts = (of: typeof before) =>
      [...of.records(place)].map(({ offset, value, check }) => `${offset} ${value?.length} ${check}`);
    assert.deepEqual(texts(after), texts(before));
    before.close();
    after.close();
  });
});

function pricesTable(directory: string): string {
  const db = new DatabaseSync(join(directory, LOG_FILE));
  try {
    return String(db.prepare("SELECT records FROM record_tables WHERE topic = 'prices'").get()?.['records']);
  } finally {
    db.close();
  }
}
