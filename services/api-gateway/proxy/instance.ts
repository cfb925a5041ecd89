/**
 * One process that answers for a service: its connections, its health, and one request to it.
 *
 * A request waits here until a connection is free, and is signed then: what waits was not sent, and no signature ages.
 *
 *   unknown ──probe──▶ ready ◀──▶ unready (alive, and says that it is not ready)
 *                        └──────▶ down (draining, or not there)
 */
import { errors, Pool } from 'undici';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import { INSTANCE_HEADER } from './caller-signature.ts';
import { Turns } from './turns.ts';
import type { Address } from './upstream-urls.ts';

export type InstanceState = 'unknown' | 'ready' | 'unready' | 'down';

export interface InstanceRequest {
  readonly method: 'GET' | 'POST' | 'DELETE' | 'PATCH' | 'PUT';
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** A request that any instance may be given. */
export interface Unsent {
  /** Gives the request for an instance, signed for it. */
  readonly make: (instanceId: string) => InstanceRequest;
  /** Whether nobody waits for the answer any more. */
  readonly isAbandoned: () => boolean;
}

export interface InstanceAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export type Sent =
  /** By whoever has this id, if it is still there: the request was signed for it. */
  | { readonly kind: 'answered'; readonly answer: InstanceAnswer; readonly instanceId: string }
  /** No connection, or nobody waits for the answer: the request was not sent. */
  | { readonly kind: 'not-sent'; readonly reason: string }
  /** All connections are busy, and as many wait for one as may, or it waited as long as it may: it was not sent. */
  | { readonly kind: 'full' }
  /** The request may have been worked on: no answer came, or none in time. */
  | { readonly kind: 'unknown'; readonly reason: string; readonly late: boolean };

export interface InstanceLimits {
  readonly connections: number;
  readonly answerTimeoutMs: number;
}

const CONNECT_TIMEOUT_MS = 2_000;
const PROBE_TIMEOUT_MS = 2_000;
const LONGEST_ANSWER_BYTES = 32 * 1024 * 1024;
/** For a connection; as many as wait for a service that restarts, since then they all come at once. */
const MAX_WAITING = 2_000;

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
  /** At the connections, so that none of what the pool is given waits in there. */
  readonly #turns: Turns;
  #state: InstanceState = 'unknown';
  #instanceId: string | null = null;
  #reason = 'not asked yet';

  constructor(address: Address, limits: InstanceLimits, runtime: Pick<Runtime, 'clock' | 'timers'>) {
    this.address = address;
    this.#turns = new Turns(limits.connections, runtime);
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

  /** Requests on their way and waiting for a connection. */
  get inFlight(): number {
    return this.#turns.inUse + this.#turns.waiting;
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

  /** Sends it when a connection is free, if one is until then, by the monotonic clock. */
  async send(unsent: Unsent, untilMs: number): Promise<Sent> {
    if (this.#turns.waiting >= MAX_WAITING) return { kind: 'full' };
    const turn = await this.#turns.take(untilMs);
    if (turn === 'not-in-time') return { kind: 'full' };
    if (turn === 'sent-away') return { kind: 'not-sent', reason: this.#reason };
    try {
      return await this.#sendNow(unsent);
    } finally {
      this.#turns.give();
    }
  }

  async #sendNow({ make, isAbandoned }: Unsent): Promise<Sent> {
    const instanceId = this.#instanceId;
    if (instanceId === null) return { kind: 'not-sent', reason: this.#reason };
    if (isAbandoned()) return { kind: 'not-sent', reason: 'nobody waits for the answer' };
    const request = make(instanceId);
    try {
      const { statusCode, headers, body } = await this.#pool.request({
        method: request.method,
        path: request.target,
        headers: request.headers,
        body: request.body,
      });
      const answer = { status: statusCode, headers, body: await body.text() };
      return { kind: 'answered', answer, instanceId };
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
    }
  }

  async close(): Promise<void> {
    this.#become('down', 'not asked any more');
    await Promise.all([this.#pool.destroy(), this.#probes.destroy()]);
  }

  #become(state: InstanceState, reason: string): void {
    this.#state = state;
    this.#reason = reason;
    if (state === 'down') this.#turns.sendAway();
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined || error.message.includes(code) ? error.message : `${error.message} (${code})`;
}
