/** Errors of the network, as every client passes them on, in words: for the adapters on servers. */
import type { ServerFailure } from './server-calls.ts';

/** `null` for an error that is not of the network. The adapter adds its code. */
export function classifyConnectionError(error: unknown): Omit<ServerFailure, 'code'> | null {
  // A connection that fails on several addresses gathers the errors.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  if (!(first instanceof Error)) return null;
  const { code } = first as NodeJS.ErrnoException;
  if (typeof code !== 'string') return null;
  if (code === 'ECONNREFUSED') {
    return { reason: 'refuses connections (ECONNREFUSED)', retry: 'retry' };
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return { reason: `has a name that leads nowhere (${code})`, retry: 'retry' };
  }
  if (/^(ERR_(SSL|TLS)_\w+|\w*CERT\w*|UNABLE_TO_VERIFY_LEAF_SIGNATURE|EPROTO)$/.test(code)) {
    const reason = `offers no TLS that can be trusted (${code}): look at ?tls= and ?ca= of its URL`;
    return { reason, retry: 'never' };
  }
  if (/^(EHOST|ENET)/.test(code)) return { reason: `cannot be reached (${code})`, retry: 'retry' };
  if (/^(ECONN|EPIPE|ETIMEDOUT|ERR_STREAM_PREMATURE_CLOSE)/.test(code)) {
    return { reason: `lost the connection (${code})`, retry: 'unknown' };
  }
  // Of Node's reader of HTTP.
  if (/^HPE_/.test(code)) return { reason: `answers, but not in HTTP (${code})`, retry: 'unknown' };
  return null;
}
