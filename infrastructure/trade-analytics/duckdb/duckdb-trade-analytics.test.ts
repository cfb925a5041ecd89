import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { inTemporaryFolder } from '#infrastructure/common/store-under-test.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { analyticsTrade, registerTradeAnalyticsContract } from '../trade-analytics.contract.ts';
import type { TradeAnalytics } from '../trade-analytics.ts';
import { openDuckDbTradeAnalytics } from './duckdb-trade-analytics.ts';

const LIMITS = { memoryLimitMb: 64, threads: 1 };

registerTradeAnalyticsContract(
  'DuckDB',
  inTemporaryFolder((path) => openDuckDbTradeAnalytics({ path, ...LIMITS })),
);

describe('the analytics file', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tradehall-duckdb-'));
    path = join(folder, 'analytics.duckdb');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  function refused(code: string, words: RegExp): Promise<void> {
    return assert.rejects(
      openDuckDbTradeAnalytics({ path, ...LIMITS }),
      (error) => error instanceof OperatingError && error.code === code && words.test(error.message),
    );
  }

  async function execute(...statements: readonly string[]): Promise<void> {
    const instance = await DuckDBInstance.create(path);
    const connection = await instance.connect();
    for (const statement of statements) await connection.run(statement);
    connection.closeSync();
    instance.closeSync();
  }

  test('a newer format is refused with a sentence', async () => {
    await (await openDuckDbTradeAnalytics({ path, ...LIMITS })).close();
    await execute('UPDATE tradehall_format SET version = 99');
    await refused('STORE_VERSION', /format 99, written by a newer Tradehall/);
  });

  test('a DuckDB file of something else is refused', async () => {
    await execute('CREATE TABLE other (x INTEGER)');
    await refused('STORE_VERSION', /is not a file of trade analytics/);
  });

  test('what is not DuckDB, and a folder that does not exist, are named', async () => {
    await writeFile(path, 'x'.repeat(20_000));
    await refused('STORE_DAMAGED', /are damaged/);
    path = join(folder, 'no', 'such');
    await refused('STORE_CANNOT_OPEN', /folder must exist/);
  });

  test('a batch far larger than the staging area is stored once, and found again', async () => {
    const store: TradeAnalytics = await openDuckDbTradeAnalytics({ path, ...LIMITS });
    const trades = Array.from({ length: 45_000 }, (_, number) => analyticsTrade(number));
    await store.append(trades);
    await store.append(trades.slice(0, 30_000));
    const [volume] = await store.volume({ startMs: 0, endMs: Number.MAX_SAFE_INTEGER });
    assert.equal(volume?.trades, 45_000);
    await store.close();
  });

  test('a closed store refuses further work', async () => {
    const store = await openDuckDbTradeAnalytics({ path, ...LIMITS });
    await store.close();
    await store.close();
    await assert.rejects(store.append([analyticsTrade(1)]), { code: 'STORE_CLOSED' });
    await assert.rejects(store.totals(), { code: 'STORE_CLOSED' });
  });
});
