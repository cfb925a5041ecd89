/** The gateway from outside, over real HTTP: what passes, what is refused, and in which words. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Type } from 'typebox';
import type { Route } from '#infrastructure/core/http.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { ACCOUNT, CREDENTIALS, type Gateway, KEY_ID, SECRET, startGateway } from './gateway.testing.ts';

interface ProblemBody {
  readonly code: string;
  readonly status: number;
  readonly detail: string;
  readonly requestId: string;
  readonly errors?: readonly { readonly field: string; readonly rule: string }[];
}

const failing = (path: string, error: unknown): Route => ({
  method: 'GET',
  path,
  access: 'public',
  summary: 'Fails',
  tag: 'test',
  schema: { response: { 200: Type.Object({}) } },
  problems: [],
  handle: async () => {
    throw error;
  },
});

let gateway: Gateway;

before(async () => {
  gateway = await startGateway({
    routes: [
      failing('/v1/bug', new Error('a bug with details')),
      failing('/v1/down', new OperatingError('STORE_DOWN', 'the store is down', { retry: 'retry' })),
      failing(
        '/v1/unknown',
        new OperatingError('STORE_TIMEOUT', 'the store timed out', { retry: 'unknown' }),
      ),
    ],
  });
});
after(() => gateway.stop());

function echo(body: string | object, path = '/v1/echo/7', headers: Record<string, string> = CREDENTIALS) {
  return fetch(gateway.address + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** All that comes back for these bytes. */
function answerTo(bytes: string): Promise<string> {
  const { hostname, port } = new URL(gateway.address);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    let received = '';
    socket.on('data', (chunk) => {
      received += String(chunk);
    });
    socket.on('end', () => resolve(received));
    socket.on('error', reject);
  });
}

async function problemOf(response: Response): Promise<ProblemBody> {
  assert.match(response.headers.get('content-type') ?? '', /^application\/problem\+json/);
  const body = (await response.json()) as ProblemBody;
  assert.equal(body.status, response.status);
  assert.equal(body.requestId, response.headers.get('x-request-id'));
  return body;
}

async function refusedBody(
  response: Promise<Response>,
  code: string,
  field?: string,
  rule?: string,
): Promise<ProblemBody> {
  const body = await problemOf(await response);
  assert.equal(body.code, code, JSON.stringify(body));
  if (field !== undefined) {
    assert.ok(
      body.errors?.some((error) => error.field === field && error.rule === rule),
      JSON.stringify(body.errors),
    );
  }
  return body;
}

async function refused(...given: Parameters<typeof refusedBody>): Promise<void> {
  await refusedBody(...given);
}

const GOOD = { symbol: 'AAPL', side: 'BUY' };

describe('a request that is right', () => {
  test('reaches its handler with numbers from path and query, defaults, and who calls', async () => {
    const response = await echo({ ...GOOD, quantity: '1.5' }, '/v1/echo/7?deep=true');
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), {
      params: { id: 7 },
      query: { limit: 5, deep: true },
      body: { ...GOOD, quantity: '1.5' },
      principal: { kind: 'api-key', keyId: KEY_ID, accountId: ACCOUNT },
    });
  });

  test('passes with the two APCA headers as well', async () => {
    const headers = { 'APCA-API-KEY-ID': KEY_ID, 'APCA-API-SECRET-KEY': SECRET };
    assert.equal((await echo(GOOD, '/v1/echo/7', headers)).status, 200);
  });

  test('keeps a sane request id, and gets another for one that is not', async () => {
    const kept = await echo(GOOD, '/v1/echo/7', { ...CREDENTIALS, 'x-request-id': 'mine-1' });
    assert.equal(kept.headers.get('x-request-id'), 'mine-1');
    const replaced = await echo(GOOD, '/v1/echo/7', { ...CREDENTIALS, 'x-request-id': 'no spaces <b>' });
    assert.match(replaced.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
  });

  test('is answered with the security headers', async () => {
    const { headers } = await echo(GOOD);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/);
    assert.equal(headers.get('cache-control'), 'no-store');
  });
});

describe('a request that is wrong names field and rule', () => {
  test('a missing field', () => refused(echo({ side: 'BUY' }), 'INVALID_REQUEST', 'symbol', 'required'));
  test('an unknown field', () =>
    refused(echo({ ...GOOD, quantiti: '1' }), 'INVALID_REQUEST', 'quantiti', 'additionalProperties'));
  test('an unknown nested field', () =>
    refused(
      echo({ ...GOOD, nested: { price: '1', stop: '2' } }),
      'INVALID_REQUEST',
      'nested.stop',
      'additionalProperties',
    ));
  test('a field of another type: a number is no text', () =>
    refused(echo({ ...GOOD, quantity: 5 }), 'INVALID_REQUEST', 'quantity', 'type'));
  test('a value outside the enumeration', () =>
    refused(echo({ ...GOOD, side: 'HOLD' }), 'INVALID_REQUEST', 'side', 'enum'));
  test('a pattern', () => refused(echo({ ...GOOD, symbol: 'aapl' }), 'INVALID_REQUEST', 'symbol', 'pattern'));
  test('a path parameter', () => refused(echo(GOOD, '/v1/echo/101'), 'INVALID_REQUEST', 'id', 'maximum'));
  test('a path parameter that is no number', () =>
    refused(echo(GOOD, '/v1/echo/1e1'), 'INVALID_REQUEST', 'id', 'type'));
  test('a query parameter', () =>
    refused(echo(GOOD, '/v1/echo/7?limit=11'), 'INVALID_REQUEST', 'limit', 'maximum'));
  test('a query parameter given twice', () =>
    refused(echo(GOOD, '/v1/echo/7?limit=1&limit=2'), 'INVALID_REQUEST', 'limit', 'single'));
  test('an unknown query parameter', () =>
    refused(echo(GOOD, '/v1/echo/7?limt=1'), 'INVALID_REQUEST', 'limt', 'additionalProperties'));
  test('a header that must be single, given twice', async () => {
    const { host } = new URL(gateway.address);
    const body = JSON.stringify(GOOD);
    const plain = [
      `Host: ${host}`,
      `Authorization: Bearer ${KEY_ID}.${SECRET}`,
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      'Connection: close',
    ];
    const send = (...more: readonly string[]) =>
      answerTo(`POST /v1/echo/7 HTTP/1.1\r\n${[...plain, ...more].join('\r\n')}\r\n\r\n${body}`);
    assert.match(await send('X-Idempotency-Key: one', 'Accept: a', 'Accept: b'), /^HTTP\/1\.1 200 /);
    for (const more of [
      ['X-Idempotency-Key: one', 'x-idempotency-key: two'],
      ['X-Idempotency-Key: one', 'X-Idempotency-Key: one'],
      ['AUTHORIZATION: Bearer another.key'],
      ['Content-Type: application/json'],
      ['Host: elsewhere'],
    ]) {
      const answer = await send(...more);
      assert.match(answer, /^HTTP\/1\.1 400 .*"code":"INVALID_REQUEST"/s);
      const name = more[0]?.split(':')[0]?.toLowerCase();
      assert.ok(answer.includes(`"errors":[{"field":"${name}","rule":"single"`), answer);
    }
  });
  test('several at once are all named', async () => {
    const body = await refusedBody(echo({ side: 'HOLD', extra: 1 }, '/v1/echo/0'), 'INVALID_REQUEST');
    assert.deepEqual(body.errors?.map((error) => error.field).sort(), ['extra', 'id', 'side', 'symbol']);
  });
  test('no body', () =>
    refused(
      fetch(`${gateway.address}/v1/echo/7`, { method: 'POST', headers: CREDENTIALS }),
      'INVALID_REQUEST',
      'body',
      'required',
    ));
});

describe('a body that cannot be read is refused', () => {
  test('no JSON', () => refused(echo('{"symbol":'), 'MALFORMED_JSON', 'body', 'json'));
  test('a member given twice', () =>
    refused(echo('{"symbol":"AAPL","side":"BUY","symbol":"MSFT"}'), 'MALFORMED_JSON', 'symbol', 'duplicate'));
  test('a member given twice, once in escapes', () =>
    refused(
      echo('{"symbol":"AAPL","side":"BUY","\\u0073ymbol":"MSFT"}'),
      'MALFORMED_JSON',
      'symbol',
      'duplicate',
    ));
  test('__proto__', () =>
    refused(echo('{"__proto__":{"symbol":"X"}}'), 'MALFORMED_JSON', '__proto__', 'forbiddenName'));
  test('nesting too deep', () =>
    refused(echo('['.repeat(17) + ']'.repeat(17)), 'MALFORMED_JSON', 'body', 'maxDepth'));
  test('too large', () => refused(echo({ ...GOOD, quantity: 'x'.repeat(70_000) }), 'BODY_TOO_LARGE'));
  test('another charset, which is named', async () => {
    const typed = (type: string) => echo(GOOD, '/v1/echo/7', { ...CREDENTIALS, 'content-type': type });
    for (const charset of ['utf-16', 'UTF-16LE', '"iso-8859-1"']) {
      const body = await refusedBody(typed(`application/json; charset=${charset}`), 'UNSUPPORTED_MEDIA_TYPE');
      assert.ok(body.detail.includes(charset.replaceAll('"', '')), body.detail);
    }
    for (const type of ['application/json; charset=UTF-8', 'application/json;charset="utf-8"; x=y'])
      assert.equal((await typed(type)).status, 200);
  });
  test('another media type', () =>
    refused(
      fetch(`${gateway.address}/v1/echo/7`, {
        method: 'POST',
        headers: { ...CREDENTIALS, 'content-type': 'text/plain' },
        body: 'x',
      }),
      'UNSUPPORTED_MEDIA_TYPE',
    ));
});

describe('an address that is wrong', () => {
  test('nothing there', () => refused(fetch(`${gateway.address}/v1/nothing`), 'NOT_FOUND'));
  test('another method is 405, with Allow', async () => {
    const response = await fetch(`${gateway.address}/v1/echo/7`, { method: 'PUT' });
    assert.equal((await problemOf(response)).code, 'METHOD_NOT_ALLOWED');
    assert.equal(response.headers.get('allow'), 'POST');
  });
  test('one that cannot be decoded', () =>
    refused(fetch(`${gateway.address}/v1/echo/%E0%A4%A`), 'MALFORMED_REQUEST'));
  test('operator routes are not on the public address', () =>
    refused(fetch(`${gateway.address}/operator/status`), 'NOT_FOUND'));
  test('bytes that are no HTTP get a problem, too', async () => {
    const text = await answerTo('NONSENSE\r\n\r\n');
    assert.match(text, /^HTTP\/1\.1 400 /);
    assert.match(text, /"code":"MALFORMED_REQUEST"/);
  });
});

test('a handler can see that its client has hung up, and not before', { timeout: 30_000 }, async () => {
  const { timers } = createSystemRuntime();
  const asked = Promise.withResolvers<boolean>();
  const abandoned = Promise.withResolvers<void>();
  const waiting: Route = {
    ...failing('/v1/waiting', null),
    async handle({ isAbandoned }) {
      asked.resolve(isAbandoned());
      while (!isAbandoned()) await timers.yieldTurn();
      abandoned.resolve();
      return { kind: 'json', status: 200, body: {} };
    },
  };
  const own = await startGateway({ routes: [waiting] });
  const hangUp = new AbortController();
  const answer = fetch(`${own.address}/v1/waiting`, { signal: hangUp.signal });
  assert.equal(await asked.promise, false);
  hangUp.abort();
  await assert.rejects(answer);
  await abandoned.promise;
  await own.stop();
});

describe('failures behind the gateway', () => {
  test('a bug is a 500 without its details, which are in the log', async () => {
    const body = await refusedBody(fetch(`${gateway.address}/v1/bug`), 'INTERNAL');
    assert.doesNotMatch(JSON.stringify(body), /details/);
    assert.ok(
      gateway.logged.some((entry) => entry.level === 'error' && entry.fields['requestId'] === body.requestId),
    );
  });
  test('a store that is down is a 503 with a hint when to retry', async () => {
    const response = await fetch(`${gateway.address}/v1/down`);
    assert.equal((await problemOf(response)).code, 'DEPENDENCY_UNAVAILABLE');
    assert.equal(response.headers.get('retry-after'), '1');
  });
  test('an unknown outcome says so', () =>
    refused(fetch(`${gateway.address}/v1/unknown`), 'OUTCOME_UNKNOWN'));
});

describe('health', () => {
  test('alive and ready', async () => {
    assert.equal((await fetch(`${gateway.address}/healthz`)).status, 200);
    assert.deepEqual(await (await fetch(`${gateway.address}/readyz`)).json(), { ready: true, reasons: [] });
  });
  test('not ready, with the reasons', async () => {
    gateway.setReadiness({ ready: false, reasons: ['fake: catching up'] });
    const response = await fetch(`${gateway.address}/readyz`);
    gateway.setReadiness({ ready: true });
    assert.equal(response.status, 503);
    assert.deepEqual(await response.json(), { ready: false, reasons: ['fake: catching up'] });
  });
  test('metrics count requests by route, never by address', async () => {
    await echo(GOOD);
    const text = await (await fetch(`${gateway.address}/metrics`)).text();
    assert.match(
      text,
      /http_request_duration_seconds_count\{method="POST",route="\/v1\/echo\/:id",status="200"\} [1-9]/,
    );
  });
});

describe("the operator's socket", () => {
  function operator(
    method: string,
    path: string,
  ): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
    return new Promise((resolve, reject) => {
      const request = httpRequest({ socketPath: gateway.socketPath, method, path }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += String(chunk);
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
      });
      request.on('error', reject);
      request.end();
    });
  }

  test('is for its owner only', () => {
    assert.equal(statSync(gateway.socketPath).mode & 0o777, 0o600);
  });
  test('has no public routes', async () => {
    assert.equal((await operator('GET', '/healthz')).status, 404);
  });
  test('shows the status of every target', async () => {
    const { status, body } = await operator('GET', '/operator/status');
    assert.equal(status, 200);
    const targets = body['targets'] as readonly { name: string; status: unknown }[];
    assert.deepEqual(targets.find((target) => target.name === 'fake')?.status, { answer: 42 });
  });
  test('makes a key that works at once, keeps only its hash, and revokes it at once', async () => {
    const made = await operator('POST', `/operator/accounts/${ACCOUNT}/keys`);
    assert.equal(made.status, 201);
    const { keyId, secret } = made.body as { keyId: string; secret: string };
    assert.doesNotMatch(JSON.stringify([...gateway.keys.values()]), new RegExp(secret));
    const headers = { authorization: `Bearer ${keyId}.${secret}` };
    assert.equal((await echo(GOOD, '/v1/echo/7', headers)).status, 200);
    assert.equal((await operator('DELETE', `/operator/keys/${keyId}`)).status, 200);
    await refused(echo(GOOD, '/v1/echo/7', headers), 'UNAUTHENTICATED');
    const again = await operator('DELETE', `/operator/keys/${keyId}`);
    assert.equal(again.body['code'], 'KEY_NOT_FOUND');
    const listed = await operator('GET', `/operator/accounts/${ACCOUNT}/keys`);
    assert.doesNotMatch(JSON.stringify(listed.body), /secret/i);
  });
  test('makes no key for an account that does not exist', async () => {
    const made = await operator('POST', '/operator/accounts/22222222-2222-4222-8222-222222222222/keys');
    assert.equal(made.body['code'], 'ACCOUNT_NOT_FOUND');
  });
});
