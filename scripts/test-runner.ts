/**
 * Runs test files, each in a process of its own, and says in a few lines what happened: every failure in full,
 * every skip by name, the totals.
 */
import { globSync } from 'node:fs';
import { relative } from 'node:path';
import { run } from 'node:test';
import { inspect } from 'node:util';
import { LIMIT_VARIABLE } from './end-test-file.ts';

export interface TestTotals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export function addTotals(left: TestTotals, right: TestTotals): TestTotals {
  return {
    passed: left.passed + right.passed,
    failed: left.failed + right.failed,
    skipped: left.skipped + right.skipped,
  };
}

/** Test files of this repository, in order; `where` is a glob. */
export function testFiles(
  where: string,
  leaveOut: (path: string) => boolean = () => false,
): readonly string[] {
  return globSync(where, { exclude: (path) => path.includes('node_modules') })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => !leaveOut(path))
    .sort();
}

export interface TestRun {
  readonly title: string;
  readonly files: readonly string[];
  readonly concurrency: number;
  /** For one file, ms. */
  readonly timeoutMs: number;
}

/** Never rejects for a failing test; no file at all is a failure, since a check that looks at nothing must not pass. */
export async function runTests({ title, files, concurrency, timeoutMs }: TestRun): Promise<TestTotals> {
  if (files.length === 0) {
    console.log(`✗ ${title}: found no test file`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const startedAt = performance.now();
  const totals = { passed: 0, failed: 0, skipped: 0 };
  const skippedNames: string[] = [];
  const output = new Map<string, string>();
  const noteOutput = (data: { readonly file?: string | undefined; readonly message: string }): void => {
    const key = data.file ?? '';
    output.set(key, ((output.get(key) ?? '') + data.message).slice(-20_000));
  };
  const stream = run({
    files: [...files],
    concurrency,
    timeout: timeoutMs,
    execArgv: ['--import', import.meta.resolve('./end-test-file.ts')],
    env: { ...process.env, [LIMIT_VARIABLE]: String(timeoutMs) },
  });
  stream.on('test:stderr', noteOutput);
  stream.on('test:stdout', noteOutput);
  stream.on('test:pass', (data) => {
    if (data.details.type === 'suite') return;
    const name = `${place(data.file)} ${data.name}`;
    if (data.skip !== undefined && data.skip !== false) {
      totals.skipped += 1;
      skippedNames.push(`${name}${typeof data.skip === 'string' ? ` — ${data.skip}` : ''}`);
    } else if (data.todo === undefined || data.todo === false) {
      totals.passed += 1;
    } else {
      totals.failed += 1;
      console.log(`\n✗ ${name}\n  is marked "to do"; a test is written or it is not there`);
    }
  });
  stream.on('test:fail', (data) => {
    const error = data.details.error;
    // A suite or a file fails with its tests, which have been told already.
    if ((error as { failureType?: string }).failureType === 'subtestsFailed') return;
    totals.failed += 1;
    console.log(
      `\n✗ ${place(data.file)}:${data.line ?? 0} ${data.name} (${Math.round(data.details.duration_ms)} ms)`,
    );
    console.log(
      indent(inspect(error.cause ?? error, { depth: 6, maxStringLength: 4_000, maxArrayLength: 40 })),
    );
    const said = output.get(data.file ?? '');
    if (said !== undefined) console.log(indent(`output of the file:\n${said}`));
    output.delete(data.file ?? '');
  });
  await new Promise<void>((resolve, reject) => {
    stream.on('end', resolve);
    stream.on('error', reject);
    stream.resume();
  });
  for (const name of skippedNames) console.log(`- skipped: ${name}`);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  if (totals.passed + totals.failed + totals.skipped === 0) {
    console.log(`✗ ${title}: ${files.length} files held no test`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  console.log(
    `${totals.failed === 0 ? '✓' : '✗'} ${title}: ${totals.passed} passed, ${totals.failed} failed, ` +
      `${totals.skipped} skipped (${files.length} files, ${seconds} s)`,
  );
  return totals;
}

function place(file: string | undefined): string {
  return file === undefined ? '' : relative(process.cwd(), file);
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '    ');
}
