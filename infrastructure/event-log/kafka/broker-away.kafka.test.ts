/** What a process does while no broker is there: the broker that starts needs the machine. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { parseServerUrl } from '#infrastructure/common/server-address.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { startServer } from '#tests/support/servers.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { groupIds } from './group-ids.ts';
import { KafkaConnection } from './kafka-connection.ts';
import { loadKafkaLibrary } from './kafka-library.ts';
import { CALL_TIMEOUT_MS } from './kafka-settings.ts';
import { KAFKA_URL } from './kafka-url.ts';

/** A client that connects without any pause has some 60,000 a second, one that keeps its pauses some 100. */
const SLEEPS_WITH_PAUSES = 10_000;

/** How often a thread of this process went to sleep meanwhile: each attempt to connect is a few times. */
async function sleepsDuring(task: () => Promise<unknown>): Promise<number> {
  const before = process.resourceUsage().voluntaryContextSwitches;
  await task();
  return process.resourceUsage().voluntaryContextSwitches - before;
}

test('while its broker is away a process asks one question in vain, then waits until one answers', async () => {
  const broker = await startServer('kafka');
  const address = parseServerUrl(`${broker.url}/away`, KAFKA_URL);
  assert.equal(address.kind, 'value');
  const connection = new KafkaConnection({
    library: await loadKafkaLibrary(),
    address: address.value,
    runtime: createSystemRuntime(),
    logger: SILENT,
    metrics: createPrometheusMetrics({ processFigures: false }),
  });
  after(() => connection.close());
  const ask = () =>
    connection.ask((admin, callback) =>
      admin.describeTopics(['one'], { timeout: CALL_TIMEOUT_MS }, callback),
    );
  await ask();

  await broker.kill();
  await assert.rejects(groupIds(connection));
  const sleeps = await sleepsDuring(() => Promise.all([assert.rejects(ask()), assert.rejects(ask())]));
  assert.ok(sleeps < SLEEPS_WITH_PAUSES, `${sleeps} sleeps`);

  await broker.startAgain();
  await ask();
});
