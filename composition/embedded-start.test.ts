/** The clients of servers are large: a start on embedded stores must not pay for them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const CLIENTS =
  /node_modules\/(@aws-sdk|@smithy|@clickhouse|@elastic|@opensearch-project|ioredis|pg|@confluentinc)\//;
const LOADED = `
  import { registerHooks } from 'node:module';
  const seen = [];
  registerHooks({ load(url, context, next) { seen.push(url); return next(url, context); } });
  await import('#composition/main.ts');
  console.log(JSON.stringify(seen));`;

test('the program loads no client of a server before an option names one', () => {
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', LOADED], {
    cwd: join(import.meta.dirname, '..'),
    encoding: 'utf8',
  });
  const loaded: readonly string[] = JSON.parse(output);
  assert.ok(loaded.some((url) => url.endsWith('/composition/adapters.ts')));
  assert.deepEqual(
    loaded.filter((url) => CLIENTS.test(url)),
    [],
  );
});
