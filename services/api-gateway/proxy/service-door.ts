/**
 * What a process without the gateway listens with: its services' routes for gateways in other processes, and its
 * health for whoever asks.
 *
 * Every request but those for health and figures must be signed by a gateway (caller-signature.ts). Without
 * `service_keys` there is nobody to believe, and the services' routes are not mounted.
 */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Route } from '#infrastructure/core/http.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { problem } from '#infrastructure/core/problem.ts';
import type { Service, ServiceContext } from '#infrastructure/core/service.ts';
import type { ApiGatewayConfig } from '../config.ts';
import { healthRoutes } from '../health-routes.ts';
import { listen, readTls } from '../listening.ts';
import type { ProcessView } from '../process-view.ts';
import { type Admission, buildServer } from '../server.ts';
import { SocketDoorstep } from '../socket-doorstep.ts';
import { createSockets, type Identified, type Sockets } from '../sockets.ts';
import { CALLER_HEADER, type CallerVerifier, createCallerVerifier } from './caller-signature.ts';

const SOCKET_GRACE_MS = 1_000;

export interface ServiceDoor extends Service {
  /** Such as `http://127.0.0.1:8081`; known once started. */
  address(): string;
}

export function createServiceDoor(
  context: ServiceContext,
  hall: ProcessView,
  config: ApiGatewayConfig,
): ServiceDoor {
  const { runtime, logger, metrics } = context;
  const verifier = createCallerVerifier(config.serviceKeys, hall.instanceId, runtime.clock);
  const refusals = metrics.counter(
    'tradehall_callers_refused_total',
    'Requests refused since no gateway that is believed here signed them.',
  );
  let app: FastifyInstance | null = null;
  let sockets: Sockets | null = null;
  let address: string | null = null;
  let draining = false;

  const admit = (route: Route, request: FastifyRequest): Admission => {
    const admission = admitSigned(verifier, route, request);
    if (admission.kind === 'refused') refusals.increment();
    return admission;
  };

  return {
    name: 'service-door',
    routes: [],
    socketRoutes: [],
    async start() {
      const tls = readTls(config);
      const services = hall.services().filter((service) => service.name !== 'service-door');
      const believed = config.serviceKeys.length > 0;
      const routes = believed ? services.flatMap((service) => service.routes) : [];
      if (!believed && services.some((service) => service.routes.length > 0)) {
        logger.warn({}, 'no gateway can reach the services of this process: service_keys is not set');
      }
      app = await buildServer({
        runtime,
        logger,
        routes: [...healthRoutes(hall), ...routes],
        maxBodyBytes: config.maxBodyBytes,
        maxJsonDepth: config.maxJsonDepth,
        behindProxy: false,
        tls,
        isDraining: () => draining,
        admit,
        extend: async (server) => {
          server.addSchema({ $id: 'Problem', type: 'object' });
        },
        observe: () => undefined,
      });
      const door = createSockets({
        runtime,
        logger,
        routes: believed ? services.flatMap((service) => service.socketRoutes) : [],
        identify: async (request) => identifySigned(verifier, request),
        // The gateway, which knows the keys, closes what it has joined to a socket here.
        isActive: async () => true,
        doorstep: new SocketDoorstep({ timers: runtime.timers, logger, verifier: { verify: () => null } }),
        maxSockets: config.maxSockets,
        maxSocketsPerKey: config.maxSocketsPerKey,
        maxSocketsUnauthenticated: 0,
        forGateways: true,
        behindProxy: false,
        isDraining: () => draining,
        onCount: () => undefined,
      });
      sockets = door;
      app.server.on('upgrade', (request, socket, head) => door.upgrade(request, socket, head));
      address = await listen(app, config);
    },
    readiness: () => (address === null ? { ready: false, reasons: ['not listening'] } : { ready: true }),
    status: async () => ({ address }),
    async drain() {
      draining = true;
      await Promise.all([sockets?.close(SOCKET_GRACE_MS), app?.close()]);
    },
    async stop() {
      draining = true;
      await sockets?.close(0);
      await app?.close();
    },
    address() {
      if (address === null)
        throw new OperatingError('NOT_LISTENING', 'The service door is not open.', { retry: 'never' });
      return address;
    },
  };
}

function admitSigned(verifier: CallerVerifier, route: Route, request: FastifyRequest): Admission {
  if (route.access === 'public') return { kind: 'admitted', principal: null };
  const verification = verifier.verify(request.headers[CALLER_HEADER], {
    method: route.method,
    target: request.raw.url ?? '/',
    requestId: request.id,
  });
  if (verification.kind === 'refused') {
    return {
      kind: 'refused',
      problem: problem('CALLER_NOT_BELIEVED', `Ask the gateway: ${verification.reason}.`),
    };
  }
  const { principal, bodySha256 } = verification;
  if (principal?.kind !== route.access) {
    return {
      kind: 'refused',
      problem: problem('CALLER_NOT_BELIEVED', 'Ask the gateway: this caller has no access to this route.'),
    };
  }
  return { kind: 'admitted', principal, bodySha256 };
}

function identifySigned(verifier: CallerVerifier, request: IncomingMessage): Identified {
  const requestId = request.headers['x-request-id'];
  const verification = verifier.verify(request.headers[CALLER_HEADER], {
    method: 'GET',
    target: request.url ?? '/',
    requestId: typeof requestId === 'string' ? requestId : '',
  });
  const refused = (reason: string): Identified => ({
    kind: 'refused',
    problem: problem('CALLER_NOT_BELIEVED', `Ask the gateway: ${reason}.`),
  });
  if (verification.kind === 'refused') return refused(verification.reason);
  return verification.principal?.kind === 'api-key'
    ? { kind: 'known', principal: verification.principal }
    : refused("a socket is an account's");
}
