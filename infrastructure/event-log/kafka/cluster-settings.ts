/**
 * What topics and brokers are set to. A client of its own asks, since the binding of librdkafka has no call for it
 * (decision 25); it is loaded when somebody asks, that is at a start on more brokers than one.
 */
import { isIP } from 'node:net';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import { tlsOf } from '#infrastructure/common/server-tls.ts';
import { CODE } from './kafka-failures.ts';
import type { KafkaFailure } from './kafka-library.ts';
import { CONNECT_TIMEOUT_MS, saslOf } from './kafka-settings.ts';

export interface SettingsAsked {
  readonly of: 'topic' | 'broker';
  /** As the cluster has it: of a broker its number. */
  readonly name: string;
  readonly settings: readonly string[];
}

/** By setting. */
export type SettingValues = ReadonlyMap<string, string>;

type Client = typeof import('@platformatic/kafka');

/** One for each of `asked`, none of them twice, in their order. Rejects with a `KafkaFailure`. */
export async function readSettings(
  address: ServerAddress,
  asked: readonly SettingsAsked[],
): Promise<readonly SettingValues[]> {
  const client = await import('@platformatic/kafka');
  const { hosts } = address;
  const tls = tlsOf(address);
  const sasl = saslOf(address);
  const admin = new client.Admin({
    clientId: 'tradehall-settings',
    bootstrapBrokers: hosts.map(({ host, port }) => ({ host, port })),
    retries: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: CONNECT_TIMEOUT_MS,
    // Each broker is compared with its own name, which the address need not hold.
    ...(tls === null ? {} : { tls: tls.ca === undefined ? {} : { ca: tls.ca } }),
    ...(hosts.some(({ host }) => isIP(host) !== 0) ? {} : { tlsServerName: true }),
    ...(sasl === null ? {} : { sasl }),
  });
  try {
    const { BROKER, TOPIC } = client.ConfigResourceTypes;
    const described = await admin.describeConfigs({
      resources: asked.map(({ of, name, settings }) => ({
        resourceType: of === 'topic' ? TOPIC : BROKER,
        resourceName: name,
        configurationKeys: [...settings],
      })),
    });
    return asked.map(({ of, name }) => {
      const type = of === 'topic' ? TOPIC : BROKER;
      const answer = described.find((each) => each.resourceType === type && each.resourceName === name);
      const values = (answer?.configs ?? []).map((config) => [config.name, config.value ?? ''] as const);
      return new Map(values);
    });
  } catch (error) {
    throw failureOf(client, error);
  } finally {
    await admin.close();
  }
}

/** With the protocol's code where a broker gave one; what no broker did is a bug and stays what it is. */
function failureOf(client: Client, error: unknown): unknown {
  if (!(error instanceof Error) || !client.GenericError.isGenericError(error)) return error;
  const told = client.findErrorBy(error, 'code', client.ProtocolError.code);
  const { code, message }: KafkaFailure =
    told === null
      ? { code: CODE.transport, message: error.message }
      : { code: told['apiCode'], message: told['serverErrorMessage'] ?? told.message };
  return Object.assign(new Error(message, { cause: error }), { code });
}
