/**
 * The monthly indices `<alias>-2019-02` behind one alias: their template, and whether those that are there are as this
 * version needs them. A month that is not needed any more is dropped whole.
 */
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { TRADE_PAGE_LIMIT_MAX } from '../trade-history.ts';
import type { SearchServer } from './search-server.ts';
import { PROPERTIES } from './trade-mapping.ts';

export const DEFAULT_ALIAS = 'trading_trades';

/** Of market time, in UTC. */
export function indexOf(alias: string, timeMs: number): string {
  return `${alias}-${new Date(timeMs).toISOString().slice(0, 7)}`;
}

/** Throws an `OperatingError` (`STORE_VERSION`) that names the first index that does not fit. */
export async function prepareIndices(server: SearchServer, alias: string): Promise<void> {
  await requireFitting(server, alias);
  const template = {
    method: 'PUT',
    path: `/_index_template/${alias}`,
    body: {
      index_patterns: [`${alias}-*`],
      // Over a catch-all that a cluster may have.
      priority: 500,
      template: {
        settings: {
          index: {
            // What a small write waits for until it can be found (search-index-trade-history.ts).
            refresh_interval: '250ms',
            max_result_window: TRADE_PAGE_LIMIT_MAX + 1,
          },
        },
        mappings: { dynamic: 'strict', properties: PROPERTIES },
        aliases: { [alias]: {} },
      },
    },
  } as const;
  await server.request('history.template', template, done, 'long');
}

function done(): void {
  // That there was an answer is all there is to know.
}

interface Mapping {
  readonly dynamic?: unknown;
  readonly properties?: Readonly<Record<string, { readonly type?: unknown; readonly fields?: unknown }>>;
}

async function requireFitting(server: SearchServer, alias: string): Promise<void> {
  for (const [index, mapping] of await mappings(server, alias)) {
    const difference = differenceOf(mapping);
    if (!index.startsWith(`${alias}-`)) {
      throw stale(`There is an index ${index} where the alias ${alias} of the trade history belongs`);
    }
    if (difference !== null) {
      throw stale(`The index ${index} of the trade history was made by another version: ${difference}`);
    }
  }
}

async function mappings(server: SearchServer, alias: string): Promise<ReadonlyMap<string, Mapping>> {
  return server.request(
    'history.mappings',
    {
      method: 'GET',
      path: `/${alias},${alias}-*/_mapping`,
      query: { ignore_unavailable: 'true', allow_no_indices: 'true' },
    },
    (answer) => {
      const indices = answer as Readonly<Record<string, { readonly mappings: Mapping }>>;
      return new Map(Object.entries(indices).map(([index, { mappings: mapping }]) => [index, mapping]));
    },
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

function stale(what: string): OperatingError {
  return new OperatingError(
    'STORE_VERSION',
    `${what}: delete it (or move it with _reindex) and start again; it is filled from the log.`,
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
  const months = new RegExp(`^${alias}-[0-9]{4}-[0-9]{2}$`);
  const indices = [...(await mappings(server, alias)).keys()];
  const dropped = indices.filter((index) => months.test(index) && index < first).sort();
  for (const index of dropped) {
    const request = { method: 'DELETE', path: `/${index}`, query: { ignore_unavailable: 'true' } } as const;
    await server.request('history.drop', request, done, 'long');
  }
  if (dropped.length > 0) logger.info({ indices: dropped }, 'months older than the retention were dropped');
}
