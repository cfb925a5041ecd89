/**
 * WebSockets: origin, identity and limits at the door, then `ws` behind the services' `SocketRoute`s.
 *
 * Who opens a socket is told by how it is opened, or by its first message. A key never stands in an address.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { Problem, SocketHandler, SocketRoute } from '#infrastructure/core/http.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { problem } from '#infrastructure/core/problem.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { ApiKeyPrincipal } from './authentication.ts';
import { invalidRequest, problemDocument } from './problem-reply.ts';
import { repeatedHeaders } from './single-headers.ts';
import type { SocketDoorstep } from './socket-doorstep.ts';

const PROTOCOL = 'phoenix';
const PING_PERIOD_MS = 30_000;
const REVOKED_CHECK_PERIOD_MS = 10_000;
const CLOSE_GOING_AWAY = 1001;
const CLOSE_UNSUPPORTED = 1003;
const CLOSE_POLICY = 1008;
const CLOSE_BUG = 1011;
const CLOSE_TOO_MANY_OF_KEY = 4014;

export type Identified =
  | { readonly kind: 'known'; readonly principal: ApiKeyPrincipal }
  | { readonly kind: 'refused'; readonly problem: Problem }
  /** It brought nothing to know it by, neither right nor wrong: its first message may. */
  | { readonly kind: 'unknown' };

export interface SocketParts {
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly routes: readonly SocketRoute[];
  identify(request: IncomingMessage, parameters: URLSearchParams): Promise<Identified>;
  /** Whether a key that opened sockets is still active: it may have been revoked at another gateway. */
  isActive(keyId: string): Promise<boolean>;
  /** Where those who brought nothing wait. */
  readonly doorstep: SocketDoorstep;
  readonly maxSockets: number;
  readonly maxSocketsPerKey: number;
  readonly maxSocketsUnauthenticated: number;
  /** Whether what opens sockets here is a gateway, which goes elsewhere when a route is full. */
  readonly forGateways: boolean;
  readonly behindProxy: boolean;
  isDraining(): boolean;
  /** Those on the doorstep among them. */
  onCount(open: number): void;
}

export interface Sockets {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  closeForKey(keyId: string): void;
  /** Says goodbye to all (1001) and, after a moment, cuts those that do not answer. */
  close(graceMs: number): Promise<void>;
}

function refuse(socket: Duplex, given: Problem, path: string, requestId: string): void {
  const body = JSON.stringify(problemDocument(given, path, requestId));
  socket.end(
    `HTTP/1.1 ${given.status} ${given.title}\r\ncontent-type: application/problem+json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nx-request-id: ${requestId}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function originAllowed(request: IncomingMessage, behindProxy: boolean): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined) return true; // Not a browser.
  const forwarded = behindProxy ? request.headers['x-forwarded-host'] : undefined;
  const ours = typeof forwarded === 'string' ? forwarded : host;
  return URL.canParse(origin) && new URL(origin).host === ours;
}

export function createSockets(parts: SocketParts): Sockets {
  const { runtime, logger, doorstep } = parts;
  const open = new Map<WebSocket, ApiKeyPrincipal>();
  const perKey = new Map<string, number>();
  const answered = new WeakSet<WebSocket>();
  const servers = new Map(
    parts.routes.map((route) => [
      route.path,
      {
        route,
        server: new WebSocketServer({
          noServer: true,
          clientTracking: false,
          perMessageDeflate: false,
          maxPayload: route.maxFrameBytes,
          handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
        }),
      },
    ]),
  );

  function guarded(socket: WebSocket, work: () => void): void {
    try {
      work();
    } catch (error) {
      logger.error({ error }, 'a socket handler met a bug');
      socket.close(CLOSE_BUG, 'a bug on our side');
    }
  }

  const openCount = (): number => open.size + doorstep.sockets.size;
  const count = (): void => parts.onCount(openCount());

  function attach(
    route: SocketRoute,
    socket: WebSocket,
    principal: ApiKeyPrincipal,
    parameters: URLSearchParams,
    /** Those that came before it was let in. */
    messages: readonly string[] = [],
  ): void {
    open.set(socket, principal);
    perKey.set(principal.keyId, (perKey.get(principal.keyId) ?? 0) + 1);
    count();
    let handler: SocketHandler | null = null;
    answered.add(socket);
    socket.on('pong', () => answered.add(socket));
    // ws closes the socket itself after an error (a frame too large, bad UTF-8); 'close' follows.
    socket.on('error', (error) => logger.debug({ error }, 'a socket failed'));
    socket.on('close', () => {
      open.delete(socket);
      const left = (perKey.get(principal.keyId) ?? 1) - 1;
      if (left === 0) perKey.delete(principal.keyId);
      else perKey.set(principal.keyId, left);
      count();
      guarded(socket, () => handler?.onClose());
    });
    socket.on('message', (data: RawData, isBinary: boolean) => {
      if (isBinary) {
        socket.close(CLOSE_UNSUPPORTED, 'text frames only');
        return;
      }
      guarded(socket, () => handler?.onMessage(data.toString()));
    });
    parameters.delete('ticket');
    guarded(socket, () => {
      handler = route.accept({
        principal,
        connectParameters: Object.fromEntries(parameters),
        send: (text) => {
          if (socket.readyState === socket.OPEN) socket.send(text);
        },
        bufferedBytes: () => socket.bufferedAmount,
        close: (code, reason) => socket.close(code, reason),
      });
    });
    for (const text of messages) guarded(socket, () => handler?.onMessage(text));
  }

  function isFull(principal: ApiKeyPrincipal): boolean {
    return (perKey.get(principal.keyId) ?? 0) >= parts.maxSocketsPerKey;
  }

  /** The door once more, for a socket whose key came with its first message. */
  function enter(
    route: SocketRoute,
    socket: WebSocket,
    principal: ApiKeyPrincipal,
    parameters: URLSearchParams,
    messages: readonly string[],
  ): void {
    if (parts.isDraining()) socket.close(CLOSE_GOING_AWAY, 'the program is ending');
    else if (isFull(principal)) socket.close(CLOSE_TOO_MANY_OF_KEY, 'too many sockets are open for this key');
    else attach(route, socket, principal, parameters, messages);
  }

  async function admit(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    requestId: string,
  ): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const reject = (given: Problem) => refuse(socket, given, url.pathname, requestId);
    const repeated = repeatedHeaders(request);
    if (repeated.length > 0) return reject(invalidRequest(repeated));
    const found = servers.get(url.pathname);
    if (found === undefined) return reject(problem('NOT_FOUND', 'No socket is at this address.'));
    if (parts.isDraining())
      return reject(problem('SHUTTING_DOWN', 'The program is ending; connect again in a moment.'));
    if (!originAllowed(request, parts.behindProxy)) {
      return reject(problem('ORIGIN_NOT_ALLOWED', 'A page of another site may not open this socket.'));
    }
    const identified = await parts.identify(request, url.searchParams);
    if (identified.kind === 'refused') return reject(identified.problem);
    const known = identified.kind === 'known' ? identified.principal : null;
    if (
      openCount() >= parts.maxSockets ||
      (parts.forGateways && found.route.isFull()) ||
      (known === null ? doorstep.sockets.size >= parts.maxSocketsUnauthenticated : isFull(known))
    ) {
      return reject(problem('LIMIT_REACHED', 'Too many sockets are open: close some first.'));
    }
    if (socket.destroyed) return;
    const { route, server } = found;
    server.handleUpgrade(request, socket, head, (client) => {
      if (known !== null) {
        attach(route, client, known, url.searchParams);
        return;
      }
      doorstep.wait({
        socket: client,
        tokenIn: (text) => route.tokenIn(text, Object.fromEntries(url.searchParams)),
        enter: (principal, messages) => enter(route, client, principal, url.searchParams, messages),
      });
      count();
      client.once('close', count);
    });
  }

  function ping(): void {
    for (const socket of open.keys()) {
      if (!answered.delete(socket)) socket.terminate();
      else socket.ping();
    }
  }
  const stopPinging = runtime.timers.every(PING_PERIOD_MS, ping);

  function closeForKey(keyId: string): void {
    for (const [socket, principal] of open) {
      if (principal.keyId === keyId) socket.close(CLOSE_POLICY, 'the API key was revoked');
    }
  }

  async function closeForRevokedKeys(): Promise<void> {
    try {
      for (const keyId of [...perKey.keys()]) if (!(await parts.isActive(keyId))) closeForKey(keyId);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      logger.warn({ code: error.code, error: error.message }, 'the keys of open sockets cannot be checked');
    }
  }
  const stopChecking = runtime.timers.every(REVOKED_CHECK_PERIOD_MS, closeForRevokedKeys);

  return {
    upgrade(request, socket, head) {
      const requestId = runtime.ids.uuid();
      socket.on('error', (error) => logger.debug({ error, requestId }, 'a socket failed at the door'));
      admit(request, socket, head, requestId).catch((error: unknown) => {
        const failed = error instanceof OperatingError;
        logger[failed ? 'warn' : 'error']({ error, requestId }, 'a socket could not be admitted');
        const given = failed
          ? problem('DEPENDENCY_UNAVAILABLE', 'The key store cannot be reached; connect again in a moment.')
          : problem('INTERNAL', "A bug on our side; the log has it under the request's id.");
        refuse(socket, given, request.url ?? '/', requestId);
      });
    },
    closeForKey,
    async close(graceMs) {
      stopPinging();
      stopChecking();
      const all = [...open.keys(), ...doorstep.sockets];
      const gone = Promise.all(
        all.map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()))),
      );
      for (const socket of all) socket.close(CLOSE_GOING_AWAY, 'the program is ending');
      const enough = new AbortController();
      await Promise.race([gone, runtime.timers.sleep(graceMs, enough.signal)]);
      enough.abort();
      for (const socket of all) socket.terminate();
    },
  };
}
