/**
 * Trade analytics on one DuckDB file. Queries run on DuckDB's own threads, never on this one.
 *
 * Exact: prices and quantities are counts of 10⁻⁹ units in 64-bit integers, products and sums are 128-bit, and
 * sums that could outgrow those are taken in two halves. No number passes through a float.
 *
 * Repeats: an index over event ids would have to live in memory. Instead a batch is compared with the stored
 * event ids of the batch's own time range only: a repeat carries the same time, the table is roughly in time
 * order, and DuckDB skips the parts of a table whose minimum and maximum lie outside the range.
 *
 * Durable: a commit is synced to DuckDB's write-ahead log before `append` returns. DuckDB makes that file with the first
 * commit after a checkpoint and syncs what is in it, but not its name: that is done here.
 */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  type DuckDBAppender,
  type DuckDBConnection,
  DuckDBInstance,
  type DuckDBValue,
} from '@duckdb/node-api';
import type { Money, Price, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, Symbol } from '#domain/data/identifiers.ts';
import { syncFolder } from '#infrastructure/core/durable-files.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { divideHalfEven, SCALE } from '../exact.ts';
import {
  type AccountTotal,
  type AnalyticsTrade,
  BARS_LIMIT_MAX,
  type SymbolVolume,
  type TimeRange,
  type TradeAnalytics,
  type TradeBar,
} from '../trade-analytics.ts';
import { asAnalyticsError } from './duckdb-errors.ts';
import { migrateAnalytics } from './duckdb-format.ts';

export interface DuckDbTradeAnalyticsOptions {
  /** A path, or `:memory:`. */
  readonly path: string;
  /** Of DuckDB's buffers; what does not fit is spilled beside the file. */
  readonly memoryLimitMb: number;
  readonly threads: number;
}

const IN_MEMORY = ':memory:';

/** Rows staged at once, so that a batch of any size needs a bounded memory. */
const STAGED_ROWS_MAX = 20_000;

export async function openDuckDbTradeAnalytics(
  options: DuckDbTradeAnalyticsOptions,
): Promise<TradeAnalytics> {
  assert(options.memoryLimitMb >= 32 && options.threads >= 1, 'DuckDB needs 32 MB and a thread at least');
  const { path } = options;
  try {
    const instance = await DuckDBInstance.create(path, {
      memory_limit: `${options.memoryLimitMb}MB`,
      threads: String(options.threads),
      ...(path === IN_MEMORY ? {} : { temp_directory: `${path}.tmp` }),
      // Rows that are read back are ordered by the queries, so parallel scans need not keep an order.
      preserve_insertion_order: 'false',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    try {
      const writer = await instance.connect();
      await migrateAnalytics(writer, path);
      if (path !== IN_MEMORY) syncFolder(dirname(path));
      await writer.run(STAGING_TABLE);
      return new DuckDbTradeAnalytics(path, instance, writer, await instance.connect());
    } catch (error) {
      instance.closeSync();
      throw error;
    }
  } catch (error) {
    throw asAnalyticsError(error, path);
  }
}

const STAGING_TABLE = `CREATE TEMP TABLE staged_trades (
  event_id VARCHAR, user_id VARCHAR, symbol VARCHAR, side VARCHAR,
  quantity BIGINT, execution_price BIGINT, execution_ms BIGINT)`;

/** `$1` and `$2` are the times of the batch's first and last trade. */
const TAKE_STAGED = `INSERT INTO trading_trades
  SELECT any_value(COLUMNS(*)) FROM staged_trades
  WHERE event_id NOT IN (SELECT event_id FROM trading_trades WHERE execution_ms BETWEEN $1 AND $2)
  GROUP BY staged_trades.event_id`;

class DuckDbTradeAnalytics implements TradeAnalytics {
  readonly losses = null;
  readonly #path: string;
  readonly #instance: DuckDBInstance;
  readonly #writer: DuckDBConnection;
  readonly #reader: DuckDBConnection;
  /** A connection runs one statement at a time; these are the ends of their queues. */
  #writes: Promise<unknown> = Promise.resolve();
  #reads: Promise<unknown> = Promise.resolve();
  #closed = false;
  /** A failure may have left rows staged: under another batch's times they would not be known as repeats. */
  #mayBeStaged = false;
  /** Of the write-ahead log whose name is durable; `null` while there is none. */
  #logMadeNs: bigint | null = null;

  constructor(path: string, instance: DuckDBInstance, writer: DuckDBConnection, reader: DuckDBConnection) {
    this.#path = path;
    this.#instance = instance;
    this.#writer = writer;
    this.#reader = reader;
  }

  append(trades: readonly AnalyticsTrade[]): Promise<void> {
    const appended = this.#writes.then(async () => {
      this.#requireOpen();
      try {
        for (let start = 0; start < trades.length; start += STAGED_ROWS_MAX) {
          await this.#appendStaged(trades.slice(start, start + STAGED_ROWS_MAX));
        }
      } catch (error) {
        throw asAnalyticsError(error, this.#path);
      }
    });
    this.#writes = settled(appended);
    return appended;
  }

  async isEmpty(): Promise<boolean> {
    return (await this.#query('SELECT 1 FROM trading_trades LIMIT 1', [])).length === 0;
  }

  async volume(range: TimeRange, symbol?: Symbol): Promise<readonly SymbolVolume[]> {
    const rows = await this.#query(
      `SELECT symbol, sum(quantity) AS volume, count(*) AS trades FROM trading_trades
       WHERE execution_ms >= $1 AND execution_ms < $2 ${symbol === undefined ? '' : 'AND symbol = $3'}
       GROUP BY symbol ORDER BY symbol`,
      [BigInt(range.startMs), BigInt(range.endMs), ...(symbol === undefined ? [] : [symbol])],
    );
    return rows.map((row) => ({
      symbol: readText(row, 'symbol') as Symbol,
      volume: readInteger(row, 'volume') as Quantity,
      trades: Number(readInteger(row, 'trades')),
    }));
  }

  async vwap(range: TimeRange, symbol: Symbol): Promise<Price | null> {
    const [row] = await this.#query(
      `SELECT count(*) AS trades, sum(quantity) AS quantity, ${exactSum('quantity::HUGEINT * execution_price', 'notional')}
       FROM trading_trades WHERE execution_ms >= $1 AND execution_ms < $2 AND symbol = $3`,
      [BigInt(range.startMs), BigInt(range.endMs), symbol],
    );
    if (row === undefined || readInteger(row, 'trades') === 0n) return null;
    return divideHalfEven(readExactSum(row, 'notional'), readInteger(row, 'quantity')) as Price;
  }

  async bars(
    range: TimeRange,
    symbol: Symbol,
    intervalMs: number,
    limit: number,
  ): Promise<readonly TradeBar[]> {
    assert(Number.isInteger(intervalMs) && intervalMs >= 1, 'a bar lasts a whole number of milliseconds');
    assert(Number.isInteger(limit) && limit >= 1 && limit <= BARS_LIMIT_MAX, 'at most 50,000 bars at once');
    const rows = await this.#query(
      `SELECT execution_ms - ((execution_ms % $4) + $4) % $4 AS start_ms,
              arg_min(execution_price, (execution_ms, event_id)) AS open, max(execution_price) AS high,
              min(execution_price) AS low, arg_max(execution_price, (execution_ms, event_id)) AS close,
              sum(quantity) AS volume, count(*) AS trades
       FROM trading_trades WHERE execution_ms >= $1 AND execution_ms < $2 AND symbol = $3
       GROUP BY start_ms ORDER BY start_ms LIMIT $5`,
      [BigInt(range.startMs), BigInt(range.endMs), symbol, BigInt(intervalMs), BigInt(limit)],
    );
    return rows.map((row) => ({
      startMs: Number(readInteger(row, 'start_ms')),
      open: readInteger(row, 'open') as Price,
      high: readInteger(row, 'high') as Price,
      low: readInteger(row, 'low') as Price,
      close: readInteger(row, 'close') as Price,
      volume: readInteger(row, 'volume') as Quantity,
      trades: Number(readInteger(row, 'trades')),
    }));
  }

  async totals(): Promise<readonly AccountTotal[]> {
    const rows = await this.#query(
      `SELECT user_id, symbol, ${sumOfSide('quantity', 'BUY', 'bought')}, ${sumOfSide('quantity', 'SELL', 'sold')},
              ${sumOfSide('notional', 'BUY', 'notional_bought')}, ${sumOfSide('notional', 'SELL', 'notional_sold')}
       FROM (SELECT *, whole + CASE WHEN 2 * rest > ${SCALE} OR (2 * rest = ${SCALE} AND whole % 2 = 1) THEN 1 ELSE 0 END AS notional
             FROM (SELECT *, (quantity::HUGEINT * execution_price) // ${SCALE} AS whole,
                             (quantity::HUGEINT * execution_price) % ${SCALE} AS rest
                   FROM trading_trades))
       GROUP BY user_id, symbol ORDER BY user_id, symbol`,
      [],
    );
    return rows.map((row) => ({
      userId: readText(row, 'user_id') as AccountId,
      symbol: readText(row, 'symbol') as Symbol,
      bought: readInteger(row, 'bought') as Quantity,
      sold: readInteger(row, 'sold') as Quantity,
      notionalBought: readInteger(row, 'notional_bought') as Money,
      notionalSold: readInteger(row, 'notional_sold') as Money,
    }));
  }

  async close(): Promise<void> {
    await Promise.all([this.#writes, this.#reads]);
    if (this.#closed) return;
    this.#closed = true;
    // The last connection to go checkpoints the write-ahead log into the file.
    this.#reader.closeSync();
    this.#writer.closeSync();
    this.#instance.closeSync();
  }

  #requireOpen(): void {
    if (this.#closed)
      throw new OperatingError('STORE_CLOSED', 'The trade analytics have been closed.', { retry: 'never' });
  }

  async #appendStaged(trades: readonly AnalyticsTrade[]): Promise<void> {
    for (const { eventId, quantity, executionPrice } of trades) {
      if (quantity <= 0n || executionPrice < 0n)
        assert.fail(`${eventId}: a trade has a quantity and a price`);
    }
    if (this.#mayBeStaged) await this.#writer.run('TRUNCATE staged_trades');
    this.#mayBeStaged = true;
    const appender = await this.#writer.createAppender('staged_trades');
    let first = Number.POSITIVE_INFINITY;
    let last = Number.NEGATIVE_INFINITY;
    for (const trade of trades) {
      appendTrade(appender, trade);
      first = Math.min(first, trade.executionTimestampMs);
      last = Math.max(last, trade.executionTimestampMs);
    }
    appender.closeSync();
    try {
      await this.#writer.run(TAKE_STAGED, [BigInt(first), BigInt(last)]);
      this.#keepNameOfLog();
    } finally {
      await this.#writer.run('TRUNCATE staged_trades');
      this.#mayBeStaged = false;
    }
  }

  #keepNameOfLog(): void {
    if (this.#path === IN_MEMORY) return;
    const log = statSync(`${this.#path}.wal`, { bigint: true, throwIfNoEntry: false });
    const made = log === undefined ? null : log.birthtimeNs;
    if (made === this.#logMadeNs) return;
    syncFolder(dirname(this.#path));
    this.#logMadeNs = made;
  }

  #query(sql: string, values: DuckDBValue[]): Promise<readonly Row[]> {
    const answered = this.#reads.then(async () => {
      this.#requireOpen();
      try {
        return (await this.#reader.runAndReadAll(sql, values)).getRowObjects();
      } catch (error) {
        throw asAnalyticsError(error, this.#path);
      }
    });
    this.#reads = settled(answered);
    return answered;
  }
}

type Row = Record<string, DuckDBValue>;

function appendTrade(appender: DuckDBAppender, trade: AnalyticsTrade): void {
  appender.appendVarchar(trade.eventId);
  appender.appendVarchar(trade.userId);
  appender.appendVarchar(trade.symbol);
  appender.appendVarchar(trade.side);
  appender.appendBigInt(trade.quantity);
  appender.appendBigInt(trade.executionPrice);
  appender.appendBigInt(BigInt(trade.executionTimestampMs));
  appender.endRow();
}

/** Queues go on after a failure; the failure itself has gone to its caller. */
function settled(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    () => undefined,
  );
}

/** Products reach 2^126, so their sum is taken as two sums: of the parts above and below 2^64. */
const HALF = 2n ** 64n;

function exactSum(expression: string, name: string): string {
  return `sum((${expression}) // ${HALF}) AS ${name}_high, sum((${expression}) % ${HALF}) AS ${name}_low`;
}

function readExactSum(row: Row, name: string): bigint {
  return readInteger(row, `${name}_high`) * HALF + readInteger(row, `${name}_low`);
}

function sumOfSide(column: string, side: 'BUY' | 'SELL', name: string): string {
  return `coalesce(sum(${column}) FILTER (side = '${side}'), 0)::HUGEINT AS ${name}`;
}

function readInteger(row: Row, name: string): bigint {
  const value = row[name];
  assert(typeof value === 'bigint', `${name} is an integer`);
  return value;
}

function readText(row: Row, name: string): string {
  const value = row[name];
  assert(typeof value === 'string', `${name} is text`);
  return value;
}
