/**
 * The api-gateway: the one address of the program.
 *
 * Two listeners: the public one (TCP, TLS where told), and the operator's (a UNIX socket that only the folder's owner
 * can open). It mounts the routes of the services of this process, passes on to other processes what is asked of the
 * rest, and owns keys, tickets, health, status, the OpenAPI document and the page at `/`. It is started last and
 * drained first.
 */
import { chmod } from 'node:fs/promises';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Cache } from '#infrastructure/cache/cache.ts';
import type { ResolveHost } from '#infrastructure/core/host-names.ts';
import type { Route } from '#infrastructure/core/http.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Service, ServiceContext } from '#infrastructure/core/service.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import type { AccountDirectory, ApiKeyStore } from '#infrastructure/relational/stores.ts';
import { createAdmission } from './admission.ts';
import { createKeyVerifier } from './authentication.ts';
import { backupRoute } from './backup-route.ts';
import type { ApiGatewayConfig } from './config.ts';
import { deadLetterRoutes } from './dead-letter-routes.ts';
import { healthRoutes } from './health-routes.ts';
import { keyRoutes } from './key-routes.ts';
import { listen, readTls } from './listening.ts';
import { addOpenApi } from './openapi.ts';
import { addPage } from './page.ts';
import type { ProcessView } from './process-view.ts';
import { createRemoteServices, type RemoteTarget } from './proxy/remote-services.ts';
import { buildServer, type ServerParts } from './server.ts';
import { identifyByCredentials } from './socket-credentials.ts';
import { SocketDoorstep } from './socket-doorstep.ts';
import { createSockets, type Sockets } from './sockets.ts';
import { statusRoute } from './status-route.ts';
import { ticketRoute } from './tickets.ts';

export interface ApiGatewayPorts {
  readonly log: EventLog;
  readonly cache: Cache;
  readonly apiKeys: ApiKeyStore;
  readonly accounts: Pick<AccountDirectory, 'get'>;
  readonly hall: ProcessView;
  /** The targets with routes that are not of this process. */
  readonly remote: readonly RemoteTarget[];
  readonly resolveHost: ResolveHost;
}

export interface ApiGatewayService extends Service {
  /** Such as `http://127.0.0.1:8080`; known once started. */
  address(): string;
  readonly operatorRoutes: readonly Route[];
}

const SOCKET_GRACE_MS = 1_000;
const DURATION_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

export function createApiGatewayService(
  context: ServiceContext,
  ports: ApiGatewayPorts,
  config: ApiGatewayConfig,
): ApiGatewayService {
  const { runtime, logger, metrics } = context;
  const verifier = createKeyVerifier(ports.apiKeys, runtime.clock);
  const remote = createRemoteServices(context, ports.remote, ports.resolveHost, config);
  const durations = metrics.histogram(
    'http_request_duration_seconds',
    'Time from a complete request to its answer.',
    DURATION_BUCKETS_S,
    ['method', 'route', 'status'],
  );
  const socketCount = metrics.gauge('websocket_connections', 'WebSockets open.');
  const refusals = metrics.counter(
    'http_refusals_total',
    'Requests refused before their handler, by reason.',
    ['code'],
  );
  let draining = false;
  let address: string | null = null;
  let publicApp: FastifyInstance | null = null;
  let operatorApp: FastifyInstance | null = null;
  let sockets: Sockets | null = null;

  const ownRoutes: readonly Route[] = [
    ...healthRoutes(ports.hall),
    ticketRoute(ports.cache.tickets, runtime, config.ticketLifetimeMs),
    statusRoute(ports.hall, ports.log, ports.cache, remote),
    backupRoute(ports.hall),
    ...deadLetterRoutes(ports.log),
    ...keyRoutes({
      apiKeys: ports.apiKeys,
      accounts: ports.accounts,
      runtime,
      maxKeysPerAccount: config.maxKeysPerAccount,
      onRevoked: (keyId) => {
        verifier.forget(keyId);
        sockets?.closeForKey(keyId);
      },
    }),
  ];

  function mountedRoutes(): readonly Route[] {
    const others = ports.hall.services().filter((service) => service.name !== 'api-gateway');
    return [...ownRoutes, ...others.flatMap((service) => service.routes), ...remote.routes];
  }

  function partsFor(
    routes: readonly Route[],
    rest: Pick<ServerParts, 'admit' | 'extend' | 'tls' | 'isDraining'>,
  ): ServerParts {
    return {
      runtime,
      logger,
      routes,
      maxBodyBytes: config.maxBodyBytes,
      maxJsonDepth: config.maxJsonDepth,
      behindProxy: config.behindProxy,
      observe: (route, status, durationMs) =>
        durations.observe(durationMs / 1_000, {
          method: route.method,
          route: route.path,
          status: String(status),
        }),
      ...rest,
    };
  }

  async function startOperator(routes: readonly Route[]): Promise<void> {
    operatorApp = await buildServer(
      partsFor(
        routes.filter((route) => route.access === 'operator'),
        {
          tls: null,
          isDraining: () => false,
          admit: () => ({ kind: 'admitted', principal: { kind: 'operator' } }),
          extend: async (app) => {
            app.addSchema({ $id: 'Problem', type: 'object' });
          },
        },
      ),
    );
    await operatorApp.listen({ path: ports.hall.operatorSocketPath });
    await chmod(ports.hall.operatorSocketPath, 0o600);
  }

  async function startPublic(routes: readonly Route[]): Promise<void> {
    const tls = readTls(config);
    const admission = createAdmission({ verifier, rateLimits: ports.cache.rateLimits, config });
    const app = await buildServer(
      partsFor(
        routes.filter((route) => route.access !== 'operator'),
        {
          tls,
          isDraining: () => draining,
          admit: (route: Route, request: FastifyRequest) => {
            const counted = (admitted: Awaited<ReturnType<typeof admission>>) => {
              if (admitted.kind === 'refused') refusals.increment({ code: admitted.problem.code });
              return admitted;
            };
            const admitted = admission(route, request);
            return admitted instanceof Promise ? admitted.then(counted) : counted(admitted);
          },
          extend: async (server) => {
            await addOpenApi(server, ports.hall.version);
            await addPage(server);
          },
        },
      ),
    );
    publicApp = app;
    const others = ports.hall.services().filter((service) => service.name !== 'api-gateway');
    sockets = createSockets({
      runtime,
      logger,
      routes: [...others.flatMap((service) => service.socketRoutes), ...remote.socketRoutes],
      isActive: (keyId) => verifier.isActive(keyId),
      identify: identifyByCredentials(verifier, ports.cache.tickets),
      doorstep: new SocketDoorstep({ timers: runtime.timers, logger, verifier }),
      maxSockets: config.maxSockets,
      maxSocketsPerKey: config.maxSocketsPerKey,
      maxSocketsUnauthenticated: config.maxSocketsUnauthenticated,
      forGateways: false,
      behindProxy: config.behindProxy,
      isDraining: () => draining,
      onCount: (open) => socketCount.set(open),
    });
    const door = sockets;
    app.server.on('upgrade', (request, socket, head) => door.upgrade(request, socket, head));
    address = await listen(app, config);
  }

  return {
    name: 'api-gateway',
    routes: ownRoutes,
    operatorRoutes: ownRoutes.filter((route) => route.access === 'operator'),
    socketRoutes: [],
    async start() {
      await remote.start();
      const routes = mountedRoutes();
      await startPublic(routes);
      await startOperator(routes);
    },
    readiness: () => (address === null ? { ready: false, reasons: ['not listening'] } : { ready: true }),
    status: async () => ({ address }),
    async drain() {
      draining = true;
      await Promise.all([sockets?.close(SOCKET_GRACE_MS), publicApp?.close()]);
    },
    async stop() {
      draining = true;
      await sockets?.close(0);
      await publicApp?.close();
      await operatorApp?.close();
      await remote.close();
    },
    address() {
      if (address === null)
        throw new OperatingError('NOT_LISTENING', 'The gateway is not listening.', { retry: 'never' });
      return address;
    },
  };
}
