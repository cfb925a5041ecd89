/**
 * TLS to a server, as `?tls=true&ca=FILE` of its URL asks for it: its certificate must be signed by an authority that we
 * believe (those of the file, else Node's) and be for the host of the URL. Nothing weaker can be asked for.
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { ServerAddress } from './server-address.ts';

/** Of the parameter `ca`: a file of certificates, PEM. */
export const CA_FILE = /^.{1,1000}$/;

export interface ServerTls {
  readonly servername?: string;
  readonly ca?: string;
  checkServerIdentity(servername: string, certificate: PeerCertificate): Error | undefined;
}

/** `null` without TLS. Throws an `OperatingError` (`CONFIG_UNREADABLE`) for a file that cannot be read. */
export function tlsOf({ hosts, tls, parameters }: ServerAddress): ServerTls | null {
  if (!tls) return null;
  const [{ host }] = hosts;
  const { ca } = parameters;
  return {
    // An address is no server name; clients then compare the certificate with "localhost".
    ...(isIP(host) === 0 ? { servername: host } : {}),
    checkServerIdentity: (_servername, certificate) => checkServerIdentity(host, certificate),
    ...(ca === undefined ? {} : { ca: readAuthorities(ca) }),
  };
}

function readAuthorities(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown reason';
    throw unreadable(`The file ${path}, which ?ca= of the URL names, cannot be read (${reason}).`, cause);
  }
  // Without one, nobody would be believed, and the sentence would be about the server.
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw unreadable(`The file ${path}, which ?ca= of the URL names, holds no certificate (PEM).`);
}

function unreadable(sentence: string, cause?: unknown): OperatingError {
  return new OperatingError('CONFIG_UNREADABLE', sentence, { retry: 'never', cause });
}
