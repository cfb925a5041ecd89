/** The benches that lie beside the parts they measure (`*.bench.ts`), by name. Loaded only when asked for. */
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
  load: () => Promise<{ run(): object | Promise<object> }>,
): Bench {
  return { name, sentence, runs: 3, run: async () => figuresOf(await (await load()).run()) };
}

export const PART_BENCHES: readonly Bench[] = [
  partBench(
    'core',
    'The deterministic core alone, one thread.',
    () => import('#domain/trading/engine.bench.ts'),
  ),
  partBench(
    'pipeline',
    'An order read, applied and written by its partition, without the log.',
    () => import('#domain/trading/pipeline.bench.ts'),
  ),
  partBench('codecs', 'Events to bytes and back.', () => import('#domain/data/codecs.bench.ts')),
  partBench(
    'event-log',
    'Records appended, sealed and synced; read back; verified.',
    () => import('#infrastructure/event-log/sqlite/sqlite-event-log.bench.ts'),
  ),
  partBench(
    'relational',
    'Orders and statements into the relational store.',
    () => import('#infrastructure/relational/sqlite/sqlite-relational.bench.ts'),
  ),
  partBench(
    'trade-history',
    'A million trades indexed and searched.',
    () => import('#infrastructure/trade-history/sqlite/sqlite-trade-history.bench.ts'),
  ),
  partBench(
    'trade-analytics',
    'A million trades stored and summed.',
    () => import('#infrastructure/trade-analytics/duckdb/duckdb-trade-analytics.bench.ts'),
  ),
];
