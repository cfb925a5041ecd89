/**
 * Ids that follow from what they name, so that a repeat gets the same one: a UUID (version 8, RFC 9562) of the first
 * 122 free bits of a SHA-256 over the parts.
 */
import { hash } from 'node:crypto';

/** Parts are kept apart by their lengths: no two lists of parts give the same text. */
export function derivedUuid(...parts: readonly string[]): string {
  let text = '';
  for (const part of parts) text += `${part.length}:${part}`;
  const digest = hash('sha256', text, 'hex');
  const variant = '89ab'[Number.parseInt(digest.charAt(16), 16) & 3];
  return (
    `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}` +
    `-${variant}${digest.slice(17, 20)}-${digest.slice(20, 32)}`
  );
}

/** SHA-256 of `text`, hexadecimal. */
export function sha256Hex(text: string): string {
  return hash('sha256', text, 'hex');
}
