/** The embedded history of a million trades, as trade-history-load.testing.ts asks. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measureTradeHistory } from '../trade-history-load.testing.ts';
import { openSqliteTradeHistory } from './sqlite-trade-history.ts';

export async function run(trades = 1_000_000): Promise<Readonly<Record<string, number>>> {
  const folder = await mkdtemp(join(tmpdir(), 'tradehall-bench-'));
  const history = await openSqliteTradeHistory({ path: join(folder, 'history.sqlite') });
  try {
    return await measureTradeHistory(history, trades);
  } finally {
    await history.close();
    await rm(folder, { recursive: true, force: true });
  }
}
