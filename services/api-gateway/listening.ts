/** Opening a TCP address: TLS files, the rule for addresses that are not loopback, and sentences for what goes wrong. */
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { isLoopback } from './admission.ts';
import type { ApiGatewayConfig } from './config.ts';

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** `null` for plain HTTP, which is for loopback and behind a proxy only. */
export function readTls(config: ApiGatewayConfig): TlsFiles | null {
  if (!isLoopback(config.host) && config.tlsCert === null && !config.behindProxy) {
    throw new OperatingError(
      'TLS_NEEDED',
      `--host ${config.host} is not loopback: give --tls-cert and --tls-key, or --behind-proxy when a proxy ends TLS.`,
      { retry: 'never' },
    );
  }
  if (config.tlsCert === null && config.tlsKey === null) return null;
  if (config.tlsCert === null || config.tlsKey === null) {
    throw new OperatingError('TLS_INCOMPLETE', '--tls-cert and --tls-key are needed together.', {
      retry: 'never',
    });
  }
  const given = { cert: readPem('--tls-cert', config.tlsCert), key: readPem('--tls-key', config.tlsKey) };
  try {
    createSecureContext(given);
  } catch (cause) {
    const reason = (cause as Error).message.split('::').at(-1);
    throw new OperatingError(
      'TLS_UNREADABLE',
      `--tls-cert ${config.tlsCert} and --tls-key ${config.tlsKey} are no PEM certificate and its private key (${reason}).`,
      { retry: 'never', cause },
    );
  }
  return given;
}

function readPem(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new OperatingError(
      'TLS_UNREADABLE',
      `${option}: ${path} cannot be read (${(cause as NodeJS.ErrnoException).code}).`,
      { retry: 'never', cause },
    );
  }
}

/** Listens where the options say, and gives the address, such as `http://127.0.0.1:8080`. */
export async function listen(
  app: FastifyInstance,
  { host, port, tlsCert }: ApiGatewayConfig,
): Promise<string> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw listenFailure(error, host, port);
  }
  const bound = app.server.address() as AddressInfo;
  const shownHost = host.includes(':') ? `[${host}]` : host;
  return `${tlsCert === null ? 'http' : 'https'}://${shownHost}:${bound.port}`;
}

function listenFailure(error: unknown, host: string, port: number): unknown {
  const sentences: Readonly<Record<string, string>> = {
    EADDRINUSE: `Port ${port} on ${host} is in use: stop what uses it, or choose another with --port (0 takes any free one).`,
    EACCES: `Port ${port} may not be opened by this user: choose one above 1023 with --port.`,
    EADDRNOTAVAIL: `This machine has no address ${host}: choose another with --host.`,
    ENOTFOUND: `The host ${host} has no address: choose another with --host.`,
  };
  const errno = (error as NodeJS.ErrnoException).code ?? '';
  const sentence = sentences[errno];
  const code = errno === 'EADDRNOTAVAIL' || errno === 'ENOTFOUND' ? 'HOST_UNKNOWN' : 'LISTEN_FAILED';
  return sentence === undefined
    ? error
    : new OperatingError(code, sentence, { retry: 'never', cause: error });
}
