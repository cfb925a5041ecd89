/**
 * A service in other processes: finds its instances, watches their health, and sends each request to one that is
 * ready: an account's always to the same one while it is there, since that one knows the account's last requests.
 *
 * What an instance did not take (no connection, or it is draining) goes to the next. What it may have taken is sent
 * again only when a repeat is harmless, and then only an answer to the repeat says what happened: a refusal does not.
 * While a service that was ready a moment ago is not, as in a restart, requests wait for it, each for so long from its
 * start; then they go to one that is alive but not ready, which answers for itself, or are refused.
 */
import { hash } from 'node:crypto';
import type { ResolveHost } from '#infrastructure/core/host-names.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import type { Metrics } from '#infrastructure/core/metrics.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { Instance, InstanceAnswer, InstanceLimits, InstanceState, Unsent } from './instance.ts';
import { resolveUrls } from './upstream-urls.ts';

export type UpstreamOutcome =
  | { readonly kind: 'answered'; readonly answer: InstanceAnswer }
  /** No instance took it, or none answered what changes nothing: nothing happened. */
  | { readonly kind: 'unreachable' }
  /** Too many requests are on their way or waiting: nothing happened. */
  | { readonly kind: 'overloaded' }
  /** Nobody waits for the answer any more, and no instance had taken it: nothing happened. */
  | { readonly kind: 'abandoned' }
  /** It may have happened. */
  | { readonly kind: 'unknown' };

export interface UpstreamParts {
  /** The target's name. */
  readonly name: string;
  readonly urls: readonly URL[];
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly resolve: ResolveHost;
  readonly limits: InstanceLimits;
  /** How long a request waits to be taken by an instance, and how long after it was last ready a service is waited for. */
  readonly patienceMs: number;
}

export interface UpstreamView {
  readonly address: string;
  readonly state: InstanceState;
  readonly reason: string;
  readonly inFlight: number;
}

export interface Sending extends Unsent {
  /** `safe`: it changes nothing. `idempotent`: sent twice it is the same request. `neither`: it would be another one. */
  readonly repeat: 'safe' | 'idempotent' | 'neither';
  /** Requests of one affinity go to one instance. */
  readonly affinity: string;
}

/** A request until its outcome is there. */
interface Journey extends Sending {
  /** When it has waited long enough. */
  readonly deadlineMs: number;
  /** An instance may have done what it asks for. */
  mayHaveHappened: boolean;
  /** An instance that is there does not believe this gateway. */
  isRefused: boolean;
}

const PROBE_PERIOD_MS = 250;
const RESOLVE_PERIOD_MS = 5_000;
/** The system's resolver has no limit of its own. */
const RESOLVE_TIMEOUT_MS = 5_000;
const MAX_WAITING = 2_000;
/** Answers that say: not taken, ask another. */
const NOT_TAKEN = new Set(['SHUTTING_DOWN', 'CALLER_NOT_BELIEVED']);
const NOT_BELIEVED =
  'does not believe this gateway: service_keys must hold the same keys on both, and their clocks must agree';

export class Upstream {
  readonly name: string;
  readonly #parts: UpstreamParts;
  readonly #instances = new Map<string, Instance>();
  /** Those that are being asked how they are. */
  readonly #asked = new Set<Instance>();
  /** Those that refused the last signature. */
  readonly #disbelieving = new Set<Instance>();
  readonly #outcomes;
  readonly #closing = new AbortController();
  #loop: Promise<void> | null = null;
  #waiting = 0;
  #lastReadyMs = Number.NEGATIVE_INFINITY;
  #changed = Promise.withResolvers<void>();

  constructor(parts: UpstreamParts) {
    this.name = parts.name;
    this.#parts = parts;
    this.#outcomes = parts.metrics.counter(
      'tradehall_upstream_requests_total',
      'Requests passed on to services in other processes, by outcome.',
      ['service', 'outcome'],
    );
  }

  /** Resolves when every address was asked once. */
  async start(): Promise<void> {
    await this.#resolve();
    await this.#probeAll();
    this.#loop = this.#watch();
  }

  /** Whether an instance is ready. */
  get ready(): boolean {
    return [...this.#instances.values()].some(({ state }) => state === 'ready');
  }

  view(): readonly UpstreamView[] {
    return [...this.#instances.values()].map((instance) => ({
      address: instance.address.origin,
      state: instance.state,
      reason: this.#disbelieving.has(instance) ? NOT_BELIEVED : instance.reason,
      inFlight: instance.inFlight,
    }));
  }

  async send(sending: Sending): Promise<UpstreamOutcome> {
    const deadlineMs = this.#deadlineMs();
    const journey: Journey = { ...sending, deadlineMs, mayHaveHappened: false, isRefused: false };
    const outcome = await this.#sendPatiently(journey);
    const isSettled = outcome.kind === 'answered' && outcome.answer.status < 500;
    return this.#count(journey.mayHaveHappened && !isSettled ? { kind: 'unknown' } : outcome);
  }

  /**
   * Instances to connect a socket to, the best first, waited for as a request would: asking for the next one says that
   * the last one did not take it.
   */
  async *candidates(affinity: string): AsyncGenerator<Instance, void> {
    const deadlineMs = this.#deadlineMs();
    const tried = new Set<Instance>();
    do {
      for (;;) {
        const instance = this.#next('ready', tried, affinity);
        if (instance === null) break;
        tried.add(instance);
        const { instanceId } = instance;
        yield instance;
        await instance.probe();
        const isAnother = instance.state !== 'ready' || instance.instanceId !== instanceId;
        if (isAnother && this.#parts.runtime.clock.monotonicMs() < deadlineMs) tried.delete(instance);
      }
    } while (!this.ready && (await this.#waitForReady(deadlineMs)));
    const unready = this.#next('unready', tried, affinity);
    if (unready !== null) yield unready;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#changed.resolve();
    await this.#loop;
    await Promise.all([...this.#instances.values()].map((instance) => instance.close()));
  }

  #deadlineMs(): number {
    return this.#parts.runtime.clock.monotonicMs() + this.#parts.patienceMs;
  }

  async #sendPatiently(journey: Journey): Promise<UpstreamOutcome> {
    for (;;) {
      const outcome = await this.#tryEach('ready', journey);
      if (outcome !== null) return outcome;
      // Neither keys nor clocks are mended while it waits.
      if (journey.isRefused) break;
      if (this.#waiting >= MAX_WAITING) return { kind: 'overloaded' };
      if (!(await this.#waitForReady(journey.deadlineMs))) break;
    }
    return (await this.#tryEach('unready', journey)) ?? { kind: 'unreachable' };
  }

  /** `null` when no instance in that state took it. */
  async #tryEach(state: InstanceState, journey: Journey): Promise<UpstreamOutcome | null> {
    const tried = new Set<Instance>();
    const startedAnew = new Set<Instance>();
    let isFull = false;
    for (;;) {
      if (journey.isAbandoned()) return { kind: 'abandoned' };
      const instance = this.#next(state, tried, journey.affinity);
      if (instance === null) return isFull ? { kind: 'overloaded' } : null;
      tried.add(instance);
      const sent = await instance.send(journey, journey.deadlineMs);
      switch (sent.kind) {
        case 'answered': {
          const refusal = notTakenCode(sent.answer);
          if (refusal === null) {
            this.#believes(instance);
            return { kind: 'answered', answer: sent.answer };
          }
          if (refusal === 'SHUTTING_DOWN') {
            instance.markDown('shutting down');
            break;
          }
          await instance.probe();
          if (instance.state === 'down') break;
          if (instance.instanceId === sent.instanceId) {
            journey.isRefused = true;
            this.#disbelieves(instance);
          } else if (!startedAnew.has(instance)) {
            // It can be asked again as the one that it is now; once, since its address may stand for many.
            startedAnew.add(instance);
            tried.delete(instance);
          }
          break;
        }
        case 'not-sent':
          break;
        case 'full':
          isFull = true;
          break;
        case 'unknown':
          this.#parts.logger.warn(
            { service: this.name, address: instance.address.origin, reason: sent.reason },
            'an instance did not answer',
          );
          journey.mayHaveHappened ||= journey.repeat !== 'safe';
          // `send` makes of this what it means. Late: it may be slow, and so would the next one be.
          if (sent.late || journey.repeat === 'neither') return { kind: 'unreachable' };
          break;
      }
    }
  }

  #disbelieves(instance: Instance): void {
    instance.markDown(NOT_BELIEVED);
    if (this.#disbelieving.has(instance)) return;
    this.#disbelieving.add(instance);
    this.#parts.logger.error(
      { service: this.name, address: instance.address.origin },
      `an instance ${NOT_BELIEVED}`,
    );
  }

  #believes(instance: Instance): void {
    if (!this.#disbelieving.delete(instance)) return;
    this.#parts.logger.info(
      { service: this.name, address: instance.address.origin },
      'an instance believes this gateway again',
    );
  }

  /** By rendezvous hashing: when an instance comes or goes, only its own accounts move. */
  #next(state: InstanceState, tried: ReadonlySet<Instance>, affinity: string): Instance | null {
    let best: Instance | null = null;
    let bestWeight = '';
    for (const instance of this.#instances.values()) {
      if (instance.state !== state || tried.has(instance)) continue;
      const weight = hash('sha256', `${affinity} ${instance.address.origin}`, 'hex');
      if (weight <= bestWeight) continue;
      best = instance;
      bestWeight = weight;
    }
    return best;
  }

  /** False when there is nothing to wait for: no instance was ready for too long, or this is closing. */
  async #waitForReady(deadlineMs: number): Promise<boolean> {
    const { clock, timers } = this.#parts.runtime;
    const untilMs = Math.min(deadlineMs, this.#lastReadyMs + this.#parts.patienceMs);
    const leftMs = untilMs - clock.monotonicMs();
    if (leftMs <= 0 || this.#closing.signal.aborted) return false;
    this.#waiting += 1;
    const enough = new AbortController();
    try {
      await Promise.race([this.#changed.promise, timers.sleep(leftMs, enough.signal)]);
    } finally {
      enough.abort();
      this.#waiting -= 1;
    }
    return !this.#closing.signal.aborted;
  }

  /** Waits for nobody: an instance or a name server that is slow must not hide how the others are. */
  async #watch(): Promise<void> {
    const { clock, timers } = this.#parts.runtime;
    let resolvedAtMs = clock.monotonicMs();
    let resolving: Promise<void> | null = null;
    while (!this.#closing.signal.aborted) {
      await timers.sleep(PROBE_PERIOD_MS, this.#closing.signal);
      if (this.#closing.signal.aborted) break;
      if (resolving === null && clock.monotonicMs() - resolvedAtMs >= RESOLVE_PERIOD_MS) {
        resolving = this.#resolve().finally(() => {
          resolving = null;
          resolvedAtMs = clock.monotonicMs();
        });
      }
      void this.#probeAll();
    }
    await resolving;
  }

  async #probeAll(): Promise<void> {
    await Promise.all([...this.#instances.values()].map((instance) => this.#probe(instance)));
  }

  async #probe(instance: Instance): Promise<void> {
    if (this.#asked.has(instance)) return;
    this.#asked.add(instance);
    await instance.probe();
    this.#asked.delete(instance);
    if (!this.ready) return;
    this.#lastReadyMs = this.#parts.runtime.clock.monotonicMs();
    const changed = this.#changed;
    this.#changed = Promise.withResolvers();
    changed.resolve();
  }

  async #resolve(): Promise<void> {
    const { urls, limits, logger, runtime } = this.#parts;
    const { addresses, unresolved } = await resolveUrls(urls, (host) => this.#resolveInTime(host));
    // Its HTTP client takes a tenth of a second to load, and a process with all targets has no other to ask.
    const { Instance } = await import('./instance.ts');
    if (this.#closing.signal.aborted) return;
    for (const address of addresses) {
      if (!this.#instances.has(address.origin))
        this.#instances.set(address.origin, new Instance(address, limits, runtime));
    }
    if (unresolved.length > 0) {
      // What was known stays: a name server that fails for a moment must not take a service away.
      logger.warn({ service: this.name, names: unresolved }, 'names cannot be resolved');
      return;
    }
    const now = new Set(addresses.map(({ origin }) => origin));
    for (const [origin, instance] of this.#instances) {
      if (now.has(origin) || instance.inFlight > 0) continue;
      this.#instances.delete(origin);
      this.#disbelieving.delete(instance);
      await instance.close();
    }
  }

  async #resolveInTime(host: string): Promise<readonly string[]> {
    const { resolve, runtime } = this.#parts;
    const enough = new AbortController();
    const { signal } = this.#closing;
    const late = runtime.timers.sleep(RESOLVE_TIMEOUT_MS, AbortSignal.any([signal, enough.signal]));
    try {
      return await Promise.race([
        resolve(host),
        late.then(() => {
          throw new Error(`${host} was not resolved within ${RESOLVE_TIMEOUT_MS} ms`);
        }),
      ]);
    } finally {
      enough.abort();
    }
  }

  #count(outcome: UpstreamOutcome): UpstreamOutcome {
    this.#outcomes.increment({ service: this.name, outcome: outcome.kind });
    return outcome;
  }
}

/** The code of an answer that says the request was not taken, else `null`. */
function notTakenCode({ status, body }: InstanceAnswer): string | null {
  if (status !== 503 && status !== 401) return null;
  let read: unknown;
  try {
    read = JSON.parse(body);
  } catch {
    return null; // Not one of our problem documents: an answer as any other.
  }
  const code = typeof read === 'object' && read !== null && 'code' in read ? read.code : null;
  return typeof code === 'string' && NOT_TAKEN.has(code) ? code : null;
}
