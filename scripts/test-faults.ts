/**
 * `npm run test:faults`: what takes minutes and kills the servers it starts: outages of one server at a time under load
 * (FAULT_SECONDS=60 for long ones), the trading day on six servers, in one process and in twelve, and power cuts by the thousand.
 */

import { provideTool } from './debian-tool.ts';
import { installKafkaClient } from './dev-servers/kafka-client.ts';
import { requireNode } from './require-node.ts';
import { STRACE } from './strace.ts';
import { runTests, testFiles } from './test-runner.ts';

requireNode();
const say = (sentence: string): void => console.log(`  ${sentence}`);
await installKafkaClient(say);
// Without it the test of power cuts is skipped, which fails here and says why.
const strace = await provideTool(STRACE, say);
if (strace.kind === 'ready') process.env[STRACE.variable] = strace.executable;
const { failed, skipped } = await runTests({
  title: 'faults',
  files: testFiles('**/*.faults.test.ts'),
  concurrency: 1,
  // The long run of the outages takes an hour and a half.
  timeoutMs: 120 * 60_000,
});
process.exitCode = failed > 0 || skipped > 0 ? 1 : 0;
