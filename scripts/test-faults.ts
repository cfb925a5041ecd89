/**
 * `npm run test:faults`: what takes minutes, on servers of its own that it kills: faults of a Kafka broker, the trading day
 * on six servers in one process and in twelve, outages of one server at a time, and the cluster. CLUSTER_MINUTES=30 for
 * the long run of the last, FAULT_SECONDS=60 for that of the outages.
 */
import { installKafkaClient } from './dev-servers/kafka-client.ts';
import { requireNode } from './require-node.ts';
import { runTests, testFiles } from './test-runner.ts';

requireNode();
await installKafkaClient((sentence) => console.log(`  ${sentence}`));
const { failed, skipped } = await runTests({
  title: 'faults',
  files: [...testFiles('**/*.faults.test.ts'), ...testFiles('tests/cluster/*.servers.test.ts')],
  concurrency: 1,
  // The long run of the outages takes an hour and a half.
  timeoutMs: 120 * 60_000,
});
process.exitCode = failed > 0 || skipped > 0 ? 1 : 0;
