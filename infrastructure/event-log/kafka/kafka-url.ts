/** What the URL of a log on Kafka may hold. In a file of its own, since an embedded start reads it too. */
import type { ServerAddress, ServerScheme } from '#infrastructure/common/server-address.ts';

export const KAFKA_URL: ServerScheme = {
  product: 'Kafka',
  example: 'kafka://host:9092,host:9092',
  defaultPort: 9_092,
  manyHosts: true,
  /** Put, with a dot, before every name in the cluster. */
  path: /^[A-Za-z0-9_-]{1,60}$/,
  parameters: {
    sasl: /^(plain|scram-sha-256|scram-sha-512)$/,
    /** A file of certificates, PEM. */
    ca: /^.{1,1000}$/,
    /** The protocol of groups; `consumer` is Kafka 4's. */
    groups: /^(consumer|classic)$/,
  },
};

/** What is put before every topic, group and transactional id of the log at this address. */
export function prefixOf({ path }: ServerAddress): string {
  return path === '' ? '' : `${path}.`;
}
