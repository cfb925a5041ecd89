import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { createClient } from '@clickhouse/client';
import type { Quantity } from '#domain/data/decimal.ts';
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import type { StoreUnderTest } from '#infrastructure/common/store-under-test.ts';
import { eventually } from '#tests/e2e/eventually.ts';
import { sharedServer, startServer } from '#tests/support/servers.ts';
import {
  failThenRecover,
  serverOptions,
  untilItWorks,
  writeThroughCrash,
} from '#tests/support/store-faults.ts';
import { analyticsTrade, registerTradeAnalyticsContract } from '../trade-analytics.contract.ts';
import type { TimeRange, TradeAnalytics } from '../trade-analytics.ts';
import { openClickHouseTradeAnalytics } from './clickhouse-trade-analytics.ts';

const shared = await sharedServer('clickhouse');
const ALWAYS: TimeRange = { startMs: 0, endMs: 4_000_000_000_000 };
const DAY_MS = 86_400_000;

function options(database: string, changes: Partial<ServerAddress> = {}) {
  return serverOptions(shared, { path: database, ...changes });
}

/** Rows of JSON, as text. */
async function execute(sql: string, url = shared): Promise<string> {
  const [{ host, port }] = serverOptions(url).address.hosts;
  const client = createClient({ url: `http://${host}:${port}` });
  try {
    const { stream } = await client.exec({ query: sql });
    return (await stream.toArray()).join('').trim();
  } finally {
    await client.close();
  }
}

/** One of its own, for each test. */
async function inDatabase(work: (database: string) => Promise<void>): Promise<void> {
  const database = `t_${randomUUID().replaceAll('-', '')}`;
  await execute(`CREATE DATABASE ${database}`);
  try {
    await work(database);
  } finally {
    await execute(`DROP DATABASE ${database}`);
  }
}

async function openSubject(): Promise<StoreUnderTest<TradeAnalytics>> {
  const database = `t_${randomUUID().replaceAll('-', '')}`;
  await execute(`CREATE DATABASE ${database}`);
  let store = await openClickHouseTradeAnalytics(options(database));
  return {
    get store() {
      return store;
    },
    async reopen() {
      await store.close();
      store = await openClickHouseTradeAnalytics(options(database));
    },
    async dispose() {
      await store.close();
      await execute(`DROP DATABASE ${database}`);
    },
  };
}

registerTradeAnalyticsContract('ClickHouse', openSubject);

const refused = (opening: Promise<TradeAnalytics>, code: string, words: RegExp) =>
  assert.rejects(opening, { code, retry: 'never', message: words });

describe('the analytics table', () => {
  test('is ordered and partitioned as the wires say, and one of another shape is refused', async () => {
    await inDatabase(async (database) => {
      await (await openClickHouseTradeAnalytics(options(database))).close();
      assert.equal(
        await execute(
          `SELECT engine, primary_key, sorting_key, partition_key FROM system.tables WHERE database = '${database}' FORMAT CSV`,
        ),
        '"ReplacingMergeTree","symbol, userId, executionTimestamp","symbol, userId, executionTimestamp, eventId","toYYYYMMDD(executionTimestamp)"',
      );
      await execute(`ALTER TABLE ${database}.trading_trades MODIFY COLUMN quantity Decimal(38, 9)`);
      await refused(
        openClickHouseTradeAnalytics(options(database)),
        'STORE_VERSION',
        /trading_trades is not as .*quantity Decimal\(38, 9\).*rename or drop it/,
      );
      await execute(`ALTER TABLE ${database}.trading_trades MODIFY COLUMN quantity Decimal(19, 9)`);
      await execute(
        `ALTER TABLE ${database}.trading_trades MODIFY SETTING non_replicated_deduplication_window = 1000`,
      );
      await refused(
        openClickHouseTradeAnalytics(options(database)),
        'STORE_VERSION',
        /trading_trades is not as .*\(a deduplication window\)/,
      );
      await execute(`DROP TABLE ${database}.trading_trades`);
      await execute(`CREATE TABLE ${database}.trading_trades (x String) ENGINE = MergeTree ORDER BY x`);
      await refused(openClickHouseTradeAnalytics(options(database)), 'STORE_VERSION', /engine MergeTree/);
    });
  });

  test('makes one part of a day that nobody writes to any more, and one copy of what came twice', async () => {
    await inDatabase(async (database) => {
      const store = await openClickHouseTradeAnalytics(options(database));
      const settings = await execute(
        `SELECT engine_full FROM system.tables WHERE database = '${database}' FORMAT TSVRaw`,
      );
      assert.match(
        settings,
        /min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1/,
      );
      // An hour that passes at once.
      await execute(
        `ALTER TABLE ${database}.trading_trades MODIFY SETTING min_age_to_force_merge_seconds = 1`,
      );
      const trades = Array.from({ length: 12 }, (_, number) =>
        analyticsTrade(number, { executionTimestampMs: (number % 2) * DAY_MS, quantity: 1n as Quantity }),
      );
      for (const trade of trades) await store.append([trade]);
      await store.append(trades);
      await eventually('each day is one part', async () => {
        const parts = await execute(
          `SELECT count(), sum(rows) FROM system.parts WHERE database = '${database}' AND active FORMAT CSV`,
        );
        return parts === '2,12' ? true : null;
      });
      assert.equal((await store.volume(ALWAYS))[0]?.volume, 12n);
      await store.close();
    });
  });

  test('takes a batch that spans more days and rows than one insert may', async () => {
    await inDatabase(async (database) => {
      const store = await openClickHouseTradeAnalytics(options(database));
      const days = Array.from({ length: 250 }, (_, day) =>
        analyticsTrade(day, { executionTimestampMs: day * DAY_MS, quantity: 1n as Quantity }),
      );
      await store.append(days.toReversed());
      const rows = Array.from({ length: 45_000 }, (_, row) =>
        analyticsTrade(1_000 + row, { quantity: 1n as Quantity }),
      );
      await store.append(rows);
      const widest = { startMs: Number.MIN_SAFE_INTEGER, endMs: Number.MAX_SAFE_INTEGER };
      assert.equal((await store.volume(widest))[0]?.volume, 45_250n);
      await store.close();
    });
  });

  test('days older than the retention are dropped at the start, later ones kept', async () => {
    await inDatabase(async (database) => {
      const nowMs = Date.now();
      const store = await openClickHouseTradeAnalytics(options(database));
      await store.append([
        analyticsTrade(1, { executionTimestampMs: nowMs - 9 * DAY_MS }),
        analyticsTrade(2, { executionTimestampMs: nowMs - 4 * DAY_MS }),
        analyticsTrade(3, { executionTimestampMs: nowMs }),
      ]);
      await store.close();
      const keeping = await openClickHouseTradeAnalytics(
        options(database, { parameters: { retentionDays: '5' } }),
      );
      assert.equal((await keeping.volume(ALWAYS))[0]?.trades, 2);
      await keeping.close();
    });
  });
});

describe('a ClickHouse that cannot be used', () => {
  test('wrong credentials, a missing database and a server that is not there are named', async () => {
    const wrong = options('default', { username: 'nobody', password: 'not-shown' });
    await assert.rejects(openClickHouseTradeAnalytics(wrong), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'STORE_NOT_ALLOWED');
      assert.match(error.message, /refuses the credentials \(AUTHENTICATION_FAILED\)/);
      assert.doesNotMatch(error.message, /not-shown/);
      return true;
    });
    await refused(openClickHouseTradeAnalytics(options('nowhere')), 'STORE_MISSING', /has no such database/);
    const gone = options('default', { hosts: [{ host: '127.0.0.1', port: 1 }] });
    await assert.rejects(openClickHouseTradeAnalytics(gone), {
      code: 'STORE_UNAVAILABLE',
      retry: 'retry',
      message: /127\.0\.0\.1:1\) refuses connections \(ECONNREFUSED\)/,
    });
  });

  test('a closed store refuses further work', async () => {
    await inDatabase(async (database) => {
      const store = await openClickHouseTradeAnalytics(options(database));
      await store.close();
      await store.close();
      await assert.rejects(store.append([analyticsTrade(1)]), { code: 'STORE_CLOSED' });
      await assert.rejects(store.totals(), { code: 'STORE_CLOSED' });
    });
  });

  // ClickHouse notes a write for its deduplication, if it has any, before the write gets its name.
  test('a write that a kill has undone at the last moment is stored when it comes again', async () => {
    const server = await startServer('clickhouse');
    await execute('CREATE DATABASE crash', server.url);
    const store = await openClickHouseTradeAnalytics(serverOptions(server.url, { path: 'crash' }));
    const lost = [analyticsTrade(1), analyticsTrade(2)];
    await store.append([analyticsTrade(0)]);
    await store.append(lost);
    const part = await execute(
      `SELECT path FROM system.parts WHERE database = 'crash' AND active ORDER BY min_block_number DESC LIMIT 1`,
      server.url,
    );
    await server.kill();
    const unnamed = join(dirname(part.replace(/\/$/, '')), `tmp_insert_${basename(part)}`);
    renameSync(part.replace(/\/$/, ''), unnamed);
    await server.startAgain();
    await untilItWorks(() => store.append(lost));
    assert.deepEqual(
      (await untilItWorks(() => store.volume(ALWAYS))).map(({ trades }) => trades),
      [3],
    );
    await store.close();
  });

  test('a crash amid writes loses nothing and doubles nothing, and a hanging one is told and comes back', async () => {
    const server = await startServer('clickhouse');
    await execute('CREATE DATABASE crash', server.url);
    const store = await openClickHouseTradeAnalytics({
      ...serverOptions(server.url, { path: 'crash' }),
      timeoutMs: 1_000,
    });
    const rows = 500;
    await writeThroughCrash(server, 40, (batch) =>
      store.append(Array.from({ length: rows }, (_, row) => analyticsTrade(batch * rows + row))),
    );
    assert.deepEqual(await untilItWorks(() => store.volume(ALWAYS)), [
      { symbol: 'AAPL', volume: 20_000n * 10_000_000_000n, trades: 20_000 },
    ]);
    await failThenRecover(server, () => store.volume(ALWAYS));
    await store.close();
  });
});
