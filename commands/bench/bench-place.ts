/**
 * Where a bench has the program keep its data: in a folder of its own, whatever the environment says, or on the servers
 * that the environment names. A log on Kafka gets a name of its own each time; the other servers are used as they are.
 */
import { randomUUID } from 'node:crypto';
import { type AdapterUrl, type ProcessConfig, processOptions } from '#composition/options.ts';
import { withPasswordOf } from '#composition/server-password.ts';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import {
  describeRefusal,
  environmentNameOf,
  resolveConfiguration,
} from '#infrastructure/core/configuration.ts';
import { UsageError } from '../terminal.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** In the order in which they are shown. */
export const SERVER_OPTIONS = [
  'event_log',
  'cache',
  'portfolios',
  'history',
  'analytics',
  'database',
] as const;
export type ServerOption = (typeof SERVER_OPTIONS)[number];

export interface BenchPlace {
  readonly kind: 'embedded' | 'servers';
  /** For the program under load, instead of this process's own. */
  readonly environment: Environment;
  /** The options that name servers. */
  readonly options: readonly ServerOption[];
  readonly config: ProcessConfig;
}

/** A server that a part is measured on. */
export interface PlacedServer {
  readonly scheme: string;
  /** With its password. */
  readonly address: ServerAddress;
}

/** No option of Tradehall comes from the environment: a shell that is set up for servers must not be measured, or traded on. */
export function embeddedPlace(environment: Environment): BenchPlace {
  return placeOf('embedded', withoutOptions(environment));
}

/** Throws a `UsageError` where the environment names no server, or one in a way that is not understood. */
export function serversPlace(environment: Environment): BenchPlace {
  const named = namesOfServers().flatMap((name) => {
    const value = environment[name];
    return value === undefined || value === '' ? [] : [[name, value] as const];
  });
  const given = { ...withoutOptions(environment), ...Object.fromEntries(named) };
  const place = placeOf('servers', given);
  if (place.options.length > 0) return place;
  const names = SERVER_OPTIONS.map(environmentNameOf).join(', ');
  throw new UsageError(
    `--servers: the environment names no server (${names}); \`scripts/servers up\` starts some, and eval "$(scripts/servers env)" names them.`,
  );
}

/** The same servers, with a log that nobody has used. */
export function withLogOfItsOwn(place: BenchPlace): BenchPlace {
  const name = environmentNameOf('event_log');
  const url = place.environment[name];
  if (!place.options.includes('event_log') || url === undefined) return place;
  const own = url.replace(/^([a-z]+:\/\/[^/?#]*)(?:\/[^?#]*)?/, `$1/bench-${randomUUID().slice(0, 8)}`);
  return placeOf(place.kind, { ...place.environment, [name]: own });
}

/** `null` where the option names no server. */
export function serverOf({ config }: BenchPlace, option: ServerOption): PlacedServer | null {
  const [{ scheme, server }, passwordFile] = settingsOf(config)[option];
  return server === null ? null : { scheme, address: withPasswordOf(option, server, passwordFile) };
}

function settingsOf(
  config: ProcessConfig,
): Readonly<Record<ServerOption, readonly [AdapterUrl, string | null]>> {
  return {
    event_log: [config.eventLog, config.eventLogPasswordFile],
    cache: [config.cache, config.cachePasswordFile],
    // Its credentials come as every AWS program takes them.
    portfolios: [config.portfolios, null],
    history: [config.history, config.historyPasswordFile],
    analytics: [config.analytics, config.analyticsPasswordFile],
    database: [config.database, config.databasePasswordFile],
  };
}

function namesOfServers(): readonly string[] {
  const declared = Object.values(processOptions).map(({ name }) => name);
  return SERVER_OPTIONS.flatMap((option) => [option, `${option}_password_file`])
    .filter((name) => declared.includes(name))
    .map(environmentNameOf);
}

function withoutOptions(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('TRADEHALL_')));
}

function placeOf(kind: BenchPlace['kind'], environment: Environment): BenchPlace {
  const resolved = resolveConfiguration([processOptions], { flags: {}, environment, file: {} });
  if (resolved.kind === 'refused') throw new UsageError(resolved.refusals.map(describeRefusal).join('\n'));
  const config = resolved.configuration.of(processOptions);
  const options = SERVER_OPTIONS.filter((option) => settingsOf(config)[option][0].server !== null);
  return { kind, environment, options, config };
}
