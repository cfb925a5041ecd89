/**
 * One process that answers for a service: its connections, its health, and one request to it.
 *
 *   unknown ──probe──▶ ready ◀──▶ unready (alive, and says that it is not ready)
 *                        └──────▶ down (draining, or not there)
 */
import { errors, Pool } from 'undici';
import { INSTANCE_HEADER } from './caller-signature.ts';
import type { Address } from './upstream-urls.ts';

export type InstanceState = 'unknown' | 'ready' | 'unready' | 'down';

export interface InstanceRequest {
  readonly method: 'GET' | 'POST' | 'DELETE' | 'PATCH' | 'PUT';
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

export interface InstanceAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export type Sent =
  | { readonly kind: 'answered'; readonly answer: InstanceAnswer }
  /** No connection: the request was not sent. */
  | { readonly kind: 'not-sent'; readonly reason: string }
  /** The request may have been worked on: no answer came, or none in time. */
  | { readonly kind: 'unknown'; readonly reason: string; readonly late: boolean };

export interface InstanceLimits {
  readonly connections: number;
  readonly answerTimeoutMs: number;
}

const CONNECT_TIMEOUT_MS = 2_000;
const PROBE_TIMEOUT_MS = 2_000;
const LONGEST_ANSWER_BYTES = 32 * 1024 * 1024;

/** Nothing of the request has left when these happen. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'UND_ERR_CONNECT_TIMEOUT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_HAS_EXPIRED',
]);

export class Instance {
  readonly address: Address;
  readonly #pool: Pool;
  /** A connection of its own, so that its health does not wait behind the requests. */
  readonly #probes: Pool;
  #state: InstanceState = 'unknown';
  #instanceId: string | null = null;
  #reason = 'not asked yet';
  #inFlight = 0;

  constructor(address: Address, limits: InstanceLimits) {
    this.address = address;
    const open = (connections: number, answerTimeoutMs: number): Pool =>
      new Pool(address.origin, {
        connections,
        pipelining: 1,
        headersTimeout: answerTimeoutMs,
        bodyTimeout: answerTimeoutMs,
        maxResponseSize: LONGEST_ANSWER_BYTES,
        connect: {
          timeout: CONNECT_TIMEOUT_MS,
          ...(address.serverName === null ? {} : { servername: address.serverName }),
        },
      });
    this.#pool = open(limits.connections, limits.answerTimeoutMs);
    this.#probes = open(1, PROBE_TIMEOUT_MS);
  }

  get state(): InstanceState {
    return this.#state;
  }

  /** What was last learnt of it, for people. */
  get reason(): string {
    return this.#reason;
  }

  /** The id that the process drew at its start; `null` until it was asked. */
  get instanceId(): string | null {
    return this.#instanceId;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Asks for its readiness. */
  async probe(): Promise<void> {
    try {
      const { statusCode, headers, body } = await this.#probes.request({ method: 'GET', path: '/readyz' });
      await body.dump();
      const instanceId = headers[INSTANCE_HEADER];
      if (typeof instanceId !== 'string') {
        this.#become('down', statusCode === 503 ? 'shutting down' : 'what answers there is not Tradehall');
        return;
      }
      this.#instanceId = instanceId;
      this.#become(statusCode === 200 ? 'ready' : 'unready', `readiness ${statusCode}`);
    } catch (error) {
      this.#become('down', reasonOf(error));
    }
  }

  /** Takes it out of rotation until a probe says otherwise. */
  markDown(reason: string): void {
    this.#become('down', reason);
  }

  async send(request: InstanceRequest): Promise<Sent> {
    this.#inFlight += 1;
    try {
      const { statusCode, headers, body } = await this.#pool.request({
        method: request.method,
        path: request.target,
        headers: request.headers,
        body: request.body,
      });
      return { kind: 'answered', answer: { status: statusCode, headers, body: await body.text() } };
    } catch (error) {
      const reason = reasonOf(error);
      const code = (error as NodeJS.ErrnoException).code ?? '';
      if (NOT_SENT.has(code)) {
        this.#become('down', reason);
        return { kind: 'not-sent', reason };
      }
      const late = error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError;
      if (!late) this.#become('down', reason);
      return { kind: 'unknown', reason, late };
    } finally {
      this.#inFlight -= 1;
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool.destroy(), this.#probes.destroy()]);
  }

  #become(state: InstanceState, reason: string): void {
    this.#state = state;
    this.#reason = reason;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined || error.message.includes(code) ? error.message : `${error.message} (${code})`;
}
