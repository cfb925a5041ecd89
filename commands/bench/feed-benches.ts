/** Market data: a replay flat out through the log to the cache. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BenchProgram, benchFolder, startBenchProgram } from './bench-program.ts';
import type { Bench } from './bench-result.ts';

const SYMBOLS = 24;
const BARS = 120_000;
/** Trades that a bar becomes. */
const TRADES_PER_BAR = 4;
const MINUTE_MS = 60_000;
const FIRST_MS = Date.UTC(2019, 1, 11, 14, 30);
const POLL_MS = 50;

/** One-minute bars of all symbols, as recorded days have them; prices wander some cents at a time. */
function writeBars(path: string): void {
  const lines = ['symbol,t,open,high,low,close,volume'];
  const cents = Array.from({ length: SYMBOLS }, (_, symbol) => 5_000 + symbol * 731);
  for (let index = 0; index < BARS; index += 1) {
    const symbol = index % SYMBOLS;
    const open = cents[symbol] ?? 5_000;
    const close = Math.max(1_000, open + ((index * 7_919) % 21) - 10);
    cents[symbol] = close;
    const time = new Date(FIRST_MS + Math.floor(index / SYMBOLS) * MINUTE_MS).toISOString();
    const text = (amount: number): string => String(amount / 100);
    const high = Math.max(open, close) + (index % 7);
    const low = Math.min(open, close) - (index % 5);
    const name = `S${String(symbol).padStart(2, '0')}`;
    lines.push(
      [name, time, text(open), text(high), text(low), text(close), 1_000 + (index % 9_000)].join(','),
    );
  }
  writeFileSync(path, `${lines.join('\n')}\n`);
}

interface Shown {
  readonly targets: readonly { readonly name: string; readonly status: Readonly<Record<string, unknown>> }[];
  readonly log: {
    readonly partitions: readonly { readonly topic: string; readonly nextOffset: number }[];
    readonly groups: readonly {
      readonly positions: readonly { readonly topic: string; readonly lag: number }[];
    }[];
  };
}

async function look(program: BenchProgram): Promise<Shown> {
  return (await program.operator.call('GET', '/operator/status')) as Shown;
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

const replay: Bench = {
  name: 'replay',
  sentence: `${BARS} bars of ${SYMBOLS} symbols, ${BARS * TRADES_PER_BAR} trades, replayed flat out through the log into the price cache and to execution.`,
  runs: 3,
  onServers: { needs: [] },
  run: async (place) => {
    const folder = benchFolder();
    const file = join(folder.path, 'bars.csv');
    writeBars(file);
    const startedAt = performance.now();
    const program = await startBenchProgram(
      join(folder.path, 'data'),
      ['--feed', `replay:${file}`, '--replay-speed', 'max'],
      place,
    );
    try {
      const before = await look(program);
      const first = before.log.partitions.find(({ topic }) => topic === 'market_data')?.nextOffset ?? 0;
      const readyAt = performance.now();
      let cachedSeconds = 0;
      for (;;) {
        const shown = await look(program);
        const written = shown.log.partitions.find(({ topic }) => topic === 'market_data')?.nextOffset ?? 0;
        const ingestion = shown.targets.find(({ name }) => name === 'market-ingestion');
        const cache = shown.targets.find(({ name }) => name === 'market-data');
        const lag = shown.log.groups
          .flatMap(({ positions }) => positions)
          .reduce((sum, position) => sum + position.lag, 0);
        const finished = ingestion?.status['finished'] === true;
        const seconds = (performance.now() - readyAt) / 1_000;
        if (cachedSeconds === 0 && finished && Number(cache?.status['lag'] ?? 0) === 0)
          cachedSeconds = seconds;
        if (cachedSeconds > 0 && lag === 0) {
          return {
            events: written,
            to_cache_events_per_second: (written - first) / cachedSeconds,
            to_execution_events_per_second: (written - first) / seconds,
            from_process_start_s: (performance.now() - startedAt) / 1_000,
            resident_mib: program.residentMib(),
          };
        }
        await pause(POLL_MS);
      }
    } finally {
      await program.stop();
      folder.remove();
    }
  },
};

export const FEED_BENCHES: readonly Bench[] = [replay];
