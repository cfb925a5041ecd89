/**
 * What librdkafka is told, by the role of a client. Durable means: acknowledged by every replica in sync. Nothing waits
 * longer than a transaction may take.
 */
import assert from 'node:assert/strict';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import { tlsOf } from '#infrastructure/common/server-tls.ts';
import type { Settings } from './kafka-library.ts';

/** Of a transaction as the broker sees it, and so of everything that is part of one. */
export const TRANSACTION_TIMEOUT_MS = 10_000;
/** Of one call. Shorter than a transaction, so that its outcome is told before the broker gives it up. */
export const CALL_TIMEOUT_MS = 9_000;
/** How long a client waits for its first answer from a broker. */
export const CONNECT_TIMEOUT_MS = 8_000;

/** Of our producers, and of the topics that they write to. */
export const CODEC = 'lz4';

export type GroupProtocol = 'consumer' | 'classic';

const FETCH_QUEUE_KIB = 16 * 1024;
const SESSION_TIMEOUT_MS = 10_000;
const HEARTBEAT_MS = 1_000;

/** By the parameter of the URL. */
const MECHANISMS = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512',
} as const;
const DEFAULT_MECHANISM = 'scram-sha-512';

export interface Sasl {
  readonly mechanism: (typeof MECHANISMS)[keyof typeof MECHANISMS];
  readonly username: string;
  readonly password: string;
}

function isMechanism(name: string): name is keyof typeof MECHANISMS {
  return Object.hasOwn(MECHANISMS, name);
}

/** Who is calling; `null` where nobody has to say. */
export function saslOf({ username, password, parameters }: ServerAddress): Sasl | null {
  if (username === null) return null;
  const name = parameters['sasl'] ?? DEFAULT_MECHANISM;
  assert(isMechanism(name), 'the address was read by its scheme');
  return { mechanism: MECHANISMS[name], username, password: password ?? '' };
}

/** Where the brokers are, and who is calling. Throws an `OperatingError` for a file of authorities that cannot be read. */
export function connectionSettings(address: ServerAddress, clientId: string): Settings {
  const { hosts, tls } = address;
  const ca = tlsOf(address)?.ca;
  const sasl = saslOf(address);
  return {
    'bootstrap.servers': hosts
      .map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`)
      .join(','),
    'client.id': clientId,
    'security.protocol': `${sasl === null ? '' : 'sasl_'}${tls ? 'ssl' : 'plaintext'}`,
    ...(ca === undefined ? {} : { 'ssl.ca.pem': ca }),
    ...(sasl === null
      ? {}
      : {
          'sasl.mechanism': sasl.mechanism,
          'sasl.username': sasl.username,
          'sasl.password': sasl.password,
        }),
    'socket.timeout.ms': CALL_TIMEOUT_MS,
    'socket.connection.setup.timeout.ms': 5_000,
    'socket.keepalive.enable': true,
    // librdkafka doubles between the two, with jitter, but half of the first is also how often a client that misses its
    // brokers tries one whatever that one's pause: with 50 ms, fifteen processes kept a starting broker from the processors.
    'reconnect.backoff.ms': 500,
    'reconnect.backoff.max.ms': 1_000,
    'retry.backoff.ms': 50,
    'retry.backoff.max.ms': 1_000,
    'allow.auto.create.topics': false,
    log_level: 3,
  };
}

/** Of records of a transaction that nobody waits for one by one. */
const GATHER_MS = 10;

function producerSettings(lingerMs: number): Settings {
  return {
    acks: -1,
    'enable.idempotence': true,
    'message.timeout.ms': CALL_TIMEOUT_MS,
    'linger.ms': lingerMs,
    'compression.codec': CODEC,
    'message.max.bytes': 2 * 1024 * 1024,
    'queue.buffering.max.messages': 200_000,
    'queue.buffering.max.kbytes': 256 * 1024,
    dr_cb: true,
  };
}

/** Appends outside a transaction: repeats within the producer are told apart by the broker. */
export function appendingSettings(): Settings {
  return producerSettings(1);
}

/** Whether each record's offset is told, or only what failed. */
export type Reports = 'offsets' | 'failures';

/** A report costs several times what its record does: they are asked for where offsets are wanted. */
export function transactionalSettings(transactionalId: string, reports: Reports): Settings {
  return {
    // Who waits for reports waits for the records, and is not delayed. Else records gather, in fewer and larger batches: a
    // transaction's end sends what is there at once.
    ...producerSettings(reports === 'offsets' ? 0 : GATHER_MS),
    'delivery.report.only.error': reports === 'failures',
    'transactional.id': transactionalId,
    'transaction.timeout.ms': TRANSACTION_TIMEOUT_MS,
  };
}

function readingSettings(): Settings {
  return {
    'isolation.level': 'read_committed',
    'enable.auto.commit': false,
    'enable.auto.offset.store': false,
    'check.crcs': true,
    'queued.max.messages.kbytes': FETCH_QUEUE_KIB,
    'queued.min.messages': 20_000,
    'fetch.queue.backoff.ms': 20,
    'fetch.error.backoff.ms': 100,
  };
}

/** A member of a group. What it does for longer than `handOverMs` between two polls costs it its partitions. */
export function memberSettings(group: string, protocol: GroupProtocol, handOverMs: number): Settings {
  return {
    ...readingSettings(),
    'group.id': group,
    'max.poll.interval.ms': handOverMs,
    // Retention may overtake a position; what is left begins at the earliest.
    'auto.offset.reset': 'earliest',
    ...(protocol === 'consumer'
      ? { 'group.protocol': 'consumer' }
      : {
          'partition.assignment.strategy': 'cooperative-sticky',
          'session.timeout.ms': SESSION_TIMEOUT_MS,
          'heartbeat.interval.ms': HEARTBEAT_MS,
        }),
  };
}

/** Reads every partition without a group; the client wants a name of one all the same, and never uses it. */
export function followerSettings(): Settings {
  return { ...readingSettings(), 'group.id': 'none', 'auto.offset.reset': 'earliest' };
}

/** Reads to an end and says so. At an end the broker answers at once, since somebody waits. */
export function endReaderSettings(): Settings {
  return {
    ...readingSettings(),
    'group.id': 'none',
    'enable.partition.eof': true,
    'auto.offset.reset': 'error',
    'fetch.wait.max.ms': 5,
    'fetch.error.backoff.ms': 5,
  };
}

/** Names a group in a transaction, and joins nothing. */
export function groupNameSettings(group: string): Settings {
  return { 'group.id': group, 'enable.auto.commit': false };
}
