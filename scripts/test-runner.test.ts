import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';

const LIMIT_MS = 500;

/** In a process of its own, since the runner of Node refuses to run inside a test. Gives what it printed, the totals last. */
async function runFile(lines: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tradehall-runner-'));
  try {
    const file = join(folder, 'some.test.mjs');
    await writeFile(file, lines.join('\n'));
    const options = { title: 'some', files: [file], concurrency: 1, timeoutMs: LIMIT_MS };
    const program = join(folder, 'program.mjs');
    await writeFile(
      program,
      `import { runTests } from ${JSON.stringify(import.meta.resolve('./test-runner.ts'))};
      console.log(JSON.stringify(await runTests(${JSON.stringify(options)})));`,
    );
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { stdout } = await promisify(execFile)(process.execPath, [program], { env });
    return stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe('a test file that does not end by itself is ended at its limit, and has failed', {
  timeout: 60_000,
}, () => {
  test('when a test that was given up goes on', async () => {
    const said = await runFile([
      `import { test } from 'node:test';`,
      `import { setTimeout as pause } from 'node:timers/promises';`,
      `test('for ever', { timeout: 50 }, async () => { for (;;) await pause(10); });`,
    ]);
    assert.match(said, /test timed out after 50ms/);
    assert.match(said, /"passed":0,"failed":\d/);
    assert.doesNotMatch(said, /"failed":0/);
  });

  test('when all of its tests pass, and something stays open', async () => {
    const said = await runFile([
      `import { test } from 'node:test';`,
      `setInterval(() => {}, 1_000);`,
      `test('fine', () => {});`,
    ]);
    assert.match(said, /the file did not end within 0.5 s/);
    assert.match(said, /"passed":1,"failed":1,"skipped":0/);
  });
});

test('a test file that ends by itself is left alone', async () => {
  const said = await runFile([`import { test } from 'node:test';`, `test('fine', () => {});`]);
  assert.match(said, /"passed":1,"failed":0,"skipped":0/);
});
