/**
 * The api-gateway: the one address of the program.
 *
 * Two listeners: the public one (TCP, TLS where told), and the operator's (a UNIX socket that only the folder's owner
 * can open). It mounts the routes of the services of this process, and owns keys, tickets, health, status, the
 * OpenAPI document and the page at `/`. It is started last and drained first.
 */
import { readFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Cache } from '#infrastructure/cache/cache.ts';
import type { Route } from '#infrastructure/core/http.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Service, ServiceContext } from '#infrastructure/core/service.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import type { AccountDirectory, ApiKeyStore } from '#infrastructure/relational/stores.ts';
import { createAdmission, isLoopback } from './admission.ts';
import { createKeyVerifier } from './authentication.ts';
import { backupRoute } from './backup-route.ts';
import type { ApiGatewayConfig } from './config.ts';
import { deadLetterRoutes } from './dead-letter-routes.ts';
import { healthRoutes } from './health-routes.ts';
import { keyRoutes } from './key-routes.ts';
import { addOpenApi } from './openapi.ts';
import { addPage } from './page.ts';
import type { ProcessView } from './process-view.ts';
import { buildServer, type ServerParts } from './server.ts';
import { createSockets, type Sockets } from './sockets.ts';
import { statusRoute } from './status-route.ts';
import { ticketRoute } from './tickets.ts';

export interface ApiGatewayPorts {
  readonly log: EventLog;
  readonly cache: Cache;
  readonly apiKeys: ApiKeyStore;
  readonly accounts: Pick<AccountDirectory, 'get'>;
  readonly hall: ProcessView;
}

export interface ApiGatewayService extends Service {
  /** Such as `http://127.0.0.1:8080`; known once started. */
  address(): string;
  readonly operatorRoutes: readonly Route[];
}

const SOCKET_GRACE_MS = 1_000;
const DURATION_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

function readTls(config: ApiGatewayConfig): { readonly cert: string; readonly key: string } | null {
  if (config.tlsCert === null && config.tlsKey === null) return null;
  if (config.tlsCert === null || config.tlsKey === null) {
    throw new OperatingError('TLS_INCOMPLETE', '--tls-cert and --tls-key are needed together.', {
      retry: 'never',
    });
  }
  const read = (option: string, path: string) => {
    try {
      return readFileSync(path, 'utf8');
    } catch (cause) {
      throw new OperatingError(
        'TLS_UNREADABLE',
        `${option}: ${path} cannot be read (${(cause as NodeJS.ErrnoException).code}).`,
        {
          retry: 'never',
          cause,
        },
      );
    }
  };
  const given = { cert: read('--tls-cert', config.tlsCert), key: read('--tls-key', config.tlsKey) };
  try {
    createSecureContext(given);
  } catch (cause) {
    const reason = (cause as Error).message.split('::').at(-1);
    throw new OperatingError(
      'TLS_UNREADABLE',
      `--tls-cert ${config.tlsCert} and --tls-key ${config.tlsKey} are no PEM certificate and its private key (${reason}).`,
      { retry: 'never', cause },
    );
  }
  return given;
}

function listenFailure(error: unknown, host: string, port: number): unknown {
  const sentences: Readonly<Record<string, string>> = {
    EADDRINUSE: `Port ${port} on ${host} is in use: stop what uses it, or choose another with --port (0 takes any free one).`,
    EACCES: `Port ${port} may not be opened by this user: choose one above 1023 with --port.`,
    EADDRNOTAVAIL: `This machine has no address ${host}: choose another with --host.`,
    ENOTFOUND: `The host ${host} has no address: choose another with --host.`,
  };
  const errno = (error as NodeJS.ErrnoException).code ?? '';
  const sentence = sentences[errno];
  const code = errno === 'EADDRNOTAVAIL' || errno === 'ENOTFOUND' ? 'HOST_UNKNOWN' : 'LISTEN_FAILED';
  return sentence === undefined
    ? error
    : new OperatingError(code, sentence, { retry: 'never', cause: error });
}

export function createApiGatewayService(
  context: ServiceContext,
  ports: ApiGatewayPorts,
  config: ApiGatewayConfig,
): ApiGatewayService {
  const { runtime, logger, metrics } = context;
  const verifier = createKeyVerifier(ports.apiKeys, runtime.clock);
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
    statusRoute(ports.hall, ports.log, ports.cache),
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
    return [...ownRoutes, ...others.flatMap((service) => service.routes)];
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
      trustProxy: config.behindProxy,
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
      routes: others.flatMap((service) => service.socketRoutes),
      verifier,
      tickets: ports.cache.tickets,
      maxSockets: config.maxSockets,
      maxSocketsPerKey: config.maxSocketsPerKey,
      maxSocketsUnauthenticated: config.maxSocketsUnauthenticated,
      behindProxy: config.behindProxy,
      isDraining: () => draining,
      onCount: (open) => socketCount.set(open),
    });
    const door = sockets;
    app.server.on('upgrade', (request, socket, head) => door.upgrade(request, socket, head));
    try {
      await app.listen({ host: config.host, port: config.port });
    } catch (error) {
      throw listenFailure(error, config.host, config.port);
    }
    const bound = app.server.address() as AddressInfo;
    const shownHost = config.host.includes(':') ? `[${config.host}]` : config.host;
    address = `${tls === null ? 'http' : 'https'}://${shownHost}:${bound.port}`;
  }

  return {
    name: 'api-gateway',
    routes: ownRoutes,
    operatorRoutes: ownRoutes.filter((route) => route.access === 'operator'),
    socketRoutes: [],
    async start() {
      if (!isLoopback(config.host) && config.tlsCert === null && !config.behindProxy) {
        throw new OperatingError(
          'TLS_NEEDED',
          `--host ${config.host} is not loopback: give --tls-cert and --tls-key, or --behind-proxy when a proxy ends TLS.`,
          { retry: 'never' },
        );
      }
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
    },
    address() {
      if (address === null)
        throw new OperatingError('NOT_LISTENING', 'The gateway is not listening.', { retry: 'never' });
      return address;
    },
  };
}
