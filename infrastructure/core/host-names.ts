/** Host names to addresses, by the system's resolver. */
import { lookup } from 'node:dns/promises';

/** Gives every IP address of a host name; throws when the name cannot be resolved. */
export type ResolveHost = (host: string) => Promise<readonly string[]>;

export const resolveHostBySystem: ResolveHost = async (host) =>
  (await lookup(host, { all: true })).map(({ address }) => address);
