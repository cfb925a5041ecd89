/** A real service door on a free port, over a fake service, for tests. */
import type { Route, SocketRoute } from '#infrastructure/core/http.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import type { ApiGatewayConfig } from '../config.ts';
import { defaultConfig, fakeService, recordingLogger } from '../gateway.testing.ts';
import { createServiceDoor, type ServiceDoor } from './service-door.ts';

export const KEYS = [{ keyId: 'k1', secret: 's'.repeat(32) }];
export const runtime = createSystemRuntime();

/** Started; the caller stops it. */
export async function openServiceDoor(
  routes: readonly Route[],
  sockets: readonly SocketRoute[],
  config: Partial<ApiGatewayConfig> = {},
): Promise<ServiceDoor> {
  const metrics = createPrometheusMetrics({ processFigures: false });
  const service = fakeService(routes, sockets);
  const door = createServiceDoor(
    {
      runtime,
      logger: recordingLogger([]),
      metrics,
      crash: (error) => {
        throw error;
      },
    },
    {
      services: () => [service, door],
      readiness: () => ({ ready: true }),
      exposeMetrics: () => metrics.expose(),
      diskUse: async () => ({ bytes: 0, freeBytes: 0 }),
      backUp: async () => ({ bytes: 0 }),
      instanceId: runtime.ids.uuid(),
      dataFolder: '/nowhere',
      operatorSocketPath: '/nowhere/socket',
      version: '0.0.0',
    },
    { ...defaultConfig(), serviceKeys: KEYS, ...config },
  );
  await door.start();
  return door;
}
