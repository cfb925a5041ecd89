/**
 * A keep-alive HTTP client that does as little as it can, so that the load costs the machine less than what is loaded:
 * prepared bytes out, status and length parsed from what comes in, one request at a time on each connection.
 */
import { createConnection, type Socket } from 'node:net';

export interface RawAnswer {
  /** 0 when the connection broke. */
  readonly status: number;
  readonly body: Buffer;
}

export interface RawClient {
  /** Waits in line when every connection is busy. */
  send(request: Buffer, answered: (answer: RawAnswer) => void): void;
  readonly waiting: number;
  /** Forgets the requests that wait in line; they are never sent nor answered. */
  dropWaiting(): void;
  close(): void;
}

const HEADER_END = Buffer.from('\r\n\r\n');
const NO_BODY = Buffer.alloc(0);

interface Connection {
  readonly socket: Socket;
  answered: ((answer: RawAnswer) => void) | null;
  received: Buffer;
}

export async function openRawClient(host: string, port: number, connections: number): Promise<RawClient> {
  const free: Connection[] = [];
  const line: { readonly request: Buffer; readonly answered: (answer: RawAnswer) => void }[] = [];
  let head = 0;

  function use(connection: Connection, request: Buffer, answered: (answer: RawAnswer) => void): void {
    connection.answered = answered;
    connection.socket.write(request);
  }

  function finish(connection: Connection, answer: RawAnswer): void {
    const { answered } = connection;
    connection.answered = null;
    const next = line[head];
    if (next === undefined) {
      line.length = 0;
      head = 0;
      free.push(connection);
    } else {
      head += 1;
      use(connection, next.request, next.answered);
    }
    answered?.(answer);
  }

  function onData(connection: Connection, chunk: Buffer): void {
    if (connection.answered === null) {
      // Nothing was asked: the server gives up a connection that it has not heard of for long (408).
      connection.socket.destroy();
      return;
    }
    const received = connection.received.length === 0 ? chunk : Buffer.concat([connection.received, chunk]);
    connection.received = received;
    const end = received.indexOf(HEADER_END);
    if (end === -1) return;
    const headers = received.toString('latin1', 0, end);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(headers)?.[1] ?? 0);
    const start = end + HEADER_END.length;
    if (received.length < start + length) return;
    connection.received = NO_BODY;
    finish(connection, {
      status: Number(headers.slice(9, 12)),
      body: received.subarray(start, start + length),
    });
  }

  const opened = await Promise.all(
    Array.from(
      { length: connections },
      () =>
        new Promise<Connection>((resolve, reject) => {
          const socket = createConnection({ host, port, noDelay: true });
          const connection: Connection = { socket, answered: null, received: NO_BODY };
          socket.once('connect', () => resolve(connection));
          socket.once('error', reject);
          socket.on('data', (chunk: Buffer) => onData(connection, chunk));
          // A server may close a connection that it has not heard of for long: it must not be used again.
          socket.on('close', () => {
            const at = free.indexOf(connection);
            if (at !== -1) free.splice(at, 1);
            connection.answered?.({ status: 0, body: NO_BODY });
          });
        }),
    ),
  );
  free.push(...opened);
  return {
    send(request, answered) {
      const connection = free.pop();
      if (connection === undefined) line.push({ request, answered });
      else use(connection, request, answered);
    },
    get waiting() {
      return line.length - head;
    },
    dropWaiting() {
      line.length = 0;
      head = 0;
    },
    close: () => {
      for (const { socket } of opened) socket.destroy();
    },
  };
}

export interface RequestParts {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly host: string;
  readonly credential: string;
  readonly idempotencyKey?: string;
  readonly body?: string;
}

export function rawRequest({ method, path, host, credential, idempotencyKey, body }: RequestParts): Buffer {
  const headers = [
    `${method} ${path} HTTP/1.1`,
    `host: ${host}`,
    `authorization: Bearer ${credential}`,
    ...(idempotencyKey === undefined ? [] : [`x-idempotency-key: ${idempotencyKey}`]),
    ...(body === undefined
      ? []
      : ['content-type: application/json', `content-length: ${Buffer.byteLength(body)}`]),
  ];
  return Buffer.from(`${headers.join('\r\n')}\r\n\r\n${body ?? ''}`);
}
