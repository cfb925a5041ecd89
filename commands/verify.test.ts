/** `tradehall verify` proves the log that it is told of, and says which one that was. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { DATA_PATHS } from '#composition/data-paths.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { openSqliteEventLog } from '#infrastructure/event-log/sqlite/sqlite-event-log.ts';
import { tradehallTopics } from '#infrastructure/event-log/topic-specs.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { runCommand } from './program.testing.ts';

const NOBODY = 'kafka://127.0.0.1:1';
const root = mkdtempSync(join(tmpdir(), 'verify-command-'));
/** As a folder is after its log was moved to Kafka: the one that was left behind is still there, and sound. */
const data = join(root, 'moved');
const file = join(root, 'log.ndjson');

before(async () => {
  const log = await openSqliteEventLog({
    directory: join(data, DATA_PATHS.log),
    runtime: createSystemRuntime(),
    logger: SILENT,
  });
  await log.ensureTopics(
    tradehallTopics({
      partitions: 1,
      marketDataRetentionMs: 'forever',
      tradingRetentionMs: 'forever',
      tombstoneMs: 1,
    }),
  );
  await log.close();
  const exported = await runCommand('export', file, '--data', data);
  assert.equal(exported.code, 0, exported.err);
});
afterEach(() => {
  delete process.env['TRADEHALL_EVENT_LOG'];
});
after(() => rmSync(root, { recursive: true, force: true }));

test('of a log in a folder or a file its path is said', async () => {
  for (const words of [[data], ['--data', data], [file]]) {
    const { code, out, err } = await runCommand('verify', ...words);
    assert.equal(code, 0, err);
    assert.equal(out.split('\n')[1], `Log: ${words.at(-1)}.`);
  }
});

test('the server that the option names has the log, also where the folder has one and is named by itself', async () => {
  const { code, out, err } = await runCommand('verify', data, '--event-log', NOBODY);
  assert.equal(code, 1, out);
  assert.match(err, /Kafka/);
});

test('so does the one that the environment names, as for every command', async () => {
  process.env['TRADEHALL_EVENT_LOG'] = NOBODY;
  const { code, out, err } = await runCommand('verify', data);
  assert.equal(code, 1, out);
  assert.match(err, /Kafka/);
  const { code: embedded } = await runCommand('verify', data, '--event-log', 'file:');
  assert.equal(embedded, 0);
});

test('an exported file is a log by itself, whatever the environment says; an option that names another is refused', async () => {
  process.env['TRADEHALL_EVENT_LOG'] = NOBODY;
  assert.equal((await runCommand('verify', file)).code, 0);
  const both = await runCommand('verify', file, '--event-log', NOBODY);
  assert.equal(both.code, 2);
  assert.equal(
    both.err,
    `tradehall: ${file} is an exported log, and --event-log names another: leave out one of the two.\n`,
  );
});

test('a folder or file that is named and not there is no new folder for the heads of a log on a server', async () => {
  process.env['TRADEHALL_EVENT_LOG'] = NOBODY;
  const { code, err } = await runCommand('verify', `${file}.gz`);
  assert.equal(code, 1);
  assert.equal(err, `tradehall: ${file}.gz does not exist: name a data folder or an exported log.\n`);
});
