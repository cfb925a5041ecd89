/** Sockets at the gateway's door: who gets in, with what, and how it ends. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import type { SocketConnection, SocketRoute } from '#infrastructure/core/http.ts';
import { ACCOUNT, CREDENTIALS, type Gateway, KEY_ID, SECRET, startGateway } from './gateway.testing.ts';

const PATH = '/v1/marketdata/websocket';
let gateway: Gateway;
let accepted: SocketConnection[];

/** Answers each frame with itself; `bug` throws. */
const echoRoute: SocketRoute = {
  path: PATH,
  maxFrameBytes: 100,
  accept: (connection) => {
    accepted.push(connection);
    return {
      onMessage: (text) => {
        if (text === 'bug') throw new Error('a bug');
        connection.send(text);
      },
      onClose: () => {},
    };
  },
};

beforeEach(async () => {
  accepted = [];
  gateway = await startGateway({ socketRoutes: [echoRoute], config: { maxSocketsPerKey: 2 } });
});
afterEach(() => gateway.stop());

const bearerProtocol = `base64url.bearer.phx.${Buffer.from(`${KEY_ID}.${SECRET}`).toString('base64url')}`;

function open(path: string, protocols: string[] = [], headers: Record<string, string> = {}): WebSocket {
  return new WebSocket(gateway.address.replace('http', 'ws') + path, protocols, { headers });
}

async function opened(socket: WebSocket): Promise<WebSocket> {
  await once(socket, 'open');
  return socket;
}

/** The problem's code with which the door stays shut. */
function refusal(socket: WebSocket): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.on('error', () => {});
    socket.on('open', () => reject(new Error('the socket opened')));
    socket.on('unexpected-response', (_request, response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += String(chunk);
      });
      response.on('end', () => resolve((JSON.parse(text) as { readonly code: string }).code));
    });
  });
}

async function ticket(): Promise<string> {
  const response = await fetch(`${gateway.address}/v1/tickets`, { method: 'POST', headers: CREDENTIALS });
  assert.equal(response.status, 201);
  return ((await response.json()) as { readonly ticket: string }).ticket;
}

async function closed(socket: WebSocket): Promise<number> {
  const [code] = (await once(socket, 'close')) as [number];
  return code;
}

describe('credentials', () => {
  test("the Phoenix client's subprotocol opens, and `phoenix` is what is agreed on", async () => {
    const socket = await opened(open(`${PATH}?vsn=2.0.0`, ['phoenix', bearerProtocol]));
    assert.equal(socket.protocol, 'phoenix');
    assert.deepEqual(accepted[0]?.principal, { kind: 'api-key', keyId: KEY_ID, accountId: ACCOUNT });
    assert.deepEqual(accepted[0]?.connectParameters, { vsn: '2.0.0' });
    socket.close();
  });

  test('a ticket opens once, and is not handed on to the service', async () => {
    const given = await ticket();
    const socket = await opened(open(`${PATH}?ticket=${given}&vsn=2.0.0`));
    assert.deepEqual(accepted[0]?.connectParameters, { vsn: '2.0.0' });
    assert.equal(await refusal(open(`${PATH}?ticket=${given}`)), 'UNAUTHENTICATED');
    socket.close();
  });

  test('a ticket of a key that has been revoked since opens nothing', async () => {
    const given = await ticket();
    const key = gateway.keys.get(KEY_ID);
    assert.ok(key !== undefined);
    gateway.keys.set(KEY_ID, { ...key, revokedAtMs: 1 });
    assert.equal(await refusal(open(`${PATH}?ticket=${given}`)), 'UNAUTHENTICATED');
  });

  test('none, a wrong key, and a made-up ticket open nothing', async () => {
    const wrong = `base64url.bearer.phx.${Buffer.from(`${KEY_ID}.wrong`).toString('base64url')}`;
    assert.equal(await refusal(open(PATH)), 'UNAUTHENTICATED');
    assert.equal(await refusal(open(PATH, ['phoenix', wrong])), 'UNAUTHENTICATED');
    assert.equal(await refusal(open(`${PATH}?ticket=${'x'.repeat(43)}`)), 'UNAUTHENTICATED');
  });
});

describe('the door', () => {
  test("another site's page is refused, our own is not", async () => {
    const there = open(PATH, ['phoenix', bearerProtocol], { origin: 'https://evil.example' });
    assert.equal(await refusal(there), 'ORIGIN_NOT_ALLOWED');
    (await opened(open(PATH, ['phoenix', bearerProtocol], { origin: gateway.address }))).close();
  });

  test('an address without a socket is refused', async () => {
    assert.equal(await refusal(open('/v1/other', ['phoenix', bearerProtocol])), 'NOT_FOUND');
  });

  test('more sockets than a key may have are refused, until one closes', async () => {
    const first = await opened(open(PATH, ['phoenix', bearerProtocol]));
    const second = await opened(open(PATH, ['phoenix', bearerProtocol]));
    assert.equal(await refusal(open(PATH, ['phoenix', bearerProtocol])), 'LIMIT_REACHED');
    first.close();
    await closed(first);
    (await opened(open(PATH, ['phoenix', bearerProtocol]))).close();
    second.close();
  });
});

describe('frames', () => {
  test('text comes and goes', async () => {
    const socket = await opened(open(PATH, ['phoenix', bearerProtocol]));
    socket.send('hello');
    const [data] = (await once(socket, 'message')) as [Buffer];
    assert.equal(data.toString(), 'hello');
    socket.close();
  });

  test('a frame too large, a binary frame, and a bug each end the socket with their own code', async () => {
    for (const [frame, code] of [
      ['x'.repeat(101), 1009],
      [Buffer.from([1, 2]), 1003],
      ['bug', 1011],
    ] as const) {
      const socket = await opened(open(PATH, ['phoenix', bearerProtocol]));
      socket.send(frame);
      assert.equal(await closed(socket), code);
    }
  });

  test('draining says goodbye with 1001', async () => {
    const socket = await opened(open(PATH, ['phoenix', bearerProtocol]));
    const end = closed(socket);
    await gateway.service.drain();
    assert.equal(await end, 1001);
  });
});
