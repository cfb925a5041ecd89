/**
 * Every public route of the whole program, from its own OpenAPI document: who may call it, and what garbage gets.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { PROBLEMS } from '#infrastructure/core/problem.ts';
import { type RunningHall, startHall } from './composition.testing.ts';

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
}
interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly security?: readonly unknown[];
  readonly requestBody?: {
    readonly content: {
      readonly 'application/json': { readonly schema: { readonly properties?: Record<string, unknown> } };
    };
  };
}
interface OpenRoute {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

const OTHER_ACCOUNT = '99999999-9999-4999-8999-999999999999';
let hall: RunningHall;
let routes: readonly OpenRoute[];
let credentials: Readonly<Record<string, string>>;
let accountId: string;

before(async () => {
  hall = await startHall({ feed: 'simulated' });
  const opened = (await hall.operator.call('POST', '/operator/accounts', { name: 'fuzz', cash: '1000' })) as {
    readonly accountId: string;
  };
  accountId = opened.accountId;
  const key = (await hall.operator.call('POST', `/operator/accounts/${accountId}/keys`)) as {
    readonly keyId: string;
    readonly secret: string;
  };
  credentials = { authorization: `Bearer ${key.keyId}.${key.secret}` };
  const document = (await (await fetch(`${hall.address}/openapi.json`)).json()) as {
    readonly paths: Record<string, Record<string, Operation>>;
  };
  routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
});
after(async () => {
  await hall?.stop();
});

function isPublic(route: OpenRoute): boolean {
  return (route.operation.security ?? []).length === 0;
}

function send(
  route: OpenRoute,
  path: string,
  headers: Readonly<Record<string, string>>,
  body?: string,
): Promise<Response> {
  return fetch(hall.address + path, {
    method: route.method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body }),
  });
}

function fillPath(route: OpenRoute, value: string): string {
  return route.path.replaceAll(/\{[^}]+\}/g, encodeURIComponent(value));
}

/** Whatever is refused is refused in the one shape, with a code of the table, and never as a bug. */
async function assertAnswered(response: Response, what: string): Promise<void> {
  const text = await response.text();
  assert.notEqual(response.status, 500, `${what}: ${text}`);
  if (response.status < 400) return;
  assert.match(response.headers.get('content-type') ?? '', /^application\/problem\+json/, what);
  const problem = JSON.parse(text) as {
    readonly code: keyof typeof PROBLEMS;
    readonly status: number;
    readonly errors?: unknown;
  };
  assert.equal(PROBLEMS[problem.code]?.status, response.status, `${what}: ${text}`);
  if (problem.code === 'INVALID_REQUEST')
    assert.ok(Array.isArray(problem.errors) && problem.errors.length > 0, what);
}

describe('who may call', () => {
  test('the document names the routes of every service', () => {
    const paths = new Set(routes.map((route) => route.path));
    for (const path of [
      '/v1/orders',
      '/v1/portfolio/{userId}',
      '/v1/trades/search',
      '/v1/symbols',
      '/v1/tickets',
    ]) {
      assert.ok(paths.has(path), `${path} is missing`);
    }
    assert.ok(![...paths].some((path) => path.startsWith('/operator')));
  });

  test('only health and figures are open; everything else wants a key, and a right one', async () => {
    const open = routes.filter(isPublic).map((route) => route.path);
    assert.deepEqual(open.sort(), ['/healthz', '/metrics', '/readyz']);
    for (const route of routes.filter((candidate) => !isPublic(candidate))) {
      for (const headers of [
        {},
        { authorization: 'Bearer no.key' },
        { authorization: 'Basic eDp5' },
        { 'apca-api-key-id': 'x' },
      ]) {
        const response = await send(
          route,
          fillPath(route, accountId),
          headers,
          route.operation.requestBody ? '{}' : undefined,
        );
        assert.equal(response.status, 401, `${route.method} ${route.path}`);
        await response.body?.cancel();
      }
    }
  });

  test("another's account is out of reach on every route that names one", async () => {
    const naming = routes.filter(
      (route) =>
        route.path.includes('{userId}') || route.operation.parameters?.some(({ name }) => name === 'userId'),
    );
    assert.ok(naming.length >= 3);
    for (const route of naming) {
      const query = route.path.includes('{userId}') ? '' : `?userId=${OTHER_ACCOUNT}`;
      const response = await send(route, fillPath(route, OTHER_ACCOUNT) + query, credentials);
      assert.equal(response.status, 403, `${route.method} ${route.path}`);
      await response.body?.cancel();
    }
  });
});

const garbageText = fc.oneof(
  fc.string({ maxLength: 60, unit: 'binary' }),
  fc.constantFrom(
    '',
    '0',
    '-1',
    '1e400',
    'NaN',
    'null',
    '__proto__',
    "' OR 1=1 --",
    '%00',
    '../../etc/passwd',
    '9'.repeat(300),
    '𝒳',
    '\u0000',
  ),
  fc.integer().map(String),
);
const garbageValue = fc.oneof(
  garbageText,
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(null, true, -0, 1e308, [], {}),
);

function garbageQuery(route: OpenRoute): fc.Arbitrary<string> {
  const names = (route.operation.parameters ?? [])
    .filter((parameter) => parameter.in === 'query')
    .map(({ name }) => name);
  const name = names.length === 0 ? garbageText : fc.oneof(fc.constantFrom(...names), garbageText);
  return fc
    .array(fc.tuple(name, garbageText), { maxLength: 4 })
    .map((pairs) =>
      pairs.map((pair) => pair.map((part) => encodeURIComponent(part.toWellFormed())).join('=')).join('&'),
    );
}

function garbageBody(route: OpenRoute): fc.Arbitrary<string | undefined> {
  const { requestBody } = route.operation;
  if (requestBody === undefined) return fc.constant(undefined);
  const names = Object.keys(requestBody.content['application/json'].schema.properties ?? {});
  const name =
    names.length === 0
      ? garbageText
      : fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...names) }, garbageText);
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc.dictionary(name, garbageValue, { maxKeys: 8 }).map((body) => JSON.stringify(body)),
    },
    {
      weight: 2,
      arbitrary: fc
        .dictionary(name, garbageValue, { maxKeys: 6 })
        .map((body) => JSON.stringify({ symbol: 'AAPL', side: 'BUY', quantity: '1', ...body })),
    },
    { weight: 1, arbitrary: garbageText },
  );
}

test('garbage in any path, query or body is refused by name, never a bug', async () => {
  const requests = fc.constantFrom(...routes).chain((route) =>
    fc.record({
      route: fc.constant(route),
      part: fc.oneof(garbageText, fc.constant(accountId)),
      query: garbageQuery(route),
      body: garbageBody(route),
    }),
  );
  await fc.assert(
    fc.asyncProperty(requests, async ({ route, part, query, body }) => {
      const path = fillPath(route, part.toWellFormed());
      const response = await send(route, query === '' ? path : `${path}?${query}`, credentials, body);
      await assertAnswered(response, `${route.method} ${path}?${query} ${body}`);
    }),
    { numRuns: 1_200 },
  );
  assert.deepEqual(hall.crashes, []);
});
