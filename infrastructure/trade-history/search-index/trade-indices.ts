/**
 * The monthly indices `<alias>-2019-02` behind one alias: how they are made, and whether those that are there are as this
 * version needs them. A month that is not needed any more is dropped whole.
 *
 * They are made by us, with all that belongs to them, and written to by an alias of each one's own: a server makes no index
 * by itself for a write that requires an alias. So nothing else that a server may lose, or others may put there, such as
 * templates, decides what they are like.
 */
import type { StorePart } from '#infrastructure/common/store-losses.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { TRADE_PAGE_LIMIT_MAX } from '../trade-history.ts';
import { type SearchServer, SearchServerError } from './search-server.ts';
import { PROPERTIES } from './trade-mapping.ts';

export const DEFAULT_ALIAS = 'trading_trades';
const MONTH = /^([0-9]{4})-([0-9]{2})$/;
const DAY_MS = 86_400_000;

/** Of market time, in UTC. */
export function indexOf(alias: string, timeMs: number): string {
  return `${alias}-${new Date(timeMs).toISOString().slice(0, 7)}`;
}

/** What is written to in place of the index: there only for one that was made by `makeIndex`. */
export function writeAliasOf(index: string): string {
  return `${index}-write`;
}

/** One that is there already stays as it is. */
export async function makeIndex(server: SearchServer, alias: string, index: string): Promise<void> {
  const request = {
    method: 'PUT',
    path: `/${index}`,
    body: {
      settings: {
        index: {
          // What a small write waits for until it can be found (search-index-trade-history.ts).
          refresh_interval: '250ms',
          max_result_window: TRADE_PAGE_LIMIT_MAX + 1,
        },
      },
      mappings: { dynamic: 'strict', properties: PROPERTIES },
      aliases: { [alias]: {}, [writeAliasOf(index)]: {} },
    },
  } as const;
  try {
    await server.request('history.make', request, done, 'long');
  } catch (error) {
    if (!(error instanceof OperatingError && error.cause instanceof SearchServerError)) throw error;
    if (error.cause.type !== 'resource_already_exists_exception') throw error;
  }
}

function done(): void {
  // That there was an answer is all there is to know.
}

/** An index as its server describes it; what is empty is left out. */
interface Index {
  readonly mappings?: Mapping;
  readonly aliases?: Readonly<Record<string, unknown>>;
  readonly settings: { readonly index: { readonly uuid: string } };
}

interface Mapping {
  readonly dynamic?: unknown;
  readonly properties?: Readonly<Record<string, { readonly type?: unknown; readonly fields?: unknown }>>;
}

/** Throws an `OperatingError` (`STORE_VERSION`) that names the first index that does not fit. */
export async function requireFitting(
  server: SearchServer,
  alias: string,
): Promise<ReadonlyMap<string, Index>> {
  const indices = await describe(server, alias);
  for (const [index, { mappings = {}, aliases = {} }] of indices) {
    if (!index.startsWith(`${alias}-`)) {
      throw stale(`There is an index ${index} where the alias ${alias} of the trade history belongs`);
    }
    const difference = differenceOf(mappings);
    if (difference !== null) {
      throw stale(`The index ${index} of the trade history is not as this version makes it: ${difference}`);
    }
    const missing = [alias, writeAliasOf(index)].find((name) => !Object.hasOwn(aliases, name));
    if (missing !== undefined) throw notBehind(missing, index);
  }
  return indices;
}

/** The months as parts that may be lost. Throws as `requireFitting` does. */
export async function monthsOf(
  server: SearchServer,
  alias: string,
  retentionDays: number | null,
): Promise<readonly StorePart[]> {
  return [...(await requireFitting(server, alias))].flatMap(([index, { settings }]) => {
    const month = MONTH.exec(index.slice(alias.length + 1));
    if (month === null) return [];
    const endMs = Date.UTC(Number(month[1]), Number(month[2]), 1);
    const keptUntilMs = retentionDays === null ? null : endMs + retentionDays * DAY_MS;
    return [{ name: `index ${index}`, id: settings.index.uuid, keptUntilMs }];
  });
}

async function describe(server: SearchServer, alias: string): Promise<ReadonlyMap<string, Index>> {
  return server.request(
    'history.indices',
    {
      method: 'GET',
      path: `/${alias},${alias}-*`,
      query: {
        ignore_unavailable: 'true',
        allow_no_indices: 'true',
        filter_path: '*.mappings,*.aliases,*.settings.index.uuid',
      },
    },
    (answer) => new Map(Object.entries(answer as Readonly<Record<string, Index>>)),
  );
}

function differenceOf({ dynamic, properties = {} }: Mapping): string | null {
  if (dynamic !== 'strict') return 'it takes any field';
  for (const [name, { type, ...expected }] of Object.entries(PROPERTIES)) {
    const found = properties[name];
    if (found === undefined) return `it has no ${name}`;
    if (found.type !== type) return `its ${name} is ${String(found.type)}, not ${type}`;
    if ('fields' in expected && found.fields === undefined) return `its ${name} has no number`;
  }
  return null;
}

export function notBehind(alias: string, index: string): OperatingError {
  return stale(`The index ${index} of the trade history is not behind its alias ${alias}`);
}

function stale(what: string): OperatingError {
  return new OperatingError(
    'STORE_VERSION',
    `${what}: delete it (or move it with _reindex), and start again what does not run; it is filled from the log.`,
    { retry: 'never' },
  );
}

/** Months that ended before `timeMs`. */
export async function dropMonthsBefore(
  server: SearchServer,
  alias: string,
  timeMs: number,
  logger: Logger,
): Promise<void> {
  const first = indexOf(alias, timeMs);
  const indices = [...(await describe(server, alias)).keys()];
  const dropped = indices
    .filter((index) => MONTH.test(index.slice(alias.length + 1)) && index < first)
    .sort();
  for (const index of dropped) {
    const request = { method: 'DELETE', path: `/${index}`, query: { ignore_unavailable: 'true' } } as const;
    await server.request('history.drop', request, done, 'long');
  }
  if (dropped.length > 0) logger.info({ indices: dropped }, 'months older than the retention were dropped');
}
