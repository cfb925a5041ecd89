/** Rate limits, start-up refusals, draining and the OpenAPI document of a gateway. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Type } from 'typebox';
import type { Route } from '#infrastructure/core/http.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { CREDENTIALS, type Gateway, KEY_ID, startGateway } from './gateway.testing.ts';

const running: Gateway[] = [];
after(() => Promise.all(running.map((gateway) => gateway.stop())));

async function start(...given: Parameters<typeof startGateway>): Promise<Gateway> {
  const gateway = await startGateway(...given);
  running.push(gateway);
  return gateway;
}

function place(gateway: Gateway): Promise<Response> {
  return fetch(`${gateway.address}/v1/echo/7`, {
    method: 'POST',
    headers: { ...CREDENTIALS, 'content-type': 'application/json' },
    body: '{"symbol":"AAPL","side":"BUY"}',
  });
}

test('one request above the limit of a key is refused with the time to wait', async () => {
  const gateway = await start({ config: { rateLimitPerKey: 2 } });
  assert.equal((await place(gateway)).status, 200);
  assert.equal((await place(gateway)).status, 200);
  const response = await place(gateway);
  assert.equal(response.status, 429);
  assert.equal(response.headers.get('retry-after'), '2');
  assert.equal(((await response.json()) as { code: string }).code, 'RATE_LIMITED');
});

/** The status of a request that came through a proxy in front with this X-Forwarded-For. */
async function forwardedFor(gateway: Gateway, addresses: string): Promise<number> {
  return (await fetch(`${gateway.address}/healthz`, { headers: { 'x-forwarded-for': addresses } })).status;
}

test('loopback addresses have no limit of their own; behind a proxy the client has one', async () => {
  const gateway = await start({ config: { rateLimitPerAddress: 1, behindProxy: true } });
  for (let i = 0; i < 3; i += 1) assert.equal((await fetch(`${gateway.address}/healthz`)).status, 200);
  assert.equal(await forwardedFor(gateway, '203.0.113.9'), 200);
  assert.equal(await forwardedFor(gateway, '203.0.113.9'), 429);
});

test('of X-Forwarded-For the address that the proxy in front added counts, not what the client wrote before it', async () => {
  const gateway = await start({ config: { rateLimitPerAddress: 1, behindProxy: true } });
  assert.equal(await forwardedFor(gateway, '198.51.100.1, 203.0.113.9'), 200);
  assert.equal(await forwardedFor(gateway, '198.51.100.2, 203.0.113.9'), 429);
  assert.equal(await forwardedFor(gateway, '127.0.0.1, 203.0.113.9'), 429);
});

test('an address that came by a header has a limit, also one that reads like loopback', async () => {
  const gateway = await start({ config: { rateLimitPerAddress: 1, behindProxy: true } });
  assert.equal(await forwardedFor(gateway, '127.0.0.1'), 200);
  assert.equal(await forwardedFor(gateway, '127.0.0.1'), 429);
});

test('without a proxy in front X-Forwarded-For is not read', async () => {
  const gateway = await start({ config: { rateLimitPerAddress: 1 } });
  for (let i = 0; i < 3; i += 1) assert.equal(await forwardedFor(gateway, '203.0.113.9'), 200);
});

test('a key store that is down lets nobody in', async () => {
  const down = async () => {
    throw new OperatingError('DATABASE_DOWN', 'the database is down', { retry: 'retry' });
  };
  const gateway = await start({ keyStore: { find: down } });
  const response = await place(gateway);
  assert.equal(response.status, 503);
  assert.equal(((await response.json()) as { code: string }).code, 'DEPENDENCY_UNAVAILABLE');
});

test('a known key costs no read of the store', async () => {
  let reads = 0;
  const gateway = await start();
  const stored = gateway.keys.get(KEY_ID) ?? null;
  const counting = await start({
    keyStore: {
      find: async () => {
        reads += 1;
        return stored;
      },
    },
  });
  for (let i = 0; i < 5; i += 1) assert.equal((await place(counting)).status, 200);
  assert.equal(reads, 1);
});

test('a port in use stops the start with a sentence', async () => {
  const first = await start();
  const port = Number(new URL(first.address).port);
  await assert.rejects(startGateway({ config: { port } }), {
    name: 'OperatingError',
    message: `Port ${port} on 127.0.0.1 is in use: stop what uses it, or choose another with --port (0 takes any free one).`,
  });
});

test('an address that others can reach needs TLS or a proxy', async () => {
  await assert.rejects(
    startGateway({ config: { host: '0.0.0.0' } }),
    /--host 0\.0\.0\.0 is not loopback: give --tls-cert/,
  );
  await assert.rejects(
    startGateway({ config: { tlsCert: '/nowhere/cert.pem' } }),
    /--tls-cert and --tls-key are needed together/,
  );
  await assert.rejects(
    startGateway({ config: { tlsCert: '/nowhere/cert.pem', tlsKey: '/nowhere/key.pem' } }),
    /--tls-cert: \/nowhere\/cert\.pem cannot be read \(ENOENT\)/,
  );
});

test('draining finishes what is under way and takes nothing new', async () => {
  const arrived = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const slow: Route = {
    method: 'GET',
    path: '/v1/slow',
    access: 'public',
    summary: 'Waits',
    tag: 'test',
    schema: { response: { 200: Type.Object({ done: Type.Boolean() }) } },
    problems: [],
    handle: async () => {
      arrived.resolve();
      await release.promise;
      return { kind: 'json', status: 200, body: { done: true } };
    },
  };
  const gateway = await startGateway({ routes: [slow] });
  const answer = fetch(`${gateway.address}/v1/slow`);
  await arrived.promise;
  const drained = gateway.service.drain();
  await assert.rejects(fetch(`${gateway.address}/healthz`));
  release.resolve();
  assert.deepEqual(await (await answer).json(), { done: true });
  await drained;
  await gateway.stop();
});

test('the OpenAPI document is 3.1, closed like the validation, and names problems and credentials', async () => {
  const gateway = await start();
  const document = (await (await fetch(`${gateway.address}/openapi.json`)).json()) as {
    readonly openapi: string;
    readonly paths: Record<
      string,
      Record<
        string,
        {
          readonly requestBody: unknown;
          readonly responses: Record<string, unknown>;
          readonly security: unknown;
        }
      >
    >;
    readonly components: { readonly schemas: Record<string, unknown> };
  };
  assert.equal(document.openapi, '3.1.0');
  assert.equal(document.paths['/operator/status'], undefined);
  const echo = document.paths['/v1/echo/{id}']?.['post'];
  assert.ok(echo !== undefined);
  assert.match(JSON.stringify(echo.requestBody), /"additionalProperties":false/);
  assert.deepEqual(echo.security, [{ bearer: [] }, { keyId: [], keySecret: [] }]);
  assert.match(
    JSON.stringify(echo.responses['401']),
    /application\/problem\+json.*#\/components\/schemas\/Problem/,
  );
  assert.ok('Problem' in document.components.schemas);
});

test('the page and the docs are served with a policy that lets in nothing from elsewhere', async () => {
  const gateway = await start();
  for (const path of ['/', '/page/page.js', '/page/page.css', '/docs', '/docs/errors']) {
    const response = await fetch(gateway.address + path);
    assert.equal(response.status, 200, path);
    const policy = response.headers.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'none'/, path);
    assert.doesNotMatch(policy, /https?:/, path);
    await response.body?.cancel();
  }
});
