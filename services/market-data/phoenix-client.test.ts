/** The official Phoenix client, unchanged, over a real WebSocket, in both serialisations. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type Channel, Socket } from 'phoenix';
import { WebSocketServer } from 'ws';
import { ingested, type Opened, openParts, priceReaches, untilReady } from './service.testing.ts';
import { ACCOUNT, price, pricePayload } from './socket/socket.testing.ts';
import { MARKET_DATA_SOCKET } from './socket/socket-hub.ts';

interface Joined {
  readonly snapshot: { readonly sequence: number } | null;
  readonly sequence: number;
  readonly resumed: boolean;
}

interface PhoenixMessage {
  join_ref: string | null;
  ref: string | null;
  topic: string;
  event: string;
  payload: unknown;
}

/** The client has the object form no more, so a user of it brings the two functions, as older clients had them. */
const OBJECT_FORM = {
  vsn: '1.0.0',
  encode: (message: unknown, callback: (text: string) => void) => callback(JSON.stringify(message)),
  decode: (text: string, callback: (message: PhoenixMessage) => void) => callback(JSON.parse(text)),
};

let opened: Opened;
let stopServer: () => Promise<void>;
let endpoint: string;
const tokens: (string | undefined)[] = [];

beforeEach(async () => {
  opened = await openParts();
  const service = opened.service();
  const [route] = service.socketRoutes;
  assert.ok(route);
  const http = createServer();
  const sockets = new WebSocketServer({ server: http, path: route.path, handleProtocols: () => 'phoenix' });
  sockets.on('connection', (socket, request) => {
    tokens.push(request.headers['sec-websocket-protocol']?.split(', ')[1]);
    const handler = route.accept({
      principal: { kind: 'api-key', keyId: 'key-1', accountId: ACCOUNT },
      connectParameters: Object.fromEntries(new URL(request.url ?? '/', 'http://localhost').searchParams),
      send: (text) => socket.send(text),
      bufferedBytes: () => socket.bufferedAmount,
      close: (code, reason) => socket.close(code, reason),
    });
    socket.on('message', (data) => handler.onMessage(data.toString()));
    socket.on('close', () => handler.onClose());
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  endpoint = `ws://127.0.0.1:${port}${MARKET_DATA_SOCKET.path.replace(/\/websocket$/, '')}`;
  stopServer = async () => {
    for (const client of sockets.clients) client.terminate();
    sockets.close();
    await new Promise((resolve) => http.close(resolve));
  };
  await service.start();
  await untilReady(service);
});

afterEach(async () => {
  await opened.dispose();
  await stopServer();
});

function connect(form: object): Socket {
  const socket = new Socket(endpoint, { transport: WebSocket, authToken: 'key-1.secret', ...form });
  socket.connect();
  return socket;
}

function join(channel: Channel): Promise<Joined> {
  return new Promise((resolve, reject) => {
    channel.join().receive('ok', resolve).receive('error', reject).receive('timeout', reject);
  });
}

/** The next `count` events, from when it is called. */
function next(channel: Channel, event: string, count: number): Promise<unknown[]> {
  const received: unknown[] = [];
  return new Promise((resolve) => {
    channel.on(event, (payload) => {
      received.push(payload);
      if (received.length === count) resolve(received);
    });
  });
}

const disconnect = (socket: Socket) => new Promise<void>((resolve) => socket.disconnect(() => resolve()));

for (const [name, form] of [
  ['vsn 2.0.0', {}],
  ['vsn 1.0.0', OBJECT_FORM],
] as const) {
  describe(`the official client, ${name}`, () => {
    test('connects with its authToken, joins, gets updates, comes back and resumes', async () => {
      await opened.log.append(ingested([price('AAPL', 1)]));
      await priceReaches(opened.cache, 'AAPL', 1);
      const socket = connect(form);
      const channel = socket.channel('prices:AAPL', {});
      const updates = next(channel, 'price_update', 2);
      assert.deepEqual(await join(channel), {
        snapshot: pricePayload('AAPL', 1),
        sequence: 1,
        resumed: false,
      });
      await opened.log.append(ingested([price('AAPL', 2), price('AAPL', 3)]));
      assert.deepEqual(await updates, [pricePayload('AAPL', 2), pricePayload('AAPL', 3)]);
      await disconnect(socket);
      assert.equal(tokens.at(-1), `base64url.bearer.phx.${btoa('key-1.secret').replace(/=/g, '')}`);

      await opened.log.append(ingested([price('AAPL', 4), price('AAPL', 5)]));
      await priceReaches(opened.cache, 'AAPL', 5);
      const again = connect(form);
      const resumedChannel = again.channel('prices:AAPL', { resumeAfter: 3 });
      const missed = next(resumedChannel, 'price_update', 2);
      assert.deepEqual(await join(resumedChannel), { snapshot: null, sequence: 3, resumed: true });
      assert.deepEqual(await missed, [pricePayload('AAPL', 4), pricePayload('AAPL', 5)]);
      await disconnect(again);
    });

    test('leaves, and is told why a join is refused', async () => {
      const socket = connect(form);
      const channel = socket.channel('prices:AAPL', {});
      await join(channel);
      const closed = new Promise<void>((resolve) => channel.onClose(() => resolve()));
      await new Promise<void>((resolve) => channel.leave().receive('ok', () => resolve()));
      await closed;
      const foreign = socket.channel('account:0b8f3a1c-1111-4222-8333-444455550000', {});
      await assert.rejects(join(foreign), (reason) => {
        assert.deepEqual(reason, { reason: 'forbidden' });
        return true;
      });
      const own = socket.channel(`account:${ACCOUNT}`, {});
      assert.deepEqual(await join(own), { snapshot: null, sequence: 0, resumed: false });
      await disconnect(socket);
    });

    test('measures the round trip with its heartbeat', async () => {
      const socket = connect(form);
      await new Promise<void>((resolve) => socket.onOpen(() => resolve()));
      await new Promise<void>((resolve) => assert.ok(socket.ping(() => resolve())));
      await disconnect(socket);
    });
  });
}
