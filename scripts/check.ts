/**
 * `npm run check`: types, lint and format, dead code, house rules. All of them run even if one fails, so that one
 * go tells everything.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { requireNode } from './require-node.ts';
import { runTests, type TestTotals, testFiles } from './test-runner.ts';

interface Tool {
  readonly name: string;
  readonly says: string;
  readonly package: string;
  readonly arguments: readonly string[];
}

const TOOLS: readonly Tool[] = [
  { name: 'types', says: 'tsc', package: 'typescript/tsc', arguments: ['-p', '.', '--pretty', 'false'] },
  {
    name: 'lint and format',
    says: 'biome ci (npm run format mends most of it)',
    package: '@biomejs/biome/biome',
    arguments: ['ci', '--error-on-warnings', '--colors=off', '--max-diagnostics=50', '.'],
  },
  {
    name: 'dead code',
    says: 'knip',
    package: 'knip/knip',
    arguments: ['--no-progress'],
  },
];

/** The program that a package installs under `bin`, as a path that this Node can run. */
function binary(of: string): string {
  const slash = of.lastIndexOf('/');
  const packageName = of.slice(0, slash);
  const manifestPath = join(process.cwd(), 'node_modules', packageName, 'package.json');
  const manifest: unknown = createRequire(import.meta.url)(manifestPath);
  const bin = (manifest as { bin?: Readonly<Record<string, string>> }).bin?.[of.slice(slash + 1)];
  if (bin === undefined) throw new Error(`${packageName} has no program ${of.slice(slash + 1)}; run npm ci`);
  return join(dirname(manifestPath), bin);
}

function runTool(tool: Tool): Promise<boolean> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [binary(tool.package), ...tool.arguments], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      if (code !== 0) console.log(`\n${output.trimEnd()}`);
      console.log(`${code === 0 ? '✓' : '✗'} ${tool.name}: ${tool.says} (${seconds} s)`);
      resolve(code === 0);
    });
  });
}

/** A tool that fails counts as one failed test. */
export async function runChecks(): Promise<TestTotals> {
  const tools = Promise.all(TOOLS.map(runTool));
  const house = await runTests({
    title: 'house rules',
    files: testFiles('tests/house/**/*.test.ts'),
    concurrency: 2,
    timeoutMs: 120_000,
  });
  const failures = (await tools).filter((passed) => !passed).length;
  return { ...house, failed: house.failed + failures };
}

if (import.meta.main) {
  requireNode();
  const totals = await runChecks();
  if (totals.failed > 0) console.log('✗ check: something above does not hold');
  process.exitCode = totals.failed === 0 ? 0 : 1;
}
