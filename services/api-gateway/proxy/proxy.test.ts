/** A gateway and services in other processes: here several servers of one process, over real sockets. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, test } from 'node:test';
import type { Principal } from '#infrastructure/core/http.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { CREDENTIALS, startGateway } from '../gateway.testing.ts';
import { CALLER_HEADER, createCallerSigner, INSTANCE_HEADER } from './caller-signature.ts';
import { KEYS } from './door.testing.ts';
import { cleanUp, cleanUpWith, gatewayTo, instances, openDoor, post, tell } from './proxy.testing.ts';

afterEach(cleanUp);

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
  cleanUpWith(async () => {
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
  const figures = await (await fetch(`${own}/metrics`)).text();
  assert.match(figures, /^tradehall_callers_refused_total 2$/m, 'besides the one at the other instance');
});

test('a gateway signs for whom it asks, and a service checks that the route is for such a caller', async () => {
  let taken = 0;
  const { door } = await openDoor([
    tell('far', () => {
      taken += 1;
    }),
  ]);
  const probed = await fetch(`${door.address()}/readyz`);
  const instanceId = probed.headers.get(INSTANCE_HEADER) ?? '';
  const signer = createCallerSigner(KEYS[0] ?? assert.fail(), createSystemRuntime());
  const ask = async (principal: Principal | null): Promise<number> => {
    const signed = { method: 'POST', target: '/v1/tell/1', requestId: 'r', body: '{}' };
    const headers = {
      'content-type': 'application/json',
      'x-request-id': 'r',
      [CALLER_HEADER]: signer.sign(principal, signed, instanceId),
    };
    return (await fetch(door.address() + signed.target, { method: 'POST', headers, body: signed.body }))
      .status;
  };
  assert.equal(await ask(null), 401);
  assert.equal(await ask({ kind: 'operator' }), 401);
  assert.equal(taken, 0);
  assert.equal(await ask({ kind: 'api-key', keyId: 'k', accountId: 'a' }), 200);
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
  cleanUpWith(async () => {
    changing.closeAllConnections();
    changing.close();
  });
  const { address } = await gatewayTo(
    [`http://127.0.0.1:${(changing.address() as AddressInfo).port}`],
    [route],
    // Told at once, not after so long.
    { config: { upstreamPatienceMs: 3_600_000 } },
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

test('a service whose address nobody gave answers 503, not 404; nothing is signed, so no key is needed', async () => {
  const { address } = await gatewayTo([], [tell('far')], { config: { serviceKeys: [] } });
  assert.equal((await post(address, '/v1/tell/1', {})).status, 503);
});

test("credentials and cookies stay at the gateway, and of an answer's headers the client gets those it may want", async () => {
  const wanted = {
    'content-disposition': 'attachment',
    link: '</next>; rel="next"',
    location: '/v1/tell/2',
    'x-next-page-token': 's1',
  };
  const { commands, addresses } = await instances(1, (_command, response) => {
    response.writeHead(200, { ...wanted, 'set-cookie': 'a=b', 'x-inside': 'yes' }).end('{}');
  });
  const { address } = await gatewayTo(addresses, [tell('far')]);
  const answer = await post(address, '/v1/tell/1', {}, { cookie: 'a=b', accept: 'text/csv' });
  assert.equal(answer.status, 200);
  for (const [name, value] of Object.entries(wanted)) assert.equal(answer.headers.get(name), value);
  for (const name of ['set-cookie', 'x-inside']) assert.equal(answer.headers.get(name), null);
  assert.equal(commands[0]?.accept, 'text/csv');
  for (const name of ['authorization', 'cookie']) assert.equal(commands[0]?.[name], undefined);
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
