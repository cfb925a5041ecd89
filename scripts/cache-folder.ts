/** Where set-up scripts keep what they fetched: the user's cache folder. */
import { homedir } from 'node:os';
import { join } from 'node:path';

export function cacheFolder(...parts: readonly string[]): string {
  const base = process.env['XDG_CACHE_HOME'];
  return join(base !== undefined && base !== '' ? base : join(homedir(), '.cache'), 'tradehall', ...parts);
}
