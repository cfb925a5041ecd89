/** The embedded analytics of ten million trades, as trade-analytics-load.testing.ts asks; questions after a restart. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measureTradeAnalytics } from '../trade-analytics-load.testing.ts';
import { openDuckDbTradeAnalytics } from './duckdb-trade-analytics.ts';

const LIMITS = { memoryLimitMb: 128, threads: 2 };

export async function run(trades = 10_000_000): Promise<Readonly<Record<string, number>>> {
  const folder = await mkdtemp(join(tmpdir(), 'tradehall-bench-'));
  const open = () => openDuckDbTradeAnalytics({ path: join(folder, 'analytics.duckdb'), ...LIMITS });
  try {
    return await measureTradeAnalytics(await open(), trades, async (before) => {
      await before.close();
      return await open();
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
