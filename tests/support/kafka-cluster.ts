/** A controller and three brokers of the test's own, to kill. */
import { freePort } from '../../scripts/dev-servers/free-port.ts';
import type { ServerProcess } from '../../scripts/dev-servers/server-process.ts';
import { startServer } from './servers.ts';

export interface KafkaCluster {
  readonly url: string;
  readonly brokers: readonly [ServerProcess, ServerProcess, ServerProcess];
}

export async function startKafkaCluster(minInSync?: number): Promise<KafkaCluster> {
  const start = await startKafkaController(minInSync);
  const brokers = await Promise.all([start(1), start(2), start(3)]);
  return { url: `kafka://${brokers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`, brokers };
}

/** Starts the broker of a number, from 1. */
export async function startKafkaController(minInSync = 2): Promise<(id: number) => Promise<ServerProcess>> {
  const controllerPort = await freePort();
  const start = (id: number) => startServer('kafka', { clusterNode: { id, controllerPort, minInSync } });
  await start(0);
  return start;
}
