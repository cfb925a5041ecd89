/** The benches that lie beside the parts they measure (`*.bench.ts`), by name. Loaded only when asked for. */
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { type BenchPlace, type PlacedServer, type ServerOption, serverOf } from './bench-place.ts';
import type { Bench, Figures } from './bench-result.ts';

/** A `run()` gives a flat object of figures; whatever is neither a number nor a text is left out. */
function figuresOf(result: object): Figures {
  return Object.fromEntries(
    Object.entries(result).filter(([, value]) => typeof value === 'number' || typeof value === 'string'),
  );
}

function partBench(
  name: string,
  sentence: string,
  none: string,
  load: () => Promise<{ run(): object | Promise<object> }>,
): Bench {
  return {
    name,
    sentence,
    runs: 3,
    onServers: { none },
    run: async () => figuresOf(await (await load()).run()),
  };
}

interface PartOnServers {
  readonly name: string;
  readonly sentence: string;
  readonly runs: number;
  readonly option: ServerOption;
  embedded(): Promise<object>;
  server(placed: PlacedServer): Promise<object>;
}

function partOnServers({ name, sentence, runs, option, embedded, server }: PartOnServers): Bench {
  return {
    name,
    sentence,
    runs,
    onServers: { needs: [option] },
    async run(place: BenchPlace) {
      const placed = serverOf(place, option);
      return figuresOf(await (placed === null ? embedded() : server(placed)));
    },
  };
}

const TOUCHES_NO_STORE = 'it touches no store.';

export const PART_BENCHES: readonly Bench[] = [
  partBench(
    'core',
    'The deterministic core alone, one thread.',
    TOUCHES_NO_STORE,
    () => import('#domain/trading/engine.bench.ts'),
  ),
  partBench(
    'pipeline',
    'An order read, applied and written by its partition, without the log.',
    TOUCHES_NO_STORE,
    () => import('#domain/trading/pipeline.bench.ts'),
  ),
  partBench(
    'codecs',
    'Events to bytes and back.',
    TOUCHES_NO_STORE,
    () => import('#domain/data/codecs.bench.ts'),
  ),
  partOnServers({
    name: 'execution',
    sentence: 'Orders from topic to commit, by the owners of four partitions in one process.',
    runs: 3,
    option: 'event_log',
    embedded: async () => await (await import('#streams/trade-execution/execution.bench.ts')).run(),
    server: async ({ address }) =>
      await (await import('#streams/trade-execution/execution.bench.ts')).run(address),
  }),
  partBench(
    'event-log',
    'Records appended, sealed and synced; read back; verified.',
    'it measures the embedded log alone; execution and orders-steady measure Kafka.',
    () => import('#infrastructure/event-log/sqlite/sqlite-event-log.bench.ts'),
  ),
  partBench(
    'relational',
    'Orders and statements into the relational store.',
    'it measures the embedded store alone.',
    () => import('#infrastructure/relational/sqlite/sqlite-relational.bench.ts'),
  ),
  partOnServers({
    name: 'trade-history',
    sentence: 'A million trades indexed, and searched while nothing else happens.',
    runs: 1,
    option: 'history',
    embedded: async () =>
      await (await import('#infrastructure/trade-history/sqlite/sqlite-trade-history.bench.ts')).run(),
    server: async ({ scheme, address }) => {
      const bench = await import(
        '#infrastructure/trade-history/search-index/search-index-trade-history.bench.ts'
      );
      return await bench.run(productOf(scheme), address);
    },
  }),
  partOnServers({
    name: 'trade-analytics',
    sentence: 'Ten million trades stored, and summed while nothing else happens.',
    runs: 1,
    option: 'analytics',
    embedded: async () =>
      await (await import('#infrastructure/trade-analytics/duckdb/duckdb-trade-analytics.bench.ts')).run(),
    server: async ({ address }) => {
      const bench = await import(
        '#infrastructure/trade-analytics/clickhouse/clickhouse-trade-analytics.bench.ts'
      );
      return await bench.run(address);
    },
  }),
];

function productOf(scheme: string): 'elasticsearch' | 'opensearch' {
  if (scheme === 'elasticsearch' || scheme === 'opensearch') return scheme;
  throw new OperatingError('BENCH_FAILED', `There is no history on ${scheme} to measure.`, {
    retry: 'never',
  });
}
