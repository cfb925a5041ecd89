/** The keys by which services know their gateways, as an option gives them. */
import type { ParsedOption } from '#infrastructure/core/options.ts';
import type { ServiceKey } from './caller-signature.ts';

const KEY_ID = /^[A-Za-z0-9_-]{1,32}$/;
const SECRET = /^[A-Za-z0-9+/=_-]{32,256}$/;
const MAX_KEYS = 8;

/** `keyId:secret,…`, the one that signs first; the empty text is no key at all. */
export function parseServiceKeys(text: string): ParsedOption<readonly ServiceKey[]> {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (parts.length > MAX_KEYS)
    return { kind: 'refused', rule: 'maxItems', message: `has more than ${MAX_KEYS} keys` };
  const keys: ServiceKey[] = [];
  for (const part of parts) {
    const colon = part.indexOf(':');
    const keyId = part.slice(0, Math.max(0, colon));
    const secret = part.slice(colon + 1);
    if (!KEY_ID.test(keyId) || !SECRET.test(secret)) {
      return {
        kind: 'refused',
        rule: 'keys',
        message:
          'must be keyId:secret, separated by commas, each secret 32 to 256 characters of base64 or hexadecimal; `openssl rand -hex 32` makes one',
      };
    }
    if (keys.some((key) => key.keyId === keyId))
      return { kind: 'refused', rule: 'unique', message: `names the key ${keyId} twice` };
    keys.push({ keyId, secret });
  }
  return { kind: 'value', value: keys };
}
