/**
 * `npm test`: the checks, then the tests that need no server, those that do, and those from end to end. What tests need
 * beside the packages is set up first; what cannot be had is named with the command that would provide it, and with CI=true
 * that fails.
 * Under CI a skipped test fails too, since a skip looks like a pass to whoever reads only the last line.
 */

import { runChecks } from './check.ts';
import { CHROMIUM } from './chromium.ts';
import { provideTool } from './debian-tool.ts';
import { requireNode } from './require-node.ts';
import { STRACE } from './strace.ts';
import { addTotals, runTests, testFiles } from './test-runner.ts';
import { startTestServers, testsByServers } from './test-servers.ts';

requireNode();
const underCi = process.env['CI'] === 'true';
const startedAt = performance.now();
const missing: string[] = [];

let totals = await runChecks();

for (const [tool, purpose] of [
  [CHROMIUM, 'page tests'],
  [STRACE, 'power cuts'],
] as const) {
  const provided = await provideTool(tool, (sentence) => console.log(`  ${sentence}`));
  if (provided.kind === 'ready') {
    process.env[tool.variable] = provided.executable;
    console.log(`✓ ${tool.title} for ${purpose}: ${provided.executable}`);
  } else {
    missing.push(`${tool.title}, for ${purpose}: ${provided.reason}. To provide it: ${provided.command}`);
  }
}

const isHouse = (path: string): boolean => path.startsWith('tests/house/');
const isEndToEnd = (path: string): boolean => path.startsWith('tests/e2e/');
// Minutes each, on servers of their own, which they kill: `npm run test:faults`.
const isFaults = (path: string): boolean => path.endsWith('.faults.test.ts');
const CLUSTER = 'tests/cluster/cluster.servers.test.ts';
const { withoutServers, onServers } = testsByServers(
  testFiles(
    '**/*.test.ts',
    (path) => isHouse(path) || isEndToEnd(path) || isFaults(path) || path === CLUSTER,
  ),
);
// They are fetched and started while the tests that need none run.
const starting = startTestServers(onServers, (sentence) => console.log(`  ${sentence}`));
totals = addTotals(
  totals,
  await runTests({
    title: 'tests',
    files: withoutServers,
    concurrency: 2,
    timeoutMs: 240_000,
  }),
);
const servers = await starting;
missing.push(...servers.missing);
try {
  if (servers.files.length > 0) {
    totals = addTotals(
      totals,
      await runTests({
        title: 'on servers',
        files: servers.files,
        // More than there are processors: they wait for servers that are down most of the time.
        concurrency: 3,
        timeoutMs: 420_000,
      }),
    );
  }
} finally {
  await servers.stop();
}
if (servers.missing.length === 0) {
  // On servers of its own, which it kills.
  totals = addTotals(
    totals,
    await runTests({ title: 'a cluster', files: [CLUSTER], concurrency: 1, timeoutMs: 900_000 }),
  );
}
totals = addTotals(
  totals,
  await runTests({
    title: 'end to end',
    files: testFiles('tests/e2e/**/*.test.ts', isFaults),
    concurrency: 1,
    timeoutMs: 420_000,
  }),
);

for (const what of missing) console.log(`${underCi ? '✗' : '!'} missing: ${what}`);
const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
console.log(`\nall together, in ${seconds} s:`);
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
const skipsCount = underCi && totals.skipped > 0;
if (skipsCount) console.log('✗ with CI=true a skipped test is a failure');
process.exitCode = totals.failed > 0 || skipsCount || (underCi && missing.length > 0) ? 1 : 0;
