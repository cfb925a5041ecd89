/**
 * A socket of a service in other processes: what the client sends goes to one instance, what that sends comes back.
 *
 *   connecting ──open──▶ joined ──either side closes──▶ closed
 *       └── an instance that does not take it: the next
 *
 * A client that reads slowly slows its own instance down through this gateway, so that the instance conflates for it
 * as if it were connected directly. A client whose instance does not read is closed, and so is one whose instance is
 * silent: prices that stand still would look like prices. Nothing grows here: both directions are bounded.
 */
import WebSocket from 'ws';
import type {
  SocketConnection,
  SocketDeclaration,
  SocketHandler,
  SocketRoute,
} from '#infrastructure/core/http.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import { CALLER_HEADER, type CallerSigner } from './caller-signature.ts';
import type { Instance } from './instance.ts';
import type { Upstream } from './upstream.ts';

export interface ProxiedSocketParts {
  readonly declaration: SocketDeclaration;
  readonly upstream: Pick<Upstream, 'name' | 'candidates'>;
  readonly signer: CallerSigner;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly maxFrameBytes: number;
}

const PROTOCOL = 'phoenix';
const HANDSHAKE_TIMEOUT_MS = 5_000;
/** An instance that is silent for two of these is taken for gone. */
const PING_PERIOD_MS = 10_000;
/** What a client may have sent before its instance is reached: so many frames, and no more than `FULL_BYTES`. */
const MAX_WAITING_FRAMES = 256;
/** Frames of a service are larger than a client's: a snapshot holds many. */
const LARGEST_SERVICE_FRAME_BYTES = 16 * 1024 * 1024;
const FULL_BYTES = 256 * 1024;
const LOOK_AGAIN_MS = 20;
const CLOSE_SERVICE_RESTART = 1012;
const CLOSE_TRY_AGAIN = 1013;
const CLOSE_NO_STATUS = 1005;
const CLOSE_ABNORMAL = 1006;
const CLOSE_NORMAL = 1000;

export function proxiedSocket(parts: ProxiedSocketParts): SocketRoute {
  return {
    ...parts.declaration,
    maxFrameBytes: parts.maxFrameBytes,
    isFull: () => false,
    accept: (connection) => new ProxiedSocket(parts, connection),
  };
}

class ProxiedSocket implements SocketHandler {
  readonly #parts: ProxiedSocketParts;
  readonly #connection: SocketConnection;
  readonly #waiting: string[] = [];
  #waitingBytes = 0;
  #service: WebSocket | null = null;
  #joined = false;
  /** Since the last ping. */
  #heard = true;
  #over = false;

  constructor(parts: ProxiedSocketParts, connection: SocketConnection) {
    this.#parts = parts;
    this.#connection = connection;
    void this.#connect();
  }

  onMessage(text: string): void {
    if (this.#over) return;
    const { name } = this.#parts.upstream;
    if (this.#joined && this.#service !== null) {
      this.#service.send(text);
      if (this.#service.bufferedAmount <= FULL_BYTES) return;
      this.#end(CLOSE_TRY_AGAIN, `the ${name} service does not take what you send`);
      this.#service.terminate();
      return;
    }
    this.#waitingBytes += Buffer.byteLength(text);
    if (this.#waiting.length >= MAX_WAITING_FRAMES || this.#waitingBytes > FULL_BYTES) {
      this.#end(CLOSE_TRY_AGAIN, `the ${name} service is not reached yet`);
      return;
    }
    this.#waiting.push(text);
  }

  onClose(): void {
    this.#over = true;
    if (this.#joined) this.#service?.close(CLOSE_NORMAL);
    else this.#service?.terminate();
  }

  async #connect(): Promise<void> {
    const { upstream, logger } = this.#parts;
    const { principal } = this.#connection;
    const affinity = principal?.kind === 'api-key' ? principal.accountId : this.#parts.runtime.ids.uuid();
    for await (const instance of upstream.candidates(affinity)) {
      if (this.#over) return;
      const opened = await this.#open(instance);
      if (opened === 'opened' || this.#over) return;
      logger.warn(
        { service: upstream.name, address: instance.address.origin, reason: opened },
        'a socket was not taken',
      );
    }
    this.#end(CLOSE_TRY_AGAIN, `the ${upstream.name} service cannot be reached`);
  }

  /** `opened`, or why not. */
  async #open(instance: Instance): Promise<string> {
    const { declaration, signer, runtime } = this.#parts;
    const { path } = declaration;
    const { instanceId, address } = instance;
    if (instanceId === null) return 'not asked yet';
    const query = new URLSearchParams(this.#connection.connectParameters).toString();
    const target = query === '' ? path : `${path}?${query}`;
    const requestId = runtime.ids.uuid();
    const signed = { method: 'GET', target, requestId, body: '' };
    const service = new WebSocket(address.origin.replace(/^http/, 'ws') + target, [PROTOCOL], {
      headers: {
        'x-request-id': requestId,
        [CALLER_HEADER]: signer.sign(this.#connection.principal, signed, instanceId),
      },
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: LARGEST_SERVICE_FRAME_BYTES,
      perMessageDeflate: false,
      ...(address.serverName === null ? {} : { servername: address.serverName }),
    });
    this.#service = service;
    // Before it opens: its first message may come in the same read as its opening.
    service.on('message', (data) => {
      this.#heard = true;
      this.#connection.send(data.toString());
      if (this.#connection.bufferedBytes() > FULL_BYTES) void this.#hold(service);
    });
    return new Promise<string>((resolve) => {
      service.once('open', () => {
        if (this.#over) service.terminate();
        else this.#join(service);
        resolve('opened');
      });
      // ws closes the socket after an error; an answer that is no upgrade is an error too.
      service.on('error', (error) => resolve(error.message));
    });
  }

  #join(service: WebSocket): void {
    service.on('pong', () => {
      this.#heard = true;
    });
    const stopPinging = this.#parts.runtime.timers.every(PING_PERIOD_MS, () => this.#ping(service));
    service.on('close', (code, reason) => {
      stopPinging();
      const told = code !== CLOSE_NO_STATUS && code !== CLOSE_ABNORMAL;
      if (told) this.#end(code, reason.toString());
      else this.#end(CLOSE_SERVICE_RESTART, 'the service went away; connect again');
    });
    for (const text of this.#waiting.splice(0)) service.send(text);
    this.#joined = true;
  }

  #ping(service: WebSocket): void {
    // While the client is waited for nothing is read here, pongs neither.
    if (!this.#heard && !service.isPaused) {
      service.terminate();
      return;
    }
    this.#heard = service.isPaused;
    service.ping();
  }

  /** Reads no more from the service until the client has taken what is queued for it. */
  async #hold(service: WebSocket): Promise<void> {
    if (service.isPaused) return;
    service.pause();
    while (!this.#over && this.#connection.bufferedBytes() > FULL_BYTES) {
      await this.#parts.runtime.timers.sleep(LOOK_AGAIN_MS);
    }
    service.resume();
  }

  #end(code: number, reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#connection.close(code, reason);
  }
}
