/**
 * Between a program and a server, on loopback: a network that fails on demand.
 *
 * `silent` loses nothing: what was sent meanwhile arrives when it ends, as after a cable is plugged in again, so a
 * server may get to work on a request whose caller has given up.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
// house: allow no-sleeping — a slow network is what this is about
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../scripts/dev-servers/free-port.ts';

export type ProxyMode =
  | 'pass'
  /** Nobody listens, and whoever was connected is cut off. */
  | 'refuse'
  /** Connections stay, new ones are taken, and nothing moves. */
  | 'silent'
  /** Every answer comes so much later. */
  | 'slow'
  /** Every seventh answer is lost with its connection: what was asked for has been done. */
  | 'cut';

export interface TcpProxy {
  readonly port: number;
  /** Answers lost so far. */
  readonly cuts: number;
  /** Holds at once, for connections that are open too. */
  change(mode: ProxyMode): Promise<void>;
  close(): Promise<void>;
}

export const SLOW_MS = 2_000;
const ANSWERS_BETWEEN_CUTS = 7;

/** Listens from now on; `target` is asked for with every connection, since it may start later. */
export async function startTcpProxy(target: () => number): Promise<TcpProxy> {
  const port = await freePort();
  const open = new Set<Socket>();
  let mode: ProxyMode = 'pass';
  let moving = Promise.withResolvers<void>();
  moving.resolve();
  let answers = 0;
  let cuts = 0;

  /** Both ends, so that each side sees that the other is gone. */
  function cutOff(...sockets: readonly Socket[]): void {
    for (const socket of sockets) {
      // The system refuses to reset what is being shut down already.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  function lost(): boolean {
    if (mode !== 'cut') return false;
    answers += 1;
    if (answers % ANSWERS_BETWEEN_CUTS !== 0) return false;
    cuts += 1;
    return true;
  }

  /** One direction of a connection, in order, until its end. */
  async function carry(from: Socket, to: Socket, isAnswer: boolean): Promise<void> {
    let delivered: Promise<void> = Promise.resolve();
    for await (const chunk of from) {
      if (isAnswer && lost()) return cutOff(from, to);
      const late = isAnswer && mode === 'slow' ? pause(SLOW_MS) : null;
      const former = delivered;
      delivered = (async () => {
        await former;
        await late;
        await moving.promise;
        if (!to.destroyed && !to.write(chunk)) await taken(to);
      })();
      // Only a slow network takes more while something is still on its way.
      if (late === null) await delivered;
    }
    await delivered;
    to.end();
  }

  async function join(client: Socket): Promise<void> {
    const ends = [client];
    open.add(client);
    // A connection that breaks on one side breaks on the other; both programs are told by that.
    const broken = (): void => cutOff(...ends);
    client.on('error', broken);
    await moving.promise;
    if (client.destroyed) return void open.delete(client);
    const server = connect({ host: '127.0.0.1', port: target(), noDelay: true, allowHalfOpen: true });
    ends.push(server);
    open.add(server);
    server.on('error', broken);
    await Promise.all([
      carry(client, server, false).catch(broken),
      carry(server, client, true).catch(broken),
    ]);
    for (const end of ends) {
      end.destroySoon();
      open.delete(end);
    }
  }

  let listener: Server;
  async function listen(): Promise<void> {
    listener = createServer({ noDelay: true, allowHalfOpen: true }, (client) => void join(client));
    listener.listen(port, '127.0.0.1');
    await once(listener, 'listening');
  }
  async function refuse(): Promise<void> {
    const closed = once(listener, 'close');
    listener.close();
    cutOff(...open);
    await closed;
  }
  await listen();

  return {
    port,
    get cuts() {
      return cuts;
    },
    async change(next) {
      const former = mode;
      mode = next;
      if (next === 'refuse' && former !== 'refuse') await refuse();
      if (next !== 'refuse' && former === 'refuse') await listen();
      moving.resolve();
      if (next === 'silent') moving = Promise.withResolvers<void>();
    },
    async close() {
      if (mode !== 'refuse') await refuse();
      moving.resolve();
    },
  };
}

/** Until `to` takes more, or is gone. */
function taken(to: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      to.off('drain', done);
      to.off('close', done);
      resolve();
    };
    to.on('drain', done);
    to.on('close', done);
  });
}
