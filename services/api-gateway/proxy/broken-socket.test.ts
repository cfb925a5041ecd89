/** What a client's socket does when the instance behind it hangs, vanishes or is full: here bare servers in its place. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, test } from 'node:test';
import WebSocket, { WebSocketServer } from 'ws';
import type { SocketDeclaration } from '#infrastructure/core/http.ts';
import type { Timers } from '#infrastructure/core/runtime.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { CREDENTIALS, startGateway } from '../gateway.testing.ts';
import { INSTANCE_HEADER } from './caller-signature.ts';
import { KEYS } from './door.testing.ts';
import { cleanUp, cleanUpWith } from './proxy.testing.ts';

afterEach(cleanUp);

const system = createSystemRuntime();

interface Bare {
  readonly address: string;
  /** The sockets that were taken. */
  readonly sockets: readonly WebSocket[];
}

interface Choices {
  /** Refuses a socket, as a door does. */
  readonly isFull?: () => boolean;
  /** Neither takes a socket nor refuses it. */
  readonly isUndecided?: boolean;
  /** Answers no ping. */
  readonly isSilent?: boolean;
}

/** Ready, and greets each socket. */
async function bareInstance(choices: Choices = {}): Promise<Bare> {
  const sockets: WebSocket[] = [];
  const instanceId = system.ids.uuid();
  const server = createServer((_request, response) => {
    response.writeHead(200, { [INSTANCE_HEADER]: instanceId }).end('{}');
  });
  const upgrades = new WebSocketServer({ noServer: true, autoPong: choices.isSilent !== true });
  server.on('upgrade', (request, socket: Duplex, head) => {
    if (choices.isUndecided === true) return;
    if (choices.isFull?.() === true) {
      socket.end('HTTP/1.1 429 A limit is reached\r\nconnection: close\r\n\r\n');
      return;
    }
    upgrades.handleUpgrade(request, socket, head, (client) => {
      sockets.push(client);
      client.send('hello');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUpWith(async () => {
    for (const socket of sockets) socket.terminate();
    server.closeAllConnections();
    server.close();
  });
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets };
}

const declaration: SocketDeclaration = { path: '/v1/talk', tokenIn: () => null };

/** `tick` lets ten seconds pass for whatever is done every ten seconds. */
async function gatewayTo(addresses: readonly string[], upstreamPatienceMs = 0) {
  const everyTenSeconds: (() => void | Promise<void>)[] = [];
  const every: Timers['every'] = (periodMs, task) => {
    if (periodMs !== 10_000) return system.timers.every(periodMs, task);
    everyTenSeconds.push(task);
    return () => everyTenSeconds.splice(everyTenSeconds.indexOf(task), 1);
  };
  const gateway = await startGateway({
    remote: [{ name: 'market-data', routes: [], sockets: [declaration] }],
    runtime: { ...system, timers: { ...system.timers, every } },
    config: {
      serviceKeys: KEYS,
      marketDataUrl: addresses.map((address) => new URL(address)),
      upstreamPatienceMs,
    },
  });
  cleanUpWith(() => gateway.stop());
  const tick = () => {
    for (const task of [...everyTenSeconds]) void task();
  };
  return { address: gateway.address, tick, tasks: () => everyTenSeconds.length };
}

function connect(address: string): WebSocket {
  const socket = new WebSocket(`${address.replace('http', 'ws')}/v1/talk`, ['phoenix'], {
    headers: CREDENTIALS,
  });
  cleanUpWith(async () => socket.terminate());
  return socket;
}

async function closeOf(socket: WebSocket): Promise<readonly [number, string]> {
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
  return [code, reason.toString()];
}

test('a client whose instance falls silent is sent away after the second ping, to connect again', {
  timeout: 30_000,
}, async () => {
  const instance = await bareInstance({ isSilent: true });
  const { address, tick, tasks } = await gatewayTo([instance.address]);
  const before = tasks();
  const socket = connect(address);
  await once(socket, 'message');
  const closed = closeOf(socket);
  tick();
  await once(instance.sockets[0] ?? assert.fail(), 'ping');
  tick();
  assert.deepEqual(await closed, [1012, 'the service went away; connect again']);
  assert.equal(tasks(), before, 'nothing pings what is gone');
});

test('an instance that has nothing to say and answers pings keeps its clients', {
  timeout: 30_000,
}, async () => {
  const instance = await bareInstance();
  const { address, tick } = await gatewayTo([instance.address]);
  const socket = connect(address);
  await once(socket, 'message');
  const [service = assert.fail()] = instance.sockets;
  for (let count = 0; count < 3; count += 1) {
    tick();
    await once(service, 'ping');
    // What the gateway has answered to this, it has read after the pong.
    service.ping();
    await once(service, 'pong');
  }
  service.send('still here');
  const [said] = await once(socket, 'message');
  assert.equal(String(said), 'still here');
});

test('while a client does not read, its instance is not taken for silent: nobody reads its pongs then', {
  timeout: 30_000,
}, async () => {
  const COUNT = 800;
  const instance = await bareInstance();
  const { address, tick } = await gatewayTo([instance.address]);
  const socket = connect(address);
  await once(socket, 'message');
  const [service = assert.fail()] = instance.sockets;
  socket.pause();
  for (let count = 0; count < COUNT; count += 1) service.send('x'.repeat(60_000));
  // Until the gateway reads no more.
  for (let still = 0, waiting = 0; still < 10; waiting = service.bufferedAmount) {
    await system.timers.sleep(20);
    still = service.bufferedAmount === waiting ? still + 1 : 0;
  }
  assert.ok(service.bufferedAmount > 0);
  for (let count = 0; count < 3; count += 1) tick();
  let read = 0;
  const all = Promise.withResolvers<void>();
  socket.on('close', () => all.reject(new Error('closed')));
  socket.on('message', () => {
    read += 1;
    if (read === COUNT) all.resolve();
  });
  socket.resume();
  await all.promise;
});

test('a client that says more than its instance reads is closed, and costs no more memory than that', {
  timeout: 60_000,
}, async () => {
  const instance = await bareInstance();
  const { address } = await gatewayTo([instance.address]);
  const socket = connect(address);
  await once(socket, 'message');
  instance.sockets[0]?.pause();
  const closed = closeOf(socket);
  const frame = 'x'.repeat(60_000);
  // The system takes some megabytes on the way.
  for (let count = 0; count < 2_000 && socket.readyState === socket.OPEN; count += 1) {
    await new Promise<void>((resolve) => socket.send(frame, () => resolve()));
  }
  assert.deepEqual(await closed, [1013, 'the market-data service does not take what you send']);
});

test('what a client says before its instance is reached is limited in bytes, too', {
  timeout: 30_000,
}, async () => {
  const { address } = await gatewayTo([(await bareInstance({ isUndecided: true })).address]);
  const socket = connect(address);
  await once(socket, 'open');
  for (let count = 0; count < 5; count += 1) socket.send('x'.repeat(60_000));
  assert.deepEqual(await closeOf(socket), [1013, 'the market-data service is not reached yet']);
});

test('an instance that is full is passed by, and its next socket is offered to it again', async () => {
  let full = 0;
  const isFull = (instance: number) => () => {
    full ||= instance;
    return full === instance;
  };
  const one = await bareInstance({ isFull: isFull(1) });
  const two = await bareInstance({ isFull: isFull(2) });
  const { address } = await gatewayTo([one.address, two.address]);
  await once(connect(address), 'message');
  full = 3;
  await once(connect(address), 'message');
  assert.deepEqual([one.sockets.length, two.sockets.length], [1, 1]);
});

test('when every instance is full the client is told at once, not after the patience that a restart gets', {
  timeout: 30_000,
}, async () => {
  const instances = await Promise.all([1, 2, 3, 4, 5].map(() => bareInstance({ isFull: () => true })));
  const { address } = await gatewayTo(
    instances.map((instance) => instance.address),
    3_600_000,
  );
  assert.deepEqual(await closeOf(connect(address)), [1013, 'the market-data service cannot be reached']);
});
