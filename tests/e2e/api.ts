/** Tradehall's API as a client without an SDK uses it: JSON over keep-alive connections, and the operator's socket. */
import assert from 'node:assert/strict';
import { Client, Pool } from 'undici';
import { findOperatorSocket } from '#infrastructure/core/operator-socket.ts';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** The header Retry-After. */
  readonly retryAfter: string | null;
}

export interface Api {
  request(method: 'GET' | 'POST' | 'DELETE', path: string, options?: RequestOptions): Promise<Answer>;
  close(): Promise<void>;
}

export interface RequestOptions {
  /** `keyId.secret`. */
  readonly credential?: string;
  readonly idempotencyKey?: string;
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly rawBody?: string;
}

type Dispatcher = Client | Pool;

async function send(
  via: Dispatcher,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  options: RequestOptions,
): Promise<Answer> {
  const { credential, idempotencyKey, body, rawBody } = options;
  const text = rawBody ?? (body === undefined ? null : JSON.stringify(body));
  const response = await via.request({
    method,
    path,
    headers: {
      ...(credential === undefined ? {} : { authorization: `Bearer ${credential}` }),
      ...(idempotencyKey === undefined ? {} : { 'x-idempotency-key': idempotencyKey }),
      ...(text === null ? {} : { 'content-type': 'application/json' }),
    },
    body: text,
  });
  const answer = await response.body.text();
  const retryAfter = response.headers['retry-after'];
  return {
    status: response.statusCode,
    body: answer === '' ? null : parseJson(answer),
    retryAfter: typeof retryAfter === 'string' ? retryAfter : null,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // Not everything is JSON: /metrics and the page are text.
  }
}

export function connect(url: string, connections = 16): Api {
  const pool = new Pool(url, { connections, pipelining: 1, headersTimeout: 30_000, bodyTimeout: 30_000 });
  return {
    request: (method, path, options = {}) => send(pool, method, path, options),
    close: () => pool.destroy(),
  };
}

/** Every one in turn, as a client behind a balancer sees them. */
export function connectToAll(urls: readonly string[], connections?: number): Api {
  const apis = urls.map((url) => connect(url, connections));
  let turn = 0;
  return {
    request(...request) {
      const api = apis[turn % apis.length];
      assert.ok(api !== undefined);
      turn += 1;
      return api.request(...request);
    },
    close: async () => {
      await Promise.all(apis.map((api) => api.close()));
    },
  };
}

/** The local socket of a running instance. */
export function connectOperator(dataFolder: string): Api {
  const client = new Client('http://operator', { socketPath: findOperatorSocket(dataFolder), pipelining: 1 });
  return {
    request: (method, path, options = {}) => send(client, method, path, options),
    close: () => client.destroy(),
  };
}

/** A member of a JSON object; fails with the whole object when it is not there. */
export function member(of: unknown, name: string): unknown {
  assert.ok(
    typeof of === 'object' && of !== null && name in of,
    `${name} is missing in ${JSON.stringify(of)}`,
  );
  return (of as Readonly<Record<string, unknown>>)[name];
}

export function textMember(of: unknown, name: string): string {
  const value = member(of, name);
  assert.ok(typeof value === 'string', `${name} is no text in ${JSON.stringify(of)}`);
  return value;
}

export function listMember(of: unknown, name: string): readonly unknown[] {
  const value = member(of, name);
  assert.ok(Array.isArray(value), `${name} is no list in ${JSON.stringify(of)}`);
  return value;
}
