/**
 * Where a server is, taken from the URL of an option: `scheme://[user[:password]@]host[:port][,…][/path][?name=value]`.
 *
 * The parser is our own, since Kafka's lists of hosts are no URL to the standard one. No message holds what was given:
 * it may be a password in the wrong place.
 */
import type { ParsedOption } from '#infrastructure/core/options.ts';

export interface Host {
  readonly host: string;
  readonly port: number;
}

export interface ServerAddress {
  /** At least one. */
  readonly hosts: readonly [Host, ...Host[]];
  readonly username: string | null;
  readonly password: string | null;
  /** Without the slash before it; empty when there is none. */
  readonly path: string;
  /** The parameter `tls=true`. */
  readonly tls: boolean;
  /** The others. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** What the URLs of one scheme may hold. */
export interface ServerScheme {
  /** `Redis`: how sentences name it. */
  readonly product: string;
  /** Of a whole URL, for sentences. */
  readonly example: string;
  readonly defaultPort: number;
  readonly manyHosts?: boolean;
  /** Default: none. */
  readonly path?: RegExp;
  /** Besides `tls`: what each one's value must match. */
  readonly parameters?: Readonly<Record<string, RegExp>>;
  /** Default true. */
  readonly credentials?: boolean;
}

const SHAPE = /^([a-z]+):\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/;
const HOST = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?$/;

/** Of `scheme`, which the caller has looked up. */
export function parseServerUrl(text: string, scheme: ServerScheme): ParsedOption<ServerAddress> {
  const refused = (what: string): ParsedOption<ServerAddress> => ({
    kind: 'refused',
    rule: 'url',
    message: `${what}; it looks like ${scheme.example}`,
  });
  const shape = SHAPE.exec(text);
  if (shape === null) return refused('is no URL');
  const [, , userinfo, hostList = '', path = '', query = ''] = shape;

  const given = hostList.split(',').map((entry) => parseHost(entry, scheme.defaultPort));
  const hosts = given.filter((host) => host !== null);
  const [first, ...others] = hosts;
  if (first === undefined || hosts.length < given.length) {
    return refused('must name its host, and its port as a number from 1 to 65535');
  }
  if (others.length > 0 && scheme.manyHosts !== true) return refused('names more than one host');

  const credentials = parseUserinfo(userinfo);
  if (credentials === null) return refused('must have user and password percent-encoded');
  if (userinfo !== undefined && scheme.credentials === false)
    return refused('takes no credentials in the URL');

  if (path !== '' && scheme.path?.test(path) !== true) return refused('has a path that is not understood');

  const parameters = new URLSearchParams(query);
  const names = [...parameters.keys()];
  const rules: Readonly<Record<string, RegExp>> = { tls: /^(true|false)$/, ...scheme.parameters };
  const unknown = names.find((name) => !Object.hasOwn(rules, name));
  if (unknown !== undefined) {
    return refused(`has a parameter that is not known; there are ${Object.keys(rules).join(', ')}`);
  }
  const bad = names.find((name) => rules[name]?.test(parameters.get(name) ?? '') !== true);
  if (bad !== undefined || new Set(names).size < names.length) {
    return refused(`has a value of ${bad ?? 'a parameter given twice'} that is not understood`);
  }
  const { tls, ...rest } = Object.fromEntries(parameters);
  return {
    kind: 'value',
    value: { hosts: [first, ...others], ...credentials, path, tls: tls === 'true', parameters: rest },
  };
}

/** The URL with its password taken out. */
export function withoutPassword(url: string): string {
  return url.replace(/^([a-z]+:\/\/[^:@/?#]*):[^@/?#]*@/, '$1:(hidden)@');
}

/** `Redis at 10.0.0.7:6379`: how sentences begin. */
export function describeServer(product: string, { hosts }: Pick<ServerAddress, 'hosts'>): string {
  return `${product} at ${hosts.map(({ host, port }) => `${host}:${port}`).join(',')}`;
}

function parseHost(text: string, defaultPort: number): Host | null {
  const match = HOST.exec(text);
  if (match === null) return null;
  const [, host = '', given] = match;
  const port = given === undefined ? defaultPort : Number(given);
  if (port < 1 || port > 65_535) return null;
  return { host: host.replace(/^\[|\]$/g, ''), port };
}

function parseUserinfo(text: string | undefined): Pick<ServerAddress, 'username' | 'password'> | null {
  if (text === undefined) return { username: null, password: null };
  const colon = text.indexOf(':');
  try {
    const username = decodeURIComponent(colon < 0 ? text : text.slice(0, colon));
    const password = colon < 0 ? '' : decodeURIComponent(text.slice(colon + 1));
    return { username: username || null, password: password || null };
  } catch {
    // A percent sign that encodes nothing: the caller refuses it by name.
    return null;
  }
}
