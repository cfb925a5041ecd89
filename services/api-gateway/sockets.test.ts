/** Sockets at the gateway's door: who gets in, with what, and how it ends. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import type { SocketConnection, SocketRoute } from '#infrastructure/core/http.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Timers } from '#infrastructure/core/runtime.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { eventually } from '#tests/e2e/eventually.ts';
import { ACCOUNT, CREDENTIALS, type Gateway, KEY_ID, SECRET, startGateway } from './gateway.testing.ts';

const PATH = '/v1/marketdata/websocket';
let gateway: Gateway;
let accepted: SocketConnection[];

/** Answers each frame with itself; `bug` throws. */
const echoRoute: SocketRoute = {
  path: PATH,
  maxFrameBytes: 100,
  isFull: () => false,
  tokenIn: (text) => (text.startsWith('key ') ? text.slice('key '.length) : null),
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

  test('another scheme, a wrong key, and a made-up ticket open nothing', async () => {
    const wrong = `base64url.bearer.phx.${Buffer.from(`${KEY_ID}.wrong`).toString('base64url')}`;
    assert.equal(await refusal(open(PATH, [], { authorization: 'Basic eDp5' })), 'UNAUTHENTICATED');
    assert.equal(await refusal(open(PATH, ['phoenix', wrong])), 'UNAUTHENTICATED');
    assert.equal(await refusal(open(`${PATH}?ticket=${'x'.repeat(43)}`)), 'UNAUTHENTICATED');
  });
});

/** What the gauge says; the gateway counts a socket after the client knows that it is open or closed. */
async function untilCounted(sockets: number): Promise<void> {
  await eventually(`${sockets} sockets are counted`, async () => {
    const text = await (await fetch(`${gateway.address}/metrics`)).text();
    return text.includes(`\nwebsocket_connections ${sockets}\n`) ? true : null;
  });
}

describe('the key in the first message', () => {
  const FIRST = `key ${KEY_ID}.${SECRET}`;

  test('lets in, the service gets that message and those behind it, and the log nothing', async () => {
    const socket = await opened(open(PATH));
    assert.equal(accepted.length, 0);
    const heard: string[] = [];
    const both = new Promise<void>((resolve) => {
      socket.on('message', (data) => {
        if (heard.push(String(data)) === 2) resolve();
      });
    });
    socket.send(FIRST);
    socket.send('hello');
    await both;
    assert.deepEqual(heard, [FIRST, 'hello']);
    assert.deepEqual(accepted[0]?.principal, { kind: 'api-key', keyId: KEY_ID, accountId: ACCOUNT });
    socket.close();
    await closed(socket);
    assert.ok(!JSON.stringify(gateway.logged).includes(SECRET));
  });

  test('no key, a wrong one, and no token end it with 4001, unseen by the service', async () => {
    for (const first of ['hello', `key ${KEY_ID}.wrong`, 'key nonsense']) {
      const socket = await opened(open(PATH));
      socket.send(first);
      socket.send(FIRST);
      assert.equal(await closed(socket), 4001, first);
    }
    assert.equal(accepted.length, 0);
  });

  test('those who have not sent it yet are counted as open, and once when they have', async () => {
    const gone = await opened(open(PATH));
    const stays = await opened(open(PATH));
    await untilCounted(2);
    gone.close();
    await untilCounted(1);
    stays.send(FIRST);
    await once(stays, 'message');
    const known = await opened(open(PATH, ['phoenix', bearerProtocol]));
    await untilCounted(2);
    stays.close();
    await untilCounted(1);
    known.close();
    await untilCounted(0);
  });

  test('it must come in time', async () => {
    await gateway.stop();
    const late = Promise.withResolvers<void>();
    const runtime = createSystemRuntime();
    const sleep: Timers['sleep'] = (durationMs, signal) =>
      durationMs === 10_000 ? late.promise : runtime.timers.sleep(durationMs, signal);
    gateway = await startGateway({
      socketRoutes: [echoRoute],
      runtime: { ...runtime, timers: { ...runtime.timers, sleep } },
    });
    const inTime = await opened(open(PATH));
    inTime.send(FIRST);
    await once(inTime, 'message');
    const silent = await opened(open(PATH));
    late.resolve();
    assert.equal(await closed(silent), 4001);
    inTime.send('still here');
    await once(inTime, 'message');
    inTime.close();
  });

  test('no more may wait for it than the limit says; a key at the door is not held up by them', async () => {
    await gateway.stop();
    gateway = await startGateway({
      socketRoutes: [echoRoute],
      config: { maxSocketsUnauthenticated: 1, maxSocketsPerKey: 2 },
    });
    const first = await opened(open(PATH));
    assert.equal(await refusal(open(PATH)), 'LIMIT_REACHED');
    await opened(open(PATH, ['phoenix', bearerProtocol]));
    first.send(FIRST);
    await once(first, 'message');
    const second = await opened(open(PATH));
    second.send(FIRST);
    assert.equal(await closed(second), 4014, 'the key has two sockets already');
    (await opened(open(PATH))).close();
  });

  test('a key store that is down lets nobody in, and says when to come again', async () => {
    await gateway.stop();
    const find = async () => {
      throw new OperatingError('DATABASE_DOWN', 'the database is down', { retry: 'retry' });
    };
    gateway = await startGateway({ socketRoutes: [echoRoute], keyStore: { find } });
    const socket = await opened(open(PATH));
    socket.send(FIRST);
    assert.equal(await closed(socket), 1013);
    assert.equal(accepted.length, 0);
  });

  test('draining says goodbye to those who wait, too', async () => {
    const socket = await opened(open(PATH));
    const end = closed(socket);
    await gateway.service.drain();
    assert.equal(await end, 1001);
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
