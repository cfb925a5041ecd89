/** Throw-away authorities, and certificates for servers on 127.0.0.1 that they sign. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificates {
  /** A server's private key and certificate, PEM. */
  readonly server: string;
  /** Of the authority that signed it. */
  readonly authority: string;
  /** Of one that did not. */
  readonly another: string;
  remove(): void;
}

export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'tradehall-certificates-'));
  const file = (name: string) => join(folder, name);
  const openssl = (...words: readonly string[]) => execFileSync('openssl', words, { stdio: 'pipe' });
  const fresh = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '1',
  ];
  const makeAuthority = (name: string): string => {
    const files = ['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)];
    openssl(...fresh, ...files, '-subj', `/CN=Authority ${name}`);
    return file(`${name}.pem`);
  };
  const authority = makeAuthority('own');
  const signed = ['-CA', authority, '-CAkey', file('own.key'), '-addext', 'subjectAltName=IP:127.0.0.1'];
  openssl(
    ...fresh,
    ...signed,
    '-keyout',
    file('server.key'),
    '-out',
    file('server.crt'),
    '-subj',
    '/CN=server',
  );
  const server = file('server.pem');
  writeFileSync(server, readFileSync(file('server.key'), 'utf8') + readFileSync(file('server.crt'), 'utf8'));
  return {
    server,
    authority,
    another: makeAuthority('another'),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
