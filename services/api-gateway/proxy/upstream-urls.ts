/** Where a service runs in other processes: a list of URLs, whose names may stand for several addresses. */
import { isIP } from 'node:net';
import type { ResolveHost } from '#infrastructure/core/host-names.ts';

/** One process that may answer. */
export interface Address {
  /** `http://10.0.0.7:8080`: scheme, IP address and port. */
  readonly origin: string;
  /** The name a TLS certificate must have; `null` for a URL with an IP address. */
  readonly serverName: string | null;
}

export type ParsedUrls =
  | { readonly kind: 'value'; readonly value: readonly URL[] }
  | { readonly kind: 'refused'; readonly rule: string; readonly message: string };

const MAX_URLS = 64;

/** `http://host:port,…`; the empty text is no URL at all. */
export function parseUpstreamUrls(text: string): ParsedUrls {
  const texts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (texts.length > MAX_URLS)
    return { kind: 'refused', rule: 'maxItems', message: `names more than ${MAX_URLS} URLs` };
  const urls: URL[] = [];
  for (const part of texts) {
    const url = URL.parse(part);
    const bare =
      url !== null &&
      (url.protocol === 'http:' || url.protocol === 'https:') &&
      url.pathname === '/' &&
      url.search === '' &&
      url.hash === '' &&
      url.username === '' &&
      url.password === '';
    if (!bare) {
      return {
        kind: 'refused',
        rule: 'url',
        message: 'must be URLs such as http://10.0.0.7:8081 with nothing after the port, separated by commas',
      };
    }
    urls.push(url);
  }
  return { kind: 'value', value: urls };
}

function addressOf(url: URL, ip: string): Address {
  const host = ip.includes(':') ? `[${ip}]` : ip;
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  const name = url.hostname.replace(/^\[|\]$/g, '');
  return { origin: `${url.protocol}//${host}:${port}`, serverName: isIP(name) === 0 ? name : null };
}

/** Every address that the URLs stand for now. A name that cannot be resolved gives none, and is named in `unresolved`. */
export async function resolveUrls(
  urls: readonly URL[],
  resolve: ResolveHost,
): Promise<{ readonly addresses: readonly Address[]; readonly unresolved: readonly string[] }> {
  const unresolved: string[] = [];
  const found = await Promise.all(
    urls.map(async (url): Promise<readonly Address[]> => {
      const name = url.hostname.replace(/^\[|\]$/g, '');
      if (isIP(name) !== 0) return [addressOf(url, name)];
      try {
        return (await resolve(name)).map((ip) => addressOf(url, ip));
      } catch {
        // The caller reports the names; what the resolver said of them adds nothing.
        unresolved.push(name);
        return [];
      }
    }),
  );
  const byOrigin = new Map(found.flat().map((address) => [address.origin, address]));
  return { addresses: [...byOrigin.values()], unresolved };
}
