/** The services that run in other processes, as one gateway sees them: their routes, their health. */
import assert from 'node:assert/strict';
import type { ResolveHost } from '#infrastructure/core/host-names.ts';
import type { Route, RouteDeclaration, SocketDeclaration, SocketRoute } from '#infrastructure/core/http.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { ServiceContext } from '#infrastructure/core/service.ts';
import type { ApiGatewayConfig } from '../config.ts';
import { type CallerSigner, createCallerSigner } from './caller-signature.ts';
import { proxiedRoutes } from './proxied-routes.ts';
import { proxiedSocket } from './proxied-socket.ts';
import { Upstream, type UpstreamView } from './upstream.ts';

/** A target of the program that is not of this process. */
export interface RemoteTarget {
  readonly name: string;
  readonly routes: readonly RouteDeclaration[];
  readonly sockets: readonly SocketDeclaration[];
}

export interface RemoteServices {
  readonly routes: readonly Route[];
  readonly socketRoutes: readonly SocketRoute[];
  /** Resolves when each address was asked once. */
  start(): Promise<void>;
  /** By target. */
  view(): Readonly<Record<string, readonly UpstreamView[]>>;
  close(): Promise<void>;
}

function urlsOf(name: string, config: ApiGatewayConfig): readonly URL[] {
  const byTarget: Readonly<Record<string, readonly URL[]>> = {
    order: config.orderUrl,
    portfolio: config.portfolioUrl,
    query: config.queryUrl,
    'market-data': config.marketDataUrl,
  };
  return byTarget[name] ?? [];
}

/** By the first key. Without one, what is elsewhere would believe nothing: then there may be nothing to sign for. */
function signerFor(reached: readonly string[], config: ApiGatewayConfig, runtime: Runtime): CallerSigner {
  const [key] = config.serviceKeys;
  if (key !== undefined) return createCallerSigner(key, runtime);
  const [name] = reached;
  if (name === undefined) {
    return {
      sign: () => assert.fail('a request is signed, though no service is reached and no key was given'),
    };
  }
  throw new OperatingError(
    'SERVICE_KEYS_NEEDED',
    `${name} runs in another process, but service_keys, by which it knows this gateway, is not set: give both the same, such as TRADEHALL_SERVICE_KEYS=k1:$(openssl rand -hex 32).`,
    { retry: 'never' },
  );
}

export function createRemoteServices(
  context: ServiceContext,
  targets: readonly RemoteTarget[],
  resolve: ResolveHost,
  config: ApiGatewayConfig,
): RemoteServices {
  const { runtime, logger, metrics } = context;
  const services = targets.map((target) => {
    const urls = urlsOf(target.name, config);
    const upstream = new Upstream({
      name: target.name,
      urls,
      runtime,
      logger,
      metrics,
      resolve,
      limits: { connections: config.upstreamConnections, answerTimeoutMs: config.upstreamTimeoutMs },
      patienceMs: config.upstreamPatienceMs,
    });
    return { target, urls, upstream };
  });
  const reached = services.filter(({ urls }) => urls.length > 0);
  const signer = signerFor(
    reached.map(({ target }) => target.name),
    config,
    runtime,
  );
  return {
    routes: services.flatMap(({ target, upstream }) =>
      proxiedRoutes(target.routes, { upstream, signer, ids: runtime.ids }),
    ),
    socketRoutes: services.flatMap(({ target, upstream }) =>
      target.sockets.map((declaration) =>
        proxiedSocket({
          declaration,
          upstream,
          signer,
          runtime,
          logger,
          maxFrameBytes: config.maxBodyBytes,
        }),
      ),
    ),
    async start() {
      for (const { target, urls } of services) {
        if (urls.length > 0) continue;
        logger.warn(
          { target: target.name },
          `${target.name} is not in this process and ${target.name.replaceAll('-', '_')}_url names no other: its addresses answer 503`,
        );
      }
      await Promise.all(services.map(({ upstream }) => upstream.start()));
    },
    view: () => Object.fromEntries(reached.map(({ target, upstream }) => [target.name, upstream.view()])),
    async close() {
      await Promise.all(services.map(({ upstream }) => upstream.close()));
    },
  };
}
