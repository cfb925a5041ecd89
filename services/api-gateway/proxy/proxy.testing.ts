/** A gateway and doors of services elsewhere, or what stands for them, for tests: real servers on free ports. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Type } from 'typebox';
import type { Route } from '#infrastructure/core/http.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import type { ApiGatewayConfig } from '../config.ts';
import {
  CREDENTIALS,
  fakeService,
  type Gateway,
  type GatewayChoices,
  startGateway,
} from '../gateway.testing.ts';
import { INSTANCE_HEADER } from './caller-signature.ts';
import { KEYS, openServiceDoor } from './door.testing.ts';
import type { InstanceRequest } from './instance.ts';
import type { ServiceDoor } from './service-door.ts';
import { type Sending, Upstream, type UpstreamOutcome, type UpstreamParts } from './upstream.ts';

const cleanUps: (() => Promise<unknown>)[] = [];

/** Once after each test, in the reverse order. */
export function cleanUpWith(cleanUp: () => Promise<unknown>): void {
  cleanUps.push(cleanUp);
}

export async function cleanUp(): Promise<void> {
  for (const clean of cleanUps.splice(0).reverse()) await clean();
}

export interface Door {
  readonly door: ServiceDoor;
  readonly port: number;
}

export async function openDoor(
  routes: readonly Route[],
  config: Partial<ApiGatewayConfig> = {},
): Promise<Door> {
  const door = await openServiceDoor(routes, [], config);
  cleanUps.push(() => door.stop());
  return { door, port: Number(new URL(door.address()).port) };
}

export async function gatewayTo(
  addresses: readonly string[],
  routes: readonly Route[],
  choices: GatewayChoices = {},
): Promise<Gateway> {
  const service = fakeService(routes, []);
  const gateway = await startGateway({
    ...choices,
    remote: [{ name: 'order', routes: service.routes.slice(1), sockets: [] }],
    config: {
      serviceKeys: KEYS,
      orderUrl: addresses.map((address) => new URL(address)),
      upstreamPatienceMs: 0,
      ...choices.config,
    },
  });
  cleanUps.push(() => gateway.stop());
  return gateway;
}

const anything = Type.Object({}, { additionalProperties: true });

/** Answers what its handler was given, and who answered. */
export function tell(name: string, took: () => void = () => undefined): Route {
  return {
    method: 'POST',
    path: '/v1/tell/:id',
    access: 'api-key',
    summary: 'Tells',
    tag: 'test',
    schema: {
      params: Type.Object({ id: Type.String() }),
      querystring: Type.Object({ q: Type.Optional(Type.String()) }),
      headers: Type.Object({ 'x-idempotency-key': Type.Optional(Type.String()) }),
      body: anything,
      response: { 200: anything },
    },
    problems: [],
    handle: async ({ params, query, body, principal, requestId, headers }) => {
      took();
      return {
        kind: 'json',
        status: 200,
        body: { name, params, query, body, principal, requestId, key: headers['x-idempotency-key'] },
      };
    },
  };
}

export function post(address: string, target: string, body: unknown, headers: Record<string, string> = {}) {
  return fetch(`${address}${target}`, {
    method: 'POST',
    headers: { ...CREDENTIALS, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

export interface Health {
  readonly status: number;
  /** `null`: what answers there is no instance. */
  readonly instanceId: string | null;
}

/** Instances by number, from 1 on. All commands to them, counted from 1 on, are answered by `answer`. */
export async function instances(
  count: number,
  answer: (command: number, response: ServerResponse, instance: number) => void,
  health: (instance: number) => Health = (instance) => ({ status: 200, instanceId: `instance ${instance}` }),
) {
  const commands: IncomingHttpHeaders[] = [];
  const addresses: string[] = [];
  for (let instance = 1; instance <= count; instance += 1) {
    const server = createServer((request, response) => {
      if (request.url === '/readyz') {
        const { status, instanceId } = health(instance);
        response.writeHead(status, instanceId === null ? {} : { [INSTANCE_HEADER]: instanceId });
        response.end('{}');
        return;
      }
      request.resume();
      request.on('end', () => {
        answer(commands.push(request.headers), response, instance);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanUps.push(async () => {
      server.closeAllConnections();
      server.close();
    });
    addresses.push(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }
  return { commands, addresses };
}

/** Two instances, the first command to which is taken before the connection is cut. */
export function cutters() {
  return instances(2, (command, response) => {
    if (command === 1) response.destroy();
    else response.end('{}');
  });
}

export function withoutKey(route: Route): Route {
  const { headers: _headers, ...schema } = route.schema;
  return { ...route, schema };
}

/** Started. */
export async function upstreamTo(
  addresses: readonly string[],
  patienceMs: number,
  changed: Partial<UpstreamParts> = {},
): Promise<Upstream> {
  const upstream = new Upstream({
    name: 'order',
    urls: addresses.map((address) => new URL(address)),
    runtime: createSystemRuntime(),
    logger: SILENT,
    metrics: createPrometheusMetrics({ processFigures: false }),
    resolve: async () => [],
    limits: { connections: 1, answerTimeoutMs: 60_000 },
    patienceMs,
    ...changed,
  });
  cleanUpWith(() => upstream.close());
  await upstream.start();
  return upstream;
}

export function sendMany(
  upstream: Upstream,
  count: number,
  changed: Partial<Sending> = {},
): readonly Promise<UpstreamOutcome>[] {
  const make = (): InstanceRequest => ({ method: 'POST', target: '/', headers: {}, body: null });
  const sending: Sending = { make, repeat: 'neither', affinity: 'one', isAbandoned: () => false, ...changed };
  return Array.from({ length: count }, () => upstream.send(sending));
}
