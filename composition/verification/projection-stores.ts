/** The stores of a stopped data folder, in it or on the servers that the configuration names, opened to be compared. */
import { join } from 'node:path';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { createLogger } from '#infrastructure/core/pino-logger.ts';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { type AdapterContext, openPort } from '../adapters.ts';
import type { ProcessConfig } from '../options.ts';
import { PROJECTION_STORES } from '../rewind-projections.ts';
import { isOnServer, movedStores } from '../store-places.ts';
import type { ProjectionStores } from './projections.ts';
import { openReadableStores } from './readable-stores.ts';

/** Throws an `OperatingError` for a store that is not there, or was elsewhere when the instance last ran. */
export async function withProjectionStores<Result>(
  dataFolder: string,
  config: ProcessConfig,
  tell: (line: string) => void,
  work: (stores: ProjectionStores) => Promise<Result>,
): Promise<Result> {
  const folder = { file: (name: string) => join(dataFolder, name) };
  const [moved] = movedStores(folder, config, PROJECTION_STORES);
  if (moved !== undefined) {
    throw new OperatingError(
      'STORE_ELSEWHERE',
      `The store of ${moved} is not where the instance last had it: give verify the options that it was started with.`,
      { retry: 'never' },
    );
  }
  const readable = openReadableStores(
    dataFolder,
    PROJECTION_STORES.filter((store) => !isOnServer(config, store)),
  );
  const context: AdapterContext = {
    folder: { file: (name) => join(readable.folder, name) },
    config,
    runtime: createSystemRuntime(),
    logger: createLogger({ level: 'warn', format: 'text', write: (text) => tell(text.trimEnd()) }),
    metrics: createPrometheusMetrics({ processFigures: false }),
  };
  const open: { close(): Promise<void> }[] = [];
  const keep = <Store extends { close(): Promise<void> }>(store: Store): Store => {
    open.push(store);
    return store;
  };
  try {
    return await work({
      portfolios: keep(await openPort('portfolios', context)),
      history: keep(await openPort('history', context)),
      analytics: keep(await openPort('analytics', context)),
      relational: keep(await openPort('relational', context)),
    });
  } finally {
    for (const store of open) await store.close();
    readable.remove();
  }
}
