/**
 * From a configuration and a list of targets to services that can be started: opens what the targets need, builds
 * them, and puts a supervisor over them.
 */
import { readdirSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Configuration } from '#infrastructure/core/configuration.ts';
import type { DataFolder } from '#infrastructure/core/data-folder.ts';
import { resolveHostBySystem } from '#infrastructure/core/host-names.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import { prepareOperatorSocket } from '#infrastructure/core/operator-socket.ts';
import type { PrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { Service, ServiceContext } from '#infrastructure/core/service.ts';
import { createSupervisor, type Supervisor } from '#infrastructure/core/supervisor.ts';
import packageJson from '#package.json' with { type: 'json' };
import { apiGatewayOptions } from '#services/api-gateway/config.ts';
import type { ProcessView } from '#services/api-gateway/process-view.ts';
import { createServiceDoor, type ServiceDoor } from '#services/api-gateway/proxy/service-door.ts';
import { type ApiGatewayService, createApiGatewayService } from '#services/api-gateway/service.ts';
import { type OpenPorts, openPorts, type PortName } from './adapters.ts';
import { selectTargets } from './chosen-targets.ts';
import { backUpDataFolder } from './data-folder-copy.ts';
import { createLogKeeper } from './log-keeper.ts';
import { processOptions } from './options.ts';
import { GATEWAY, GATEWAY_NEEDS, type Target, targets } from './targets.ts';

export interface Composition {
  readonly supervisor: Supervisor;
  /** Of the gateway, or of the door for gateways in other processes. */
  address(): string;
  /** Closes the stores; after the supervisor has shut down. */
  close(): Promise<void>;
}

export interface CompositionParts {
  readonly configuration: Configuration;
  /** Empty means all. */
  readonly targets: readonly string[];
  readonly folder: DataFolder;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly metrics: PrometheusMetrics;
  crash(error: unknown): void;
}

function folderBytes(path: string): number {
  let bytes = 0;
  for (const entry of readdirSync(path, { withFileTypes: true, recursive: true })) {
    // Files come and go under a running store.
    if (entry.isFile())
      bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

function buildTargets(
  chosen: readonly Target[],
  context: ServiceContext,
  ports: OpenPorts,
  configuration: Configuration,
) {
  return chosen.map((target) =>
    target.build(
      { ...context, logger: context.logger.child({ service: target.name }) },
      (name) => ports.port(name),
      configuration,
    ),
  );
}

export async function compose(parts: CompositionParts): Promise<Composition> {
  const { configuration, folder, runtime, logger, metrics } = parts;
  const config = configuration.of(processOptions);
  const names = selectTargets(parts.targets, configuration);
  const chosen = targets.filter((target) => names.includes(target.name));
  const withGateway = names.includes(GATEWAY);
  const needed = new Set<PortName>(chosen.flatMap((target) => target.needs));
  needed.add('log');
  if (withGateway) for (const name of GATEWAY_NEEDS) needed.add(name);

  const ports = await openPorts([...needed], { folder, config, runtime, logger, metrics });
  try {
    const context: ServiceContext = { runtime, logger, metrics, crash: parts.crash };
    const services: Service[] = [
      createLogKeeper(context, ports.port('log'), config.logExpiryIntervalMs),
      ...buildTargets(chosen, context, ports, configuration),
    ];
    const view: ProcessView = {
      services: () => supervisor.services,
      readiness: () => supervisor.readiness(),
      exposeMetrics: () => metrics.expose(),
      diskUse: async () => {
        const system = statfsSync(folder.path);
        return { bytes: folderBytes(folder.path), freeBytes: system.bavail * system.bsize };
      },
      backUp: (target) => backUpDataFolder(folder.path, ports.port('log'), target, runtime.clock.nowMs()),
      instanceId: runtime.ids.uuid(),
      dataFolder: folder.path,
      operatorSocketPath: prepareOperatorSocket(folder.path),
      version: packageJson.version,
    };
    let door: ApiGatewayService | ServiceDoor;
    if (withGateway) {
      door = createApiGatewayService(
        { ...context, logger: logger.child({ service: GATEWAY }) },
        {
          log: ports.port('log'),
          cache: ports.port('cache'),
          apiKeys: ports.port('relational').apiKeys,
          accounts: ports.port('relational').accounts,
          hall: view,
          remote: targets
            .filter((target) => !chosen.includes(target) && target.routes.length > 0)
            .map(({ name, routes, sockets }) => ({ name, routes, sockets })),
          resolveHost: resolveHostBySystem,
        },
        configuration.of(apiGatewayOptions),
      );
    } else {
      door = createServiceDoor(context, view, configuration.of(apiGatewayOptions));
    }
    services.push(door);
    const supervisor = createSupervisor(services, runtime.timers, logger);
    return { supervisor, address: () => door.address(), close: () => ports.close() };
  } catch (error) {
    await ports.close();
    throw error;
  }
}
