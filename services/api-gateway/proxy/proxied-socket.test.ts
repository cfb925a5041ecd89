/** A client's socket at the gateway, joined to one of a service's in another process: here both in one, over real sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, test } from 'node:test';
import WebSocket from 'ws';
import type { SocketConnection, SocketRoute } from '#infrastructure/core/http.ts';
import { CREDENTIALS, startGateway } from '../gateway.testing.ts';
import { KEYS, openServiceDoor } from './door.testing.ts';
import type { ServiceDoor } from './service-door.ts';

const cleanUps: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function socketRoute(accept: SocketRoute['accept']): SocketRoute {
  return { path: '/v1/talk', maxFrameBytes: 1_000, tokenIn: () => null, isFull: () => false, accept };
}

async function openDoor(route: SocketRoute): Promise<ServiceDoor> {
  const door = await openServiceDoor([], [route]);
  cleanUps.push(() => door.stop());
  return door;
}

async function gatewayTo(
  doors: readonly ServiceDoor[],
  route: SocketRoute,
  upstreamPatienceMs = 0,
): Promise<string> {
  const gateway = await startGateway({
    remote: [{ name: 'market-data', routes: [], sockets: [route] }],
    config: {
      serviceKeys: KEYS,
      marketDataUrl: doors.map((door) => new URL(door.address())),
      upstreamPatienceMs,
    },
  });
  cleanUps.push(() => gateway.stop());
  return gateway.address;
}

function connect(address: string, target = '/v1/talk?vsn=2.0.0&extra=a%26b'): WebSocket {
  const socket = new WebSocket(address.replace('http', 'ws') + target, ['phoenix'], { headers: CREDENTIALS });
  cleanUps.push(async () => socket.terminate());
  return socket;
}

/** The first `count` messages. */
function messages(socket: WebSocket, count: number): Promise<readonly string[]> {
  return new Promise((resolve) => {
    const heard: string[] = [];
    socket.on('message', (data) => {
      if (heard.push(data.toString()) === count) resolve(heard);
    });
  });
}

function echoing(opened: SocketConnection[] = []): SocketRoute {
  return socketRoute((connection) => {
    opened.push(connection);
    connection.send(JSON.stringify([connection.principal, connection.connectParameters]));
    return { onMessage: (text) => connection.send(`echo ${text}`), onClose() {} };
  });
}

test('what either side says reaches the other, in order, with the account that opened it', async () => {
  const route = echoing();
  const socket = connect(await gatewayTo([await openDoor(route)], route));
  const heard = messages(socket, 4);
  await once(socket, 'open');
  // Sent at once: the gateway may not have reached the service yet.
  for (const text of ['one', 'two', 'three']) socket.send(text);
  const [greeting, ...rest] = await heard;
  assert.deepEqual(JSON.parse(greeting ?? ''), [
    { kind: 'api-key', keyId: 'THTEST', accountId: '11111111-1111-4111-8111-111111111111' },
    { vsn: '2.0.0', extra: 'a&b' },
  ]);
  assert.deepEqual(rest, ['echo one', 'echo two', 'echo three']);
});

test("the service's close code and reason reach the client, and a client's end reaches the service", async () => {
  const ends: Promise<void>[] = [];
  const route = socketRoute((connection) => {
    const ended = Promise.withResolvers<void>();
    ends.push(ended.promise);
    connection.send('hello');
    return { onMessage: () => connection.close(4_010, 'enough'), onClose: () => ended.resolve() };
  });
  const address = await gatewayTo([await openDoor(route)], route);
  const first = connect(address);
  await messages(first, 1);
  first.send('any');
  const [code, reason] = await once(first, 'close');
  assert.deepEqual([code, String(reason)], [4_010, 'enough']);
  const second = connect(address);
  await messages(second, 1);
  second.terminate();
  assert.equal(ends.length, 2);
  await Promise.all(ends);
});

test('a draining service sends its clients away, and the next one takes them', async () => {
  const route = echoing();
  const doors = [await openDoor(route), await openDoor(route)];
  const address = await gatewayTo(doors, route);
  const socket = connect(address);
  await messages(socket, 1);
  const closed = once(socket, 'close');
  await Promise.all(doors.slice(0, 1).map((door) => door.drain()));
  const again = connect(address);
  await messages(again, 1);
  await doors[1]?.drain();
  assert.equal((await closed)[0], 1001);
});

test('a door of a service that is full refuses the socket before it is opened, and the next one takes it', async () => {
  const asked: string[] = [];
  const named = (name: string): SocketRoute => ({
    ...socketRoute((connection) => {
      connection.send(name);
      return { onMessage() {}, onClose() {} };
    }),
    isFull: () => asked.push(name) === 1,
  });
  const doors = [await openDoor(named('one')), await openDoor(named('two'))];
  const [said] = await messages(connect(await gatewayTo(doors, echoing())), 1);
  assert.equal(new Set(asked).size, 2);
  assert.equal(said, asked[1]);
});

test('a service that cannot be reached closes the socket with 1013', async () => {
  const route = echoing();
  const door = await openDoor(route);
  const address = await gatewayTo([door], route);
  await door.stop();
  const socket = connect(address);
  const [code] = await once(socket, 'close');
  assert.equal(code, 1013);
});

test('a socket around the gateway is refused, with an API key or without', async () => {
  const door = await openDoor(echoing());
  for (const headers of [CREDENTIALS, {}]) {
    const socket = new WebSocket(`${door.address().replace('http', 'ws')}/v1/talk`, ['phoenix'], { headers });
    socket.on('error', () => undefined);
    const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
    assert.equal(answer.statusCode, 401);
    socket.terminate();
  }
});

test('a client that says more than 256 things before its service is reached is closed with 1013', async () => {
  const route = echoing();
  const door = await openDoor(route);
  const address = await gatewayTo([door], route, 60_000);
  await door.stop();
  const socket = connect(address);
  await once(socket, 'open');
  for (let count = 0; count <= 256; count += 1) socket.send('hello');
  const [code, reason] = await once(socket, 'close');
  assert.deepEqual([code, String(reason)], [1013, 'the market-data service is not reached yet']);
});

test('a service without service_keys has no socket', async () => {
  const door = await openServiceDoor([], [echoing()], { serviceKeys: [] });
  cleanUps.push(() => door.stop());
  const socket = new WebSocket(`${door.address().replace('http', 'ws')}/v1/talk`, ['phoenix']);
  socket.on('error', () => undefined);
  const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
  assert.equal(answer.statusCode, 404);
  socket.terminate();
});

test('a client that does not read slows its instance down, and gets everything once it reads', async () => {
  const COUNT = 1_000;
  const frame = 'x'.repeat(64 * 1024);
  const opened = Promise.withResolvers<SocketConnection>();
  const route = socketRoute((connection) => {
    opened.resolve(connection);
    return { onMessage: (text) => connection.send(text), onClose() {} };
  });
  const address = await gatewayTo([await openDoor(route)], route);
  const socket = connect(address);
  await once(socket, 'open');
  const service = await opened.promise;
  const other = connect(address);
  await once(other, 'open');
  socket.pause();
  const all = messages(socket, COUNT);
  for (let count = 0; count < COUNT; count += 1) service.send(frame);
  // Until nothing moves any more, while another client's messages come and go.
  for (let still = 0, waiting = 0; still < 50; ) {
    other.send('tick');
    await once(other, 'message');
    still = service.bufferedBytes() === waiting ? still + 1 : 0;
    waiting = service.bufferedBytes();
  }
  assert.ok(service.bufferedBytes() > 0, 'what the client does not read waits at the service');
  socket.resume();
  assert.equal((await all).length, COUNT);
});
