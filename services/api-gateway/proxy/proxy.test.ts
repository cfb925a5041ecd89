/** A gateway and services in other processes: here several servers of one process, over real sockets. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, test } from 'node:test';
import { Type } from 'typebox';
import type { Route } from '#infrastructure/core/http.ts';
import type { ApiGatewayConfig } from '../config.ts';
import {
  CREDENTIALS,
  fakeService,
  type Gateway,
  type GatewayChoices,
  startGateway,
} from '../gateway.testing.ts';
import { CALLER_HEADER } from './caller-signature.ts';
import { KEYS, openServiceDoor } from './door.testing.ts';
import type { ServiceDoor } from './service-door.ts';

const cleanUps: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

interface Door {
  readonly door: ServiceDoor;
  readonly port: number;
}

async function openDoor(routes: readonly Route[], config: Partial<ApiGatewayConfig> = {}): Promise<Door> {
  const door = await openServiceDoor(routes, [], config);
  cleanUps.push(() => door.stop());
  return { door, port: Number(new URL(door.address()).port) };
}

async function gatewayTo(
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
function tell(name: string, took: () => void = () => undefined): Route {
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

function post(address: string, target: string, body: unknown, headers: Record<string, string> = {}) {
  return fetch(`${address}${target}`, {
    method: 'POST',
    headers: { ...CREDENTIALS, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

test('a service in another process is given the request and the caller, and its answer comes back', async () => {
  const { door } = await openDoor([tell('far')]);
  const { address } = await gatewayTo([door.address()], [tell('far')]);
  const answer = await post(
    address,
    '/v1/tell/a%20b?q=x%26y',
    { deep: { er: 'ä' } },
    { 'x-request-id': 'mine' },
  );
  assert.equal(answer.status, 200);
  const told = (await answer.json()) as Record<string, unknown>;
  assert.deepEqual(
    { ...told, key: typeof told['key'] },
    {
      name: 'far',
      params: { id: 'a b' },
      query: { q: 'x&y' },
      body: { deep: { er: 'ä' } },
      principal: { kind: 'api-key', keyId: 'THTEST', accountId: '11111111-1111-4111-8111-111111111111' },
      requestId: 'mine',
      key: 'string',
    },
  );
  const wrong = await post(address, '/v1/tell/1?nonsense=1', {});
  assert.equal(wrong.status, 400, 'what breaks the schema does not even leave the gateway');
  assert.equal((await fetch(`${address}/v1/tell/1`, { method: 'POST' })).status, 401);
});

/** Passes on what it gets to `port`, and remembers it. */
async function eavesdropper(port: number) {
  const heard: {
    readonly target: string;
    readonly headers: Record<string, string>;
    readonly body: string;
  }[] = [];
  const server: Server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(
        ([name]) => !['host', 'connection', 'content-length'].includes(name),
      ),
    ) as Record<string, string>;
    const body = Buffer.concat(chunks).toString();
    if (request.method === 'POST') heard.push({ target: request.url ?? '', headers, body });
    const answer = await fetch(`http://127.0.0.1:${port}${request.url}`, {
      method: request.method ?? 'GET',
      headers,
      ...(body === '' ? {} : { body }),
    });
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(await answer.text());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUps.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return { heard, address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test('a service that is reached around the gateway believes nothing', async () => {
  let taken = 0;
  const route = tell('far', () => {
    taken += 1;
  });
  const { door, port } = await openDoor([route]);
  const { door: twin } = await openDoor([route]);
  const { heard, address: spy } = await eavesdropper(port);
  const { address } = await gatewayTo([spy], [route]);
  assert.equal((await post(address, '/v1/tell/1', { quantity: '1' })).status, 200);
  assert.equal(taken, 1);
  const [said] = heard;
  assert.ok(said !== undefined);
  const believed = async (to: string, target: string, headers: Record<string, string>, body: string) => {
    const answer = await fetch(to + target, { method: 'POST', headers, body });
    const { code } = (await answer.json()) as { code?: string };
    if (answer.status === 401) assert.equal(code, 'CALLER_NOT_BELIEVED');
    return answer.status !== 401;
  };
  const own = door.address();
  const { [CALLER_HEADER]: _signature, ...unsigned } = said.headers;
  assert.equal(await believed(own, said.target, said.headers, said.body), false, 'a second time');
  assert.equal(
    await believed(twin.address(), said.target, said.headers, said.body),
    false,
    'another instance',
  );
  assert.equal(
    await believed(own, said.target, { ...unsigned, ...CREDENTIALS }, said.body),
    false,
    'an API key',
  );
  assert.equal(taken, 1);
});

test('a body that is not the one that was signed is refused', async () => {
  let taken = 0;
  const route = tell('far', () => {
    taken += 1;
  });
  const { port } = await openDoor([route]);
  const changing = createServer(async (request, response) => {
    for await (const _chunk of request) {
      // Swallowed: another body is sent on.
    }
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(
        ([name]) => !['host', 'connection', 'content-length'].includes(name),
      ),
    ) as Record<string, string>;
    const answer = await fetch(`http://127.0.0.1:${port}${request.url}`, {
      method: request.method ?? 'GET',
      headers,
      ...(request.method === 'POST' ? { body: '{"quantity":"1000000"}' } : {}),
    });
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(await answer.text());
  });
  await new Promise<void>((resolve) => changing.listen(0, '127.0.0.1', resolve));
  cleanUps.push(async () => {
    changing.closeAllConnections();
    changing.close();
  });
  const { address } = await gatewayTo(
    [`http://127.0.0.1:${(changing.address() as AddressInfo).port}`],
    [route],
  );
  const answer = await post(address, '/v1/tell/1', { quantity: '1' });
  assert.equal(answer.status, 503);
  assert.equal(taken, 0);
});

test('a service without service_keys mounts no route but its health', async () => {
  const { door } = await openDoor([tell('far')], { serviceKeys: [] });
  assert.equal((await fetch(`${door.address()}/healthz`)).status, 200);
  assert.equal((await fetch(`${door.address()}/v1/tell/1`, { method: 'POST' })).status, 404);
});

test('a service that started anew on the same port is asked again under its new id', async () => {
  const first = await openDoor([tell('first')]);
  const { address } = await gatewayTo([first.door.address()], [tell('first')]);
  assert.equal((await post(address, '/v1/tell/1', {})).status, 200);
  await first.door.stop();
  await openDoor([tell('second')], { port: first.port });
  // The gateway may find out by a probe or by being refused; either way the client sees an answer.
  for (;;) {
    const answer = await post(address, '/v1/tell/1', {});
    if (answer.status === 200) {
      assert.equal(((await answer.json()) as { name: string }).name, 'second');
      break;
    }
    assert.equal(answer.status, 503);
  }
});

test('an account stays with one instance, and when that drains the other takes all, without one refusal', async () => {
  const one = await openDoor([tell('one')]);
  const two = await openDoor([tell('two')]);
  const { address } = await gatewayTo([one.door.address(), two.door.address()], [tell('one')]);
  const names = new Set<string>();
  const ask = async () => {
    const answer = await post(address, '/v1/tell/1', {});
    assert.equal(answer.status, 200);
    const { name } = (await answer.json()) as { name: string };
    names.add(name);
    return name;
  };
  for (let count = 0; count < 10; count += 1) await ask();
  const [usual] = names;
  assert.equal(names.size, 1);
  const asking = Array.from({ length: 20 }, ask);
  await (usual === 'one' ? one : two).door.drain();
  await Promise.all(asking);
  for (let count = 0; count < 10; count += 1) assert.notEqual(await ask(), usual);
});

test('a request waits for a service that was ready a moment ago', async () => {
  const first = await openDoor([tell('first')]);
  const { address } = await gatewayTo([first.door.address()], [tell('first')], {
    config: { upstreamPatienceMs: 30_000 },
  });
  await first.door.stop();
  const asked = post(address, '/v1/tell/1', {});
  await openDoor([tell('second')], { port: first.port });
  const answer = await asked;
  assert.equal(answer.status, 200);
  assert.equal(((await answer.json()) as { name: string }).name, 'second');
});

test('a service that is away answers 503 with Retry-After', async () => {
  const { door } = await openDoor([tell('far')]);
  const { address } = await gatewayTo([door.address()], [tell('far')]);
  await door.stop();
  const answer = await post(address, '/v1/tell/1', {});
  assert.equal(answer.status, 503);
  assert.equal(answer.headers.get('retry-after'), '1');
  assert.equal(((await answer.json()) as { code: string }).code, 'DEPENDENCY_UNAVAILABLE');
});

test('a service whose address nobody gave answers 503, not 404; nothing is signed, so no key is needed', async () => {
  const { address } = await gatewayTo([], [tell('far')], { config: { serviceKeys: [] } });
  assert.equal((await post(address, '/v1/tell/1', {})).status, 503);
});

/** Two instances whose health is well; of all commands to both, the first `cuts` are taken and the connection is cut. */
async function cutters(cuts: number) {
  const keys: string[] = [];
  const addresses: string[] = [];
  for (const instanceId of ['one', 'two']) {
    const server = createServer((request, response) => {
      if (request.url === '/readyz') {
        response.writeHead(200, { 'x-tradehall-instance': instanceId });
        response.end('{}');
        return;
      }
      request.resume();
      request.on('end', () => {
        keys.push(String(request.headers['x-idempotency-key']));
        if (keys.length <= cuts) request.socket.destroy();
        else response.end('{}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanUps.push(async () => {
      server.closeAllConnections();
      server.close();
    });
    addresses.push(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }
  return { keys, addresses };
}

function withoutKey(route: Route): Route {
  const { headers: _headers, ...schema } = route.schema;
  return { ...route, schema };
}

test('a command that can carry an idempotency key goes on to the next instance, under one key', async () => {
  const { keys, addresses } = await cutters(1);
  const { address } = await gatewayTo(addresses, [tell('far')]);
  assert.equal((await post(address, '/v1/tell/1', {})).status, 200);
  assert.equal(keys.length, 2);
  assert.equal(keys[0], keys[1]);
  assert.equal((await post(address, '/v1/tell/1', {})).status, 200);
  assert.notEqual(keys[2], keys[1], 'the next request is a command of its own');
});

test('a command that cannot be repeated is told that its outcome is unknown', async () => {
  const { keys, addresses } = await cutters(1);
  const { address } = await gatewayTo(addresses, [withoutKey(tell('far'))]);
  const answer = await post(address, '/v1/tell/1', {});
  assert.equal(answer.status, 503);
  assert.equal(((await answer.json()) as { code: string }).code, 'OUTCOME_UNKNOWN');
  assert.equal(keys.length, 1, 'sent once');
});

test('a gateway without service_keys does not start when a service is elsewhere', async () => {
  await assert.rejects(
    startGateway({
      remote: [{ name: 'order', routes: [], sockets: [] }],
      config: { orderUrl: [new URL('http://127.0.0.1:1')], serviceKeys: [] },
    }),
    { code: 'SERVICE_KEYS_NEEDED' },
  );
});

test('a name in a URL is resolved', async () => {
  const one = await openDoor([tell('one')]);
  const asked: string[] = [];
  const { address } = await gatewayTo([`http://order.internal:${one.port}`], [tell('one')], {
    resolveHost: async (host) => {
      asked.push(host);
      return ['127.0.0.1'];
    },
  });
  assert.equal((await post(address, '/v1/tell/1', {})).status, 200);
  assert.deepEqual(asked, ['order.internal']);
});
