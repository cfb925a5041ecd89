/**
 * `npm run test:faults`: what takes minutes and kills the servers it starts: outages of one server at a time under load
 * (FAULT_SECONDS=60 for long ones), and the trading day on six servers, in one process and in twelve.
 */
import { installKafkaClient } from './dev-servers/kafka-client.ts';
import { requireNode } from './require-node.ts';
import { runTests, testFiles } from './test-runner.ts';

requireNode();
await installKafkaClient((sentence) => console.log(`  ${sentence}`));
const { failed, skipped } = await runTests({
  title: 'faults',
  files: testFiles('**/*.faults.test.ts'),
  concurrency: 1,
  // The long run of the outages takes an hour and a half.
  timeoutMs: 120 * 60_000,
});
process.exitCode = failed > 0 || skipped > 0 ? 1 : 0;
