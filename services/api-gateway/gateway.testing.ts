/** A real gateway on a free port, over small fakes, for tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from 'typebox';
import type { AccountId } from '#domain/data/identifiers.ts';
import type { Cache } from '#infrastructure/cache/cache.ts';
import type { ResolveHost } from '#infrastructure/core/host-names.ts';
import type { HttpRequest, Route, SocketRoute } from '#infrastructure/core/http.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { Readiness, Service } from '#infrastructure/core/service.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import type { EventLog } from '#infrastructure/event-log/event-log.ts';
import type { ApiKey, ApiKeyStore } from '#infrastructure/relational/stores.ts';
import { digestOf } from './authentication.ts';
import { type ApiGatewayConfig, apiGatewayOptions } from './config.ts';
import type { ProcessView } from './process-view.ts';
import type { RemoteTarget } from './proxy/remote-services.ts';
import { type ApiGatewayService, createApiGatewayService } from './service.ts';

export const ACCOUNT = '11111111-1111-4111-8111-111111111111' as AccountId;
export const SECRET = 'a-secret-that-nobody-guesses';
export const KEY_ID = 'THTEST';
export const CREDENTIALS = { authorization: `Bearer ${KEY_ID}.${SECRET}` };

export interface Logged {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export function recordingLogger(into: Logged[]): Logger {
  const at = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) => {
    into.push({ level, fields, message });
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => recordingLogger(into),
  };
}

function fakeKeys(): ApiKeyStore & { readonly keys: Map<string, ApiKey> } {
  const keys = new Map<string, ApiKey>([
    [
      KEY_ID,
      {
        keyId: KEY_ID,
        accountId: ACCOUNT,
        secretHash: Buffer.from(digestOf(SECRET)).toString('hex'),
        createdAtMs: 0,
        revokedAtMs: null,
      },
    ],
  ]);
  return {
    keys,
    add: async (key) => {
      keys.set(key.keyId, key);
    },
    find: async (keyId) => keys.get(keyId) ?? null,
    revoke: async (keyId, atMs) => {
      const key = keys.get(keyId);
      if (key === undefined || key.revokedAtMs !== null) return false;
      keys.set(keyId, { ...key, revokedAtMs: atMs });
      return true;
    },
    listFor: async (accountId) => [...keys.values()].filter((key) => key.accountId === accountId),
  };
}

function fakeCache(): Cache {
  const taken = new Map<string, number>();
  const tickets = new Map<string, string>();
  return {
    prices: {
      put: async () => {},
      get: async () => null,
      all: async () => [],
      latestFeedTimestampMs: async () => null,
      clear: async () => {},
      subscribe: async () => async () => {},
    },
    rateLimits: {
      // Never refills, so that a test decides exactly which request is one too many.
      take: async (key, limit) => {
        const count = (taken.get(key) ?? 0) + 1;
        taken.set(key, count);
        return count <= limit ? { kind: 'allowed' } : { kind: 'limited', retryAfterMs: 1_500 };
      },
    },
    halts: {
      put: async () => {},
      get: async () => null,
      of: async () => null,
    },
    tickets: {
      put: async (ticket, value) => {
        tickets.set(ticket, value);
      },
      redeem: async (ticket) => {
        const value = tickets.get(ticket) ?? null;
        tickets.delete(ticket);
        return value;
      },
    },
    ping: async () => {},
    close: async () => {},
  };
}

const EMPTY_LOG: Pick<EventLog, 'topics' | 'groups' | 'extents' | 'committedPositions'> = {
  topics: async () => [],
  groups: async () => [],
  extents: async () => [],
  committedPositions: async () => [],
};

/** A service with one route of each kind; `echo` answers what its handler was given. */
export function fakeService(extra: readonly Route[], socketRoutes: readonly SocketRoute[]): Service {
  const echo: Route = {
    method: 'POST',
    path: '/v1/echo/:id',
    access: 'api-key',
    summary: 'Answers what it got',
    tag: 'test',
    schema: {
      params: Type.Object({ id: Type.Integer({ minimum: 1, maximum: 100 }) }),
      querystring: Type.Object({
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10, default: 5 })),
        deep: Type.Optional(Type.Boolean()),
      }),
      body: Type.Object({
        symbol: Type.String({ pattern: '^[A-Z]{1,5}$' }),
        side: Type.Union([Type.Literal('BUY'), Type.Literal('SELL')]),
        quantity: Type.Optional(Type.String({ maxLength: 20 })),
        nested: Type.Optional(Type.Object({ price: Type.String() })),
      }),
      response: { 200: Type.Object({}, { additionalProperties: true }) },
    },
    problems: [],
    handle: async (request: HttpRequest) => ({
      kind: 'json',
      status: 200,
      body: {
        params: request.params,
        query: request.query,
        body: request.body,
        principal: request.principal,
      },
    }),
  };
  return {
    name: 'fake',
    routes: [echo, ...extra],
    socketRoutes,
    start: async () => {},
    readiness: () => ({ ready: true }),
    status: async () => ({ answer: 42 }),
    drain: async () => {},
    stop: async () => {},
  };
}

export interface Gateway {
  readonly service: ApiGatewayService;
  readonly address: string;
  readonly socketPath: string;
  readonly keys: Map<string, ApiKey>;
  readonly logged: readonly Logged[];
  setReadiness(state: Readiness): void;
  stop(): Promise<void>;
}

export interface GatewayChoices {
  readonly config?: Partial<ApiGatewayConfig>;
  readonly routes?: readonly Route[];
  readonly socketRoutes?: readonly SocketRoute[];
  readonly runtime?: Runtime;
  readonly keyStore?: Partial<ApiKeyStore>;
  readonly remote?: readonly RemoteTarget[];
  readonly resolveHost?: ResolveHost;
}

export function defaultConfig(): ApiGatewayConfig {
  const entries = Object.entries(apiGatewayOptions).map(([key, option]) => {
    const parsed = option.parse(option.defaultText);
    if (parsed.kind === 'refused') throw new Error(parsed.message);
    return [key, parsed.value];
  });
  return { ...(Object.fromEntries(entries) as ApiGatewayConfig), port: 0 };
}

export async function startGateway(choices: GatewayChoices = {}): Promise<Gateway> {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-'));
  const logged: Logged[] = [];
  const metrics = createPrometheusMetrics({ processFigures: false });
  const store = fakeKeys();
  let readiness: Readiness = { ready: true };
  const fake = fakeService(choices.routes ?? [], choices.socketRoutes ?? []);
  const view: ProcessView = {
    services: () => [fake, service],
    readiness: () => readiness,
    exposeMetrics: () => metrics.expose(),
    diskUse: async () => ({ bytes: 1, freeBytes: 2 }),
    backUp: async () => ({ bytes: 0 }),
    instanceId: 'a-gateway',
    dataFolder: folder,
    operatorSocketPath: join(folder, 'socket'),
    version: '0.0.0',
  };
  const service: ApiGatewayService = createApiGatewayService(
    {
      runtime: choices.runtime ?? createSystemRuntime(),
      logger: recordingLogger(logged),
      metrics,
      crash: (error) => {
        throw error;
      },
    },
    {
      log: EMPTY_LOG as EventLog,
      cache: fakeCache(),
      apiKeys: { ...store, ...choices.keyStore },
      accounts: {
        get: async (accountId) =>
          accountId === ACCOUNT ? { accountId, name: 'test', createdAtMs: 0 } : null,
      },
      hall: view,
      remote: choices.remote ?? [],
      resolveHost:
        choices.resolveHost ?? (async (host) => Promise.reject(new Error(`${host} is not known here`))),
    },
    { ...defaultConfig(), ...choices.config },
  );
  try {
    await service.start();
  } catch (error) {
    await service.stop();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    service,
    address: service.address(),
    socketPath: view.operatorSocketPath,
    keys: store.keys,
    logged,
    setReadiness: (state) => {
      readiness = state;
    },
    stop: async () => {
      await service.drain();
      await service.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
