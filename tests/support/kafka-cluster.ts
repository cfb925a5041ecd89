/** A controller and three brokers of the test's own, to kill. */
import { freePort } from '../../scripts/dev-servers/free-port.ts';
import type { ServerProcess } from '../../scripts/dev-servers/server-process.ts';
import { startServer } from './servers.ts';

export interface KafkaCluster {
  readonly url: string;
  readonly brokers: readonly [ServerProcess, ServerProcess, ServerProcess];
}

export async function startKafkaCluster(): Promise<KafkaCluster> {
  const controllerPort = await freePort();
  await startServer('kafka', { clusterNode: { id: 0, controllerPort } });
  const start = (id: number) => startServer('kafka', { clusterNode: { id, controllerPort } });
  const brokers = await Promise.all([start(1), start(2), start(3)]);
  return { url: `kafka://${brokers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`, brokers };
}
