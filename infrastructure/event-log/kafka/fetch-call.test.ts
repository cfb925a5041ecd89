/** A fetch whose answer never comes, by the client as it is: a failure that is told, and nothing that ends a thread. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { fetchCommitted } from './fetch-call.ts';
import { CODE } from './kafka-failures.ts';
import { loadProtocolClient, protocolFailure } from './protocol-client.ts';

test('a broker that takes a fetch and says nothing, or ends the connection, has not answered', async () => {
  const client = await loadProtocolClient();
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const connection = new client.Connection('test', { requestTimeout: 50 });
  connection.on('error', () => undefined);
  try {
    await connection.connect('127.0.0.1', port);
    const unanswered = (error: unknown) => protocolFailure(client, error)?.code === CODE.transport;
    await assert.rejects(fetchCommitted(client, connection, []), unanswered);
    const cut = fetchCommitted(client, connection, []);
    for (const socket of sockets) socket.destroy();
    await assert.rejects(cut, unanswered);
  } finally {
    await connection.close();
    server.close();
  }
});
