/** Opens clients to one cluster, makes calls to it within their time, and puts its failures into sentences. */

import { describeServer, type ServerAddress } from '#infrastructure/common/server-address.ts';
import {
  createServerCalls,
  type ServerCalls,
  type ServerFailure,
} from '#infrastructure/common/server-calls.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import type { Metrics } from '#infrastructure/core/metrics.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import { readSettings, type SettingsAsked, type SettingValues } from './cluster-settings.ts';
import { HeldClient } from './held-client.ts';
import { CODE, classifyAppend, classifyRead, codeOf, codeOfEvent, operatingError } from './kafka-failures.ts';
import {
  isKafkaFailure,
  type KafkaFailure,
  type KafkaLibrary,
  type NativeAdmin,
  type NativeConsumer,
  type NativeMetadata,
  type NativeProducer,
  type Settings,
} from './kafka-library.ts';
import { CALL_TIMEOUT_MS, CONNECT_TIMEOUT_MS, connectionSettings } from './kafka-settings.ts';

/** What a producer that closes still sends. */
const FLUSH_MS = 500;
/** Beyond the time that a client is given itself, for one that does not keep to it. */
const GRACE_MS = 1_000;
/** How often a producer that connects is asked for what it reports. */
const ASK_MS = 50;

/** Errors of a connection that say more than "no broker answers". */
const TELLING = new Set<number>([CODE.authentication, CODE.saslFailed, CODE.ssl, CODE.resolve]);

/** How a question ends that found nobody to put it to. */
const NO_BROKER = new Set<number>([CODE.transport, CODE.timedOut, CODE.allBrokersDown]);

/** A topic just made that was asked for too early stays unknown to that client as well. */
const STALE_METADATA = new Set<number>([
  CODE.unknownTopicOrPartition,
  CODE.unknownPartition,
  CODE.unknownTopic,
  CODE.noEntry,
  CODE.leaderNotAvailable,
  CODE.notLeader,
  CODE.fencedLeaderEpoch,
  CODE.unknownLeaderEpoch,
]);

export interface KafkaConnectionOptions {
  readonly library: KafkaLibrary;
  readonly address: ServerAddress;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

interface Connected<Client> {
  readonly client: Client;
  readonly metadata: NativeMetadata;
}

export class KafkaConnection {
  readonly library: KafkaLibrary;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly address: ServerAddress;
  /** Begins sentences. */
  readonly name: string;
  /** In the address. */
  readonly hostsNamed: number;
  readonly #calls: ServerCalls;
  #admin: HeldClient<NativeAdmin>;
  /** The last question of the administrative client found no broker. */
  #unheard = false;
  #hearing: Promise<void> | null = null;

  constructor(options: KafkaConnectionOptions) {
    const { library, address, runtime, logger, metrics } = options;
    this.library = library;
    this.runtime = runtime;
    this.logger = logger;
    this.address = address;
    this.name = describeServer('Kafka', address);
    this.hostsNamed = new Set(address.hosts.map(({ host, port }) => `${host}:${port}`)).size;
    this.#calls = createServerCalls({
      server: 'kafka',
      name: this.name,
      unavailable: 'LOG_UNAVAILABLE',
      classify: classifyRead,
      timeoutMs: CALL_TIMEOUT_MS + GRACE_MS,
      // A topic just made, or a broker just gone, takes a moment to have a leader again.
      attempts: 6,
      runtime,
      metrics,
      logger,
    });
    this.#admin = this.#openAdmin();
  }

  #settings(role: string, settings: Settings): Settings {
    return { ...connectionSettings(this.address, `tradehall-${role}`), ...settings };
  }

  #openAdmin(): HeldClient<NativeAdmin> {
    const native = this.library.AdminClient.create(this.#settings('admin', {}));
    return new HeldClient(native, (admin, done) => {
      admin.disconnect();
      done();
    });
  }

  /** A call that changes nothing, or may be made again. */
  read<Value>(what: string, task: () => Promise<Value>): Promise<Value> {
    return this.#calls.call(what, () => this.#withFreshMetadata(task), { repeatable: true });
  }

  /**
   * Of the administrative client, within `read`. While such a question waits for a broker that refuses connections, the
   * client connects again without a pause and takes a whole processor, which the broker may need to start. So after one
   * that found no broker the next is put only when another client, which keeps to its pauses, has heard from one.
   */
  async ask<Value>(
    start: (
      admin: NativeAdmin,
      callback: (error: KafkaFailure | null | undefined, value: Value) => void,
    ) => unknown,
  ): Promise<Value> {
    if (this.#unheard) await this.#hear();
    try {
      return await this.#admin.call(start);
    } catch (error) {
      if (NO_BROKER.has(codeOf(error) ?? 0)) this.#unheard = true;
      throw error;
    }
  }

  /** One for each of `asked`, in their order. */
  settings(asked: readonly SettingsAsked[]): Promise<readonly SettingValues[]> {
    return this.read('describe_configs', () => readSettings(this.address, asked));
  }

  /** Resolves when a broker answers; all who ask meanwhile wait for the same answer. */
  #hear(): Promise<void> {
    this.#hearing ??= this.producer('hearing', {})
      .then((client) => {
        this.#unheard = false;
        void client.close();
      })
      .finally(() => {
        this.#hearing = null;
      });
    return this.#hearing;
  }

  /** That client asks who leads a partition once and for all: when that was wrong it is replaced. */
  async #withFreshMetadata<Value>(task: () => Promise<Value>): Promise<Value> {
    try {
      return await task();
    } catch (error) {
      if (STALE_METADATA.has(codeOf(error) ?? 0) && !this.#admin.isClosing) {
        void this.#admin.close();
        this.#admin = this.#openAdmin();
      }
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#hearing]);
    await this.#admin.close();
  }

  /** A call that is made once. */
  once<Value>(what: string, task: () => Promise<Value>, timeoutMs?: number): Promise<Value> {
    return this.#calls.call(what, task, timeoutMs === undefined ? {} : { timeoutMs });
  }

  /** `error` in a sentence; what no broker did is thrown on as it is. */
  failed(error: unknown, classify: (error: unknown) => ServerFailure | null = classifyRead): unknown {
    return operatingError(this.name, classify(error), error) ?? error;
  }

  appendFailed(error: unknown): unknown {
    return this.failed(error, classifyAppend);
  }

  unavailable(reason: string): OperatingError {
    return new OperatingError('LOG_UNAVAILABLE', `${this.name} ${reason}.`, { retry: 'retry' });
  }

  async producer(role: string, settings: Settings): Promise<HeldClient<NativeProducer>> {
    const { client } = await this.producerWithMetadata(role, settings);
    return client;
  }

  /** With all topics of the cluster. */
  async producerWithMetadata(
    role: string,
    settings: Settings,
  ): Promise<Connected<HeldClient<NativeProducer>>> {
    const native = new this.library.Producer(this.#settings(role, settings));
    const client = new HeldClient(native, (producer, done) => producer.disconnect(FLUSH_MS, done));
    // Until it has heard from a broker nobody else asks it what is wrong.
    const stopAsking = this.runtime.timers.every(ASK_MS, () => {
      if (native.isConnected()) native.poll();
    });
    try {
      const metadata = await this.#connect(native, client);
      native.setPollInBackground(true);
      return { client, metadata };
    } finally {
      stopAsking();
    }
  }

  async consumer(role: string, settings: Settings): Promise<HeldClient<NativeConsumer>> {
    const native = new this.library.KafkaConsumer(this.#settings(role, settings));
    const client = new HeldClient(native, (consumer, done) => consumer.disconnect(done));
    await this.#connect(native, client);
    native.setDefaultConsumeTimeout(0);
    return client;
  }

  async #connect<Native extends NativeProducer | NativeConsumer>(
    native: Native,
    client: HeldClient<Native>,
  ): Promise<NativeMetadata> {
    let telling: KafkaFailure | null = null;
    const told = new Promise<never>((_resolve, reject) => {
      native.on('event.error', (error) => {
        // A wrong password does not get better by waiting.
        const code = codeOfEvent(error);
        if (TELLING.has(code)) {
          telling ??= { code, message: error.message };
          reject(telling);
        }
        this.logger.debug({ code: error.code, error: error.message }, 'a Kafka client reports an error');
      });
    });
    told.catch(() => undefined);
    try {
      const connecting = client.call<NativeMetadata>((connected, callback) =>
        connected.connect({ timeout: CONNECT_TIMEOUT_MS, allTopics: true }, callback),
      );
      return await Promise.race([connecting, told]);
    } catch (error) {
      client.close().catch(() => undefined);
      if (!isKafkaFailure(error)) throw error;
      throw this.failed(telling ?? error, explainConnect);
    }
  }
}

function explainConnect(error: unknown): ServerFailure | null {
  if (!isKafkaFailure(error)) return null;
  if (error.code === CODE.ssl) {
    const reason = `refuses TLS, or is not who it should be (${error.message}): look at ?tls= and ?ca= of its URL`;
    return { code: 'LOG_UNAVAILABLE', reason, retry: 'retry' };
  }
  if (error.code === CODE.resolve) {
    return {
      code: 'LOG_UNAVAILABLE',
      reason: `has a host name that is not known (${error.message})`,
      retry: 'retry',
    };
  }
  if (NO_BROKER.has(error.code)) {
    const reason = `does not answer within ${CONNECT_TIMEOUT_MS} ms, which is also what a broker does that wants TLS or another user`;
    return { code: 'LOG_UNAVAILABLE', reason, retry: 'retry' };
  }
  return classifyRead(error);
}
