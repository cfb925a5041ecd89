/** The options of the api-gateway. */
import {
  booleanOption,
  type ConfigurationOf,
  integerOption,
  textOption,
} from '#infrastructure/core/options.ts';

import { parseServiceKeys } from './proxy/service-keys.ts';
import { parseUpstreamUrls } from './proxy/upstream-urls.ts';

const HOST = /^[A-Za-z0-9.:-]{1,255}$/;

function pathOrNone(text: string) {
  return { kind: 'value' as const, value: text === '' ? null : text };
}

function upstreamOption(target: string) {
  return textOption(
    {
      name: `${target.replaceAll('-', '_')}_url`,
      default: '',
      sentence: `Where ${target} runs when it is not in the gateway's process: http://host:port, several with commas; a name may stand for several addresses.`,
    },
    parseUpstreamUrls,
  );
}

export const apiGatewayOptions = {
  host: textOption(
    {
      name: 'host',
      default: '127.0.0.1',
      sentence: 'Address to listen on. One that is not loopback needs tls_cert and tls_key, or behind_proxy.',
    },
    (text) =>
      HOST.test(text)
        ? { kind: 'value', value: text }
        : { kind: 'refused', rule: 'host', message: 'must be an IP address or a host name' },
  ),
  port: integerOption({
    name: 'port',
    default: '8080',
    minimum: 0,
    maximum: 65_535,
    sentence: 'TCP port to listen on; 0 takes any free one.',
  }),
  tlsCert: textOption(
    {
      name: 'tls_cert',
      default: '',
      sentence: 'File with the TLS certificate chain (PEM); with tls_key, HTTPS is served.',
    },
    pathOrNone,
  ),
  tlsKey: textOption(
    { name: 'tls_key', default: '', sentence: "File with the TLS certificate's private key (PEM)." },
    pathOrNone,
  ),
  behindProxy: booleanOption({
    name: 'behind_proxy',
    default: 'false',
    sentence:
      'One proxy in front ends TLS and adds to X-Forwarded-For, whose last address is then the client, and sets -Host and -Proto. Without one, clients could choose their address.',
  }),
  rateLimitPerKey: integerOption({
    name: 'rate_limit_per_key',
    default: '1000',
    unit: 'requests/s',
    minimum: 1,
    maximum: 1_000_000,
    sentence: 'Requests one API key may make per second.',
  }),
  rateLimitPerAddress: integerOption({
    name: 'rate_limit_per_address',
    default: '2000',
    unit: 'requests/s',
    minimum: 0,
    maximum: 1_000_000,
    sentence:
      'Requests one network address may make per second; connections from loopback that no proxy passes on are not limited; 0 limits none.',
  }),
  maxBodyBytes: integerOption({
    name: 'max_body_bytes',
    default: '65536',
    unit: 'bytes',
    minimum: 1_024,
    maximum: 16_777_216,
    sentence: 'Largest request body.',
  }),
  maxJsonDepth: integerOption({
    name: 'max_json_depth',
    default: '16',
    minimum: 2,
    maximum: 64,
    sentence: 'Deepest nesting of a JSON body.',
  }),
  maxSockets: integerOption({
    name: 'max_sockets',
    default: '20000',
    minimum: 1,
    maximum: 1_000_000,
    sentence: 'WebSockets open at one time.',
  }),
  maxSocketsPerKey: integerOption({
    name: 'max_sockets_per_key',
    default: '2000',
    minimum: 1,
    maximum: 1_000_000,
    sentence: 'WebSockets open at one time under one API key.',
  }),
  maxSocketsUnauthenticated: integerOption({
    name: 'max_sockets_unauthenticated',
    default: '200',
    minimum: 0,
    maximum: 1_000_000,
    sentence: 'WebSockets open at one time whose first message, with the API key, has not come yet.',
  }),
  maxKeysPerAccount: integerOption({
    name: 'max_keys_per_account',
    default: '20',
    minimum: 1,
    maximum: 1_000,
    sentence: 'Active API keys of one account.',
  }),
  ticketLifetimeMs: integerOption({
    name: 'ticket_lifetime_ms',
    default: '30000',
    unit: 'ms',
    minimum: 1_000,
    maximum: 300_000,
    sentence: 'How long a single-use socket ticket can be used.',
  }),
  serviceKeys: textOption(
    {
      name: 'service_keys',
      default: '',
      sentence:
        'The keys, keyId:secret with commas between, that sign what a gateway passes on to services in other processes: the first signs, all are believed.',
      shown: (text) => (text === '' ? '' : '(hidden)'),
    },
    parseServiceKeys,
  ),
  orderUrl: upstreamOption('order'),
  portfolioUrl: upstreamOption('portfolio'),
  queryUrl: upstreamOption('query'),
  marketDataUrl: upstreamOption('market-data'),
  upstreamTimeoutMs: integerOption({
    name: 'upstream_timeout_ms',
    default: '10000',
    unit: 'ms',
    minimum: 100,
    maximum: 120_000,
    sentence: 'How long the gateway waits for the answer of a service in another process.',
  }),
  upstreamConnections: integerOption({
    name: 'upstream_connections',
    default: '64',
    minimum: 1,
    maximum: 4_096,
    sentence: 'Connections the gateway opens to each process it passes requests on to.',
  }),
  upstreamPatienceMs: integerOption({
    name: 'upstream_patience_ms',
    default: '5000',
    unit: 'ms',
    minimum: 0,
    maximum: 60_000,
    sentence:
      'How long a request waits to be taken by a service in another process: one that was ready a moment ago, as in a restart, or whose connections are all busy.',
  }),
};

export type ApiGatewayConfig = ConfigurationOf<typeof apiGatewayOptions>;
