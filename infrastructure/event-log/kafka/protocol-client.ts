/**
 * The second client of Kafka, in JavaScript: for what the binding of librdkafka has no call for, or only one that may end the
 * process (decision 25), and for what it does at too high a price (decision 27). It is loaded when somebody asks for it.
 */
import { isIP } from 'node:net';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import { tlsOf } from '#infrastructure/common/server-tls.ts';
import { CODE } from './kafka-failures.ts';
import type { KafkaFailure } from './kafka-library.ts';
import { CONNECT_TIMEOUT_MS, saslOf } from './kafka-settings.ts';

export type ProtocolClient = typeof import('@platformatic/kafka');

export function loadProtocolClient(): Promise<ProtocolClient> {
  return import('@platformatic/kafka');
}

export type ProtocolOptions = ReturnType<typeof protocolOptions>;

/** How it connects, and how long it waits for that and for each answer. */
export function protocolOptions(address: ServerAddress) {
  const tls = tlsOf(address);
  const sasl = saslOf(address);
  return {
    connectTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: CONNECT_TIMEOUT_MS,
    // Each broker is compared with its own name, which the address need not hold.
    ...(tls === null ? {} : { tls: tls.ca === undefined ? {} : { ca: tls.ca } }),
    ...(address.hosts.some(({ host }) => isIP(host) !== 0) ? {} : { tlsServerName: true }),
    ...(sasl === null ? {} : { sasl }),
  };
}

/** By a client of its own, which is closed when it has its answer. Rejects with a `KafkaFailure`. */
export async function askByProtocol<Answer>(
  address: ServerAddress,
  role: string,
  ask: (admin: InstanceType<ProtocolClient['Admin']>, client: ProtocolClient) => Promise<Answer>,
): Promise<Answer> {
  const client = await loadProtocolClient();
  const admin = new client.Admin({
    clientId: `tradehall-${role}`,
    bootstrapBrokers: address.hosts.map(({ host, port }) => ({ host, port })),
    retries: 0,
    ...protocolOptions(address),
  });
  try {
    return await ask(admin, client);
  } catch (error) {
    const failure = protocolFailure(client, error);
    if (failure === null) throw error;
    throw Object.assign(new Error(failure.message, { cause: error }), { code: failure.code });
  } finally {
    await admin.close();
  }
}

/** With the protocol's code where a broker gave one; `null` for what no broker did, which is a bug. */
export function protocolFailure(client: ProtocolClient, error: unknown): KafkaFailure | null {
  if (!(error instanceof Error) || !client.GenericError.isGenericError(error)) return null;
  const told = client.findErrorBy(error, 'code', client.ProtocolError.code);
  if (told === null) return { code: CODE.transport, message: error.message };
  return { code: told['apiCode'], message: told['serverErrorMessage'] ?? told.message };
}
