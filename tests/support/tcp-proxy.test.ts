/** The proxy of the fault tests does to a connection what its modes say. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { startTcpProxy } from './tcp-proxy.ts';

describe('a proxy', async () => {
  const echo = createServer((socket) => socket.pipe(socket).on('error', () => socket.destroy()));
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const proxy = await startTcpProxy(() => (echo.address() as AddressInfo).port);
  const clients = new Set<Socket>();

  async function connected(): Promise<Socket> {
    const socket = connect({ host: '127.0.0.1', port: proxy.port });
    clients.add(socket);
    await once(socket, 'connect');
    socket.on('error', () => socket.destroy());
    return socket;
  }
  async function asked(socket: Socket, text: string): Promise<string> {
    const answer = once(socket, 'data');
    socket.write(text);
    return String((await answer)[0]);
  }

  after(async () => {
    for (const client of clients) client.destroy();
    await proxy.close();
    echo.close();
  });

  test('it passes what it is given, and an end as an end', async () => {
    const socket = await connected();
    assert.equal(await asked(socket, 'one'), 'one');
    const ended = once(socket, 'close');
    socket.end();
    assert.deepEqual(await ended, [false]);
  });

  test('what is sent into silence arrives when it ends, on old connections and new ones', async () => {
    const old = await connected();
    assert.equal(await asked(old, 'before'), 'before');
    await proxy.change('silent');
    const fresh = await connected();
    const answers = [asked(old, 'old'), asked(fresh, 'fresh')];
    let heard = 0;
    for (const answer of answers) void answer.then(() => (heard += 1));
    // Goes through another connection to the same server, later than both.
    const direct = connect({ host: '127.0.0.1', port: (echo.address() as AddressInfo).port });
    clients.add(direct);
    assert.equal(await asked(direct, 'direct'), 'direct');
    assert.equal(heard, 0);
    await proxy.change('pass');
    assert.deepEqual(await Promise.all(answers), ['old', 'fresh']);
  });

  test('refusing ends connections and takes none, until it passes again', async () => {
    const socket = await connected();
    assert.equal(await asked(socket, 'here'), 'here');
    const gone = new Promise((resolve) => socket.once('error', resolve));
    await proxy.change('refuse');
    assert.equal(((await gone) as NodeJS.ErrnoException).code, 'ECONNRESET');
    await assert.rejects(connected(), { code: 'ECONNREFUSED' });
    await proxy.change('pass');
    assert.equal(await asked(await connected(), 'again'), 'again');
  });

  test('cutting loses every seventh answer with its connection', async () => {
    await proxy.change('cut');
    const socket = await connected();
    for (let count = 1; count < 7; count += 1) assert.equal(await asked(socket, `${count}`), `${count}`);
    const gone = new Promise((resolve) => socket.once('error', resolve));
    socket.write('7');
    assert.equal(((await gone) as NodeJS.ErrnoException).code, 'ECONNRESET');
    assert.equal(proxy.cuts, 1);
    assert.equal(await asked(await connected(), 'next'), 'next');
    await proxy.change('pass');
  });
});
