/**
 * Trade analytics on ClickHouse, read from one table that collapses repeats.
 *
 * Repeats: the table is a ReplacingMergeTree whose order ends with the event id, read with FINAL. The server itself is to
 * drop none (decision 29). No sum is kept by a materialised view: it would count twice what comes twice (decision 18).
 *
 * Exact: amounts are decimals of nine places, sums are 38 digits and sums of products 76; they travel as text.
 */
import assert from 'node:assert';
import { formatDecimal, type Money, type Price, type Quantity } from '#domain/data/decimal.ts';
import type { AccountId, Symbol } from '#domain/data/identifiers.ts';
import { formatTimestamp } from '#domain/data/timestamp.ts';
import { keepFor } from '#infrastructure/common/retention.ts';
import { WatchedLosses } from '#infrastructure/common/store-losses.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { divideHalfEven } from '../exact.ts';
import {
  type AccountTotal,
  type AnalyticsTrade,
  BARS_LIMIT_MAX,
  type SymbolVolume,
  type TimeRange,
  type TradeAnalytics,
  type TradeBar,
} from '../trade-analytics.ts';
import { type ClickHouse, type ClickHouseOptions, connectClickHouse, type Row } from './clickhouse-client.ts';
import { daysOf, requireTable, TABLE } from './clickhouse-format.ts';
import { dropDaysBefore } from './clickhouse-retention.ts';
import { writeBatches } from './write-batches.ts';

export async function openClickHouseTradeAnalytics(options: ClickHouseOptions): Promise<TradeAnalytics> {
  const server = connectClickHouse(options);
  try {
    await requireTable(server);
    const days = options.address.parameters['retentionDays'];
    const endKeeping = await keepFor(days, 'old trades of the analytics', options, (beforeMs) =>
      dropDaysBefore(server, beforeMs, options.logger),
    );
    const losses = new WatchedLosses({
      store: 'The store of trade analytics',
      parts: () => daysOf(server, days === undefined ? null : Number(days)),
      ...options,
    });
    return new ClickHouseTradeAnalytics(server, losses, endKeeping);
  } catch (error) {
    await server.close();
    throw error;
  }
}

const IN_RANGE = `executionTimestamp >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
  AND executionTimestamp < fromUnixTimestamp64Milli({end:Int64}, 'UTC')`;
const WIDE = 'Decimal(76, 9)';
const PRODUCT = `CAST(quantity AS ${WIDE}) * CAST(executionPrice AS ${WIDE})`;
const PLACES = 9;
const PRODUCT_PLACES = 18;

class ClickHouseTradeAnalytics implements TradeAnalytics {
  readonly #server: ClickHouse;
  readonly #endKeeping: () => void;
  readonly losses: WatchedLosses;
  #closed = false;

  constructor(server: ClickHouse, losses: WatchedLosses, endKeeping: () => void) {
    this.#server = server;
    this.losses = losses;
    this.#endKeeping = endKeeping;
  }

  async append(trades: readonly AnalyticsTrade[]): Promise<void> {
    this.#requireOpen();
    for (const trade of trades) {
      assert(
        trade.quantity > 0n && trade.executionPrice >= 0n,
        `${trade.eventId}: a trade has a quantity and a price`,
      );
    }
    for (const batch of writeBatches(trades)) {
      await this.#server.insert('analytics.append', TABLE, batch.map(toRow));
    }
  }

  async isEmpty(): Promise<boolean> {
    this.#requireOpen();
    const rows = await this.#server.query('analytics.is_empty', `SELECT 1 AS one FROM ${TABLE} LIMIT 1`, {});
    return rows.length === 0;
  }

  async volume(range: TimeRange, symbol?: Symbol): Promise<readonly SymbolVolume[]> {
    this.#requireOpen();
    const rows = await this.#server.query(
      'analytics.volume',
      `SELECT symbol, toString(sum(quantity)) AS volume, toString(count()) AS trades FROM ${TABLE}
       WHERE ${IN_RANGE} ${symbol === undefined ? '' : 'AND symbol = {symbol:String}'}
       GROUP BY symbol ORDER BY symbol`,
      { ...bounds(range), ...(symbol === undefined ? {} : { symbol }) },
    );
    return rows.map((row) => ({
      symbol: textIn(row, 'symbol') as Symbol,
      volume: unitsIn(row, 'volume', PLACES) as Quantity,
      trades: Number(textIn(row, 'trades')),
    }));
  }

  async vwap(range: TimeRange, symbol: Symbol): Promise<Price | null> {
    this.#requireOpen();
    const [row] = await this.#server.query(
      'analytics.vwap',
      `SELECT toString(sum(quantity)) AS shares, toString(sum(${PRODUCT})) AS notional
       FROM ${TABLE} WHERE ${IN_RANGE} AND symbol = {symbol:String}`,
      { ...bounds(range), symbol },
    );
    const shares = row === undefined ? 0n : unitsIn(row, 'shares', PLACES);
    if (row === undefined || shares === 0n) return null;
    return divideHalfEven(unitsIn(row, 'notional', PRODUCT_PLACES), shares) as Price;
  }

  async bars(
    range: TimeRange,
    symbol: Symbol,
    intervalMs: number,
    limit: number,
  ): Promise<readonly TradeBar[]> {
    assert(Number.isInteger(intervalMs) && intervalMs >= 1, 'a bar lasts a whole number of milliseconds');
    assert(Number.isInteger(limit) && limit >= 1 && limit <= BARS_LIMIT_MAX, 'at most 50,000 bars at once');
    this.#requireOpen();
    const rows = await this.#server.query(
      'analytics.bars',
      `WITH toUnixTimestamp64Milli(executionTimestamp) AS ms
       SELECT ms - positiveModulo(ms, {interval:Int64}) AS startMs, toString(startMs) AS start,
              toString(argMin(executionPrice, (executionTimestamp, eventId))) AS open,
              toString(max(executionPrice)) AS high, toString(min(executionPrice)) AS low,
              toString(argMax(executionPrice, (executionTimestamp, eventId))) AS close,
              toString(sum(quantity)) AS volume, toString(count()) AS trades
       FROM ${TABLE} WHERE ${IN_RANGE} AND symbol = {symbol:String}
       GROUP BY startMs ORDER BY startMs LIMIT {limit:UInt32}`,
      { ...bounds(range), symbol, interval: String(intervalMs), limit },
    );
    return rows.map((row) => ({
      startMs: Number(textIn(row, 'start')),
      open: unitsIn(row, 'open', PLACES) as Price,
      high: unitsIn(row, 'high', PLACES) as Price,
      low: unitsIn(row, 'low', PLACES) as Price,
      close: unitsIn(row, 'close', PLACES) as Price,
      volume: unitsIn(row, 'volume', PLACES) as Quantity,
      trades: Number(textIn(row, 'trades')),
    }));
  }

  async totals(): Promise<readonly AccountTotal[]> {
    this.#requireOpen();
    const ofSide = (value: string, side: AnalyticsTrade['side'], name: string) =>
      `toString(sumIf(${value}, side = '${side}')) AS ${name}`;
    const rows = await this.#server.query(
      'analytics.totals',
      `WITH roundBankers(${PRODUCT}, ${PLACES}) AS notional
       SELECT userId, symbol, ${ofSide('quantity', 'BUY', 'bought')}, ${ofSide('quantity', 'SELL', 'sold')},
              ${ofSide('notional', 'BUY', 'notionalBought')}, ${ofSide('notional', 'SELL', 'notionalSold')}
       FROM ${TABLE} GROUP BY userId, symbol ORDER BY userId, symbol`,
      {},
      'long',
    );
    return rows.map((row) => ({
      userId: textIn(row, 'userId') as AccountId,
      symbol: textIn(row, 'symbol') as Symbol,
      bought: unitsIn(row, 'bought', PLACES) as Quantity,
      sold: unitsIn(row, 'sold', PLACES) as Quantity,
      notionalBought: unitsIn(row, 'notionalBought', PLACES) as Money,
      notionalSold: unitsIn(row, 'notionalSold', PLACES) as Money,
    }));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.losses.stop();
    this.#endKeeping();
    await this.#server.close();
  }

  #requireOpen(): void {
    if (this.#closed)
      throw new OperatingError('STORE_CLOSED', 'The trade analytics have been closed.', { retry: 'never' });
  }
}

function toRow(trade: AnalyticsTrade): Row {
  return {
    eventId: trade.eventId,
    userId: trade.userId,
    symbol: trade.symbol,
    side: trade.side,
    quantity: formatDecimal(trade.quantity),
    executionPrice: formatDecimal(trade.executionPrice),
    executionTimestamp: formatTimestamp(trade.executionTimestampMs).replace('T', ' ').replace('Z', ''),
  };
}

function bounds({ startMs, endMs }: TimeRange) {
  return { start: String(startMs), end: String(endMs) };
}

function textIn(row: Row, name: string): string {
  const value = row[name];
  assert(typeof value === 'string', `${name} was asked for as text`);
  return value;
}

/** A decimal's text as a count of units of 10 to the minus `places`. */
function unitsIn(row: Row, name: string, places: number): bigint {
  const [whole = '', fraction = ''] = textIn(row, name).split('.');
  return BigInt(whole + fraction.padEnd(places, '0'));
}
