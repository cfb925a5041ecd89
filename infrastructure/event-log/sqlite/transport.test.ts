/** Export, import and backup: the same log somewhere else, or none at all. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { COMPACTED, EXPIRING, RETAINED, record } from '../event-log.testing.ts';
import { exportLog } from '../export-log.ts';
import { verifyLog } from '../verify-log.ts';
import { backupLogDirectory } from './backup.ts';
import { openLogArchiveFromDirectory } from './directory-archive.ts';
import { importLog, openLogArchiveFromExport } from './import-log.ts';
import { openSqliteLogUnderTest, type SqliteLogUnderTest } from './sqlite-log.testing.ts';

/** Everything an archive says, to compare. */
function contents(directory: string): unknown {
  const archive = openLogArchiveFromDirectory(directory);
  try {
    return {
      topics: archive.topics(),
      partitions: archive.partitions(),
      heads: archive.heads(),
      positions: archive.groupPositions(),
      epochs: archive.producerEpochs(),
      records: archive.partitions().map((place) => [...archive.records(place)]),
    };
  } finally {
    archive.close();
  }
}

describe('a log carried elsewhere', () => {
  let under: SqliteLogUnderTest;
  let elsewhere: string;

  beforeEach(async () => {
    under = await openSqliteLogUnderTest();
    elsewhere = mkdtempSync(join(tmpdir(), 'tradehall-elsewhere-'));
    const { log } = under;
    await log.ensureTopics([RETAINED, EXPIRING, COMPACTED]);
    await log.append([record('prices', 0, 'expired'), record('states', 0, 'old', 'a')]);
    under.pass(5000);
    await log.expire(under.nowMs());
    const producer = await log.openProducer('owner');
    await producer.commit({
      records: [
        record('orders', 1, 'x', 'k'),
        record('orders', 2, '', null),
        record('orders', 1, null),
        record('states', 0, 'new', 'a'),
      ],
      consumed: { group: 'g', positions: [{ topic: 'orders', partition: 0, offset: 0 }] },
    });
  });
  afterEach(async () => {
    await under.dispose();
    rmSync(elsewhere, { recursive: true, force: true });
  });

  async function exported(name: string): Promise<string> {
    await under.log.close();
    const file = join(elsewhere, name);
    const archive = openLogArchiveFromDirectory(under.directory);
    try {
      await exportLog(archive, file);
    } finally {
      archive.close();
    }
    return file;
  }

  for (const name of ['log.ndjson', 'log.ndjson.gz']) {
    test(`an export (${name}) and its import give the same log, and it goes on`, async () => {
      const file = await exported(name);
      const directory = join(elsewhere, 'imported');
      const outcome = await importLog(file, directory);
      assert.equal(outcome.kind, 'imported');
      assert.deepEqual(contents(directory), contents(under.directory));
      const archive = await openLogArchiveFromExport(file);
      assert.equal(verifyLog(archive).sound, true);
      archive.close();
    });
  }

  test('an export that was changed or cut is refused, with the line, and leaves nothing', async () => {
    const text = gunzipSync(readFileSync(await exported('log.ndjson.gz'))).toString('utf8');
    const lines = text.split('\n');
    const changed = text.replace(/"value":"eA=="/, '"value":"eQ=="');
    assert.notEqual(changed, text);
    const cases: readonly (readonly [string, string, RegExp])[] = [
      ['changed', changed, /digest/],
      ['cut within a line', text.slice(0, -30), /cut/],
      ['cut after a line', `${lines.slice(0, -3).join('\n')}\n`, /end is missing/],
      ['garbage', 'hello\n', /not an exported log/],
      ['empty', '', /end is missing/],
      ['wrong field', text.replace('"partition":1', '"partition":-1'), /partition/],
    ];
    for (const [name, content, message] of cases) {
      const file = join(elsewhere, 'bad.ndjson');
      writeFileSync(file, content);
      const directory = join(elsewhere, 'target');
      await assert.rejects(importLog(file, directory), { code: 'LOG_EXPORT_UNREADABLE', message }, name);
      assert.deepEqual(readdirSync(directory), [], name);
    }
  });

  test('an export that is not there, or is a folder, is named, and leaves nothing', async () => {
    const directory = join(elsewhere, 'target');
    for (const [name, reason] of [
      ['missing.ndjson', 'does not exist'],
      ['.', 'is a folder'],
    ] as const) {
      const file = join(elsewhere, name);
      const message = `${file} ${reason}: name a file that \`tradehall export\` wrote.`;
      await assert.rejects(importLog(file, directory), { code: 'LOG_EXPORT_UNREADABLE', message });
      assert.deepEqual(readdirSync(directory), []);
    }
  });

  test('an export whose records do not fit its seals is refused with the record named', async () => {
    const file = await exported('log.ndjson');
    const lines = readFileSync(file, 'utf8')
      .replace('"value":"eA=="', '"value":"eQ=="')
      .split('\n')
      .slice(0, -2);
    const body = `${lines.join('\n')}\n`;
    const records = lines.filter((line) => line.startsWith('{"record"')).length;
    const sha256 = createHash('sha256').update(body).digest('hex');
    writeFileSync(file, `${body}${JSON.stringify({ end: { records, sha256 } })}\n`);
    const outcome = await importLog(file, join(elsewhere, 'target'));
    assert.equal(outcome.kind, 'refused');
    const [problem] = outcome.verdict.problems;
    assert.deepEqual([problem?.topic, problem?.partition, problem?.offset], ['orders', 1, 0]);
    assert.deepEqual(readdirSync(join(elsewhere, 'target')), []);
  });

  test('an import into a folder with a log is refused', async () => {
    const file = await exported('log.ndjson');
    await assert.rejects(importLog(file, under.directory), { code: 'LOG_EXISTS' });
  });

  test('a backup taken while appends go on is a sound log that holds all from before it', async () => {
    const target = join(elsewhere, 'backup');
    let writing = true;
    // Too little alike to be packed into less.
    const value = randomBytes(20_000);
    // More than one step's worth, so that appends come in the middle of the copy.
    for (let at = 0; at < 20; at += 1) {
      await under.log.append(
        Array.from({ length: 10 }, () => ({ topic: 'orders', partition: 2, key: null, value })),
      );
    }
    const appends = (async () => {
      while (writing) await under.log.append([record('orders', 0, 'meanwhile')]);
    })();
    await under.log.backup(target).finally(() => {
      writing = false;
    });
    await appends;
    const archive = openLogArchiveFromDirectory(target);
    assert.deepEqual(verifyLog(archive).problems, []);
    assert.equal([...archive.records({ topic: 'orders', partition: 1 })].length, 2);
    archive.close();
    await assert.rejects(under.log.backup(target), { code: 'LOG_EXISTS' });
  });

  test('a stopped log is backed up as it is; a running one cannot be opened beside its owner', async () => {
    const target = join(elsewhere, 'backup');
    await assert.rejects(backupLogDirectory(under.directory, target), { code: 'LOG_IN_USE' });
    assert.equal(existsSync(target), false);
    await under.log.close();
    await backupLogDirectory(under.directory, target);
    assert.deepEqual(contents(target), contents(under.directory));
  });
});
