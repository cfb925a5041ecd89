/**
 * Which targets this process runs, and whether they can work together with those that it leaves to others.
 *
 * An embedded store belongs to one process. What another process writes, or has taken of a group's partitions, is not in
 * it: orders would not be found, and an idempotency key that was used would pass for a free one.
 */
import type { Configuration } from '#infrastructure/core/configuration.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { PortName } from './adapters.ts';
import { processOptions } from './options.ts';
import { GATEWAY, GATEWAY_NEEDS, targetNames, targets } from './targets.ts';

/** The options that say where a store is which processes share, by its port. */
const SHARED: ReadonlyMap<PortName, 'cache' | 'portfolios' | 'history' | 'analytics' | 'database'> = new Map([
  ['cache', 'cache'],
  ['portfolios', 'portfolios'],
  ['history', 'history'],
  ['analytics', 'analytics'],
  ['relational', 'database'],
]);

const USERS = [...targets, { name: GATEWAY, needs: GATEWAY_NEEDS }].map(({ name, needs }) => ({
  name,
  options: needs.flatMap((port) => SHARED.get(port) ?? []),
}));

/** Throws an `OperatingError` for a name that is no target, or a set that cannot work on its own. */
export function selectTargets(names: readonly string[], configuration: Configuration): readonly string[] {
  const unknown = names.find((name) => !targetNames().includes(name));
  if (unknown !== undefined) {
    throw new OperatingError(
      'UNKNOWN_TARGET',
      `There is no target "${unknown}"; there are ${targetNames().join(', ')}.`,
      {
        retry: 'never',
      },
    );
  }
  const chosen = names.length === 0 ? targetNames() : targetNames().filter((name) => names.includes(name));
  if (configuration.of(processOptions).eventLog.server === null) requirePrices(chosen, configuration);
  else requireSharedStores(chosen, configuration);
  return chosen;
}

/** A log in the data folder has one process. */
function requirePrices(chosen: readonly string[], configuration: Configuration): void {
  const { cache } = configuration.of(processOptions);
  const reader = targets.find((target) => target.readsPrices && chosen.includes(target.name));
  if (reader === undefined || cache.server !== null || chosen.includes('market-data')) return;
  throw new OperatingError(
    'PART_NOT_SHARED',
    `${reader.name} reads prices from the cache, which market-data fills, but the option cache is "memory:", which another process cannot fill: add the target market-data.`,
    { retry: 'never' },
  );
}

/** A log on a server may have many. One that has every target that uses a store is taken for the only one. */
function requireSharedStores(chosen: readonly string[], configuration: Configuration): void {
  const config = configuration.of(processOptions);
  const elsewhere = USERS.find(({ name, options }) => options.length > 0 && !chosen.includes(name));
  if (elsewhere === undefined) return;
  const used = new Set(USERS.filter(({ name }) => chosen.includes(name)).flatMap(({ options }) => options));
  const embedded = [...used].filter((option) => config[option].server === null);
  if (embedded.length === 0) return;
  throw new OperatingError(
    'PART_NOT_SHARED',
    `The log is on a server and ${elsewhere.name} is not in this process, so others share what this one stores: put ${embedded.join(', ')} on a server, or start every target here.`,
    { retry: 'never' },
  );
}
