/**
 * Trade history on one SQLite file: a table, an index that answers filters and counts by itself, and FTS5 for
 * words. All of it runs on a thread of its own: a search over an account with very many trades takes a while.
 *
 * The full-text table is contentless and keeps no positions: it only answers which rows have all of the words.
 * The account is one of a row's words, so that a search never walks other accounts' rows.
 */
import assert from 'node:assert/strict';
import type { SQLInputValue } from 'node:sqlite';
import type { Price, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, EventId, ExecutionId, OrderId, Symbol } from '#domain/data/identifiers.ts';
import type { SqliteFormat } from '#infrastructure/common/sqlite-file.ts';
import {
  openSqliteThread,
  type SqliteStep,
  type SqliteThread,
} from '#infrastructure/common/sqlite-thread.ts';
import { readPageToken, writePageToken } from '../page-token.ts';
import { searchWords } from '../search-words.ts';
import {
  SEARCH_TEXT_LENGTH_MAX,
  TRADE_PAGE_LIMIT_MAX,
  type TradeDocument,
  type TradeHistory,
  type TradePage,
  type TradeQuery,
  type TradeStatus,
} from '../trade-history.ts';

export interface SqliteTradeHistoryOptions {
  readonly path: string;
}

/** Prices and quantities are counts of 10⁻⁹ units in 64-bit integers. Times are ms. */
const FORMAT: SqliteFormat = {
  name: 'The trade history',
  applicationId: 0x74_68_74_68,
  steps: [
    `CREATE TABLE trading_trades (
       id INTEGER PRIMARY KEY,
       event_id TEXT NOT NULL UNIQUE,
       order_id TEXT NOT NULL,
       user_id TEXT NOT NULL,
       symbol TEXT NOT NULL,
       quantity INTEGER NOT NULL,
       side TEXT NOT NULL,
       status TEXT NOT NULL,
       execution_price INTEGER,
       execution_id TEXT,
       execution_ms INTEGER NOT NULL,
       failure_reason TEXT
     ) STRICT;
     CREATE INDEX trading_trades_of_user ON trading_trades (user_id, execution_ms DESC, event_id DESC, symbol, status);
     CREATE VIRTUAL TABLE trading_trades_words USING fts5 (words, content = '', detail = none, columnsize = 0, tokenize = 'ascii');`,
  ],
};

const CACHE_KIB = 16 * 1024;
/** Up to so many rows that have all words, those rows are looked at; beyond, the account's rows in order of time. */
const FEW_ROWS = 2_000;

const INSERT = `
  INSERT INTO trading_trades (event_id, order_id, user_id, symbol, quantity, side, status,
                              execution_price, execution_id, execution_ms, failure_reason)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event_id) DO NOTHING`;
/** Right after `INSERT`: words for the row that it added, if it added one. */
const INSERT_WORDS =
  'INSERT INTO trading_trades_words (rowid, words) SELECT last_insert_rowid(), ? WHERE changes() > 0';
const COUNT_FEW =
  'SELECT count(*) AS count FROM (SELECT 1 FROM trading_trades_words WHERE trading_trades_words MATCH ? LIMIT ?)';
const SCAN = 'SELECT * FROM trading_trades WHERE event_id > ? ORDER BY event_id LIMIT ?';

export async function openSqliteTradeHistory(options: SqliteTradeHistoryOptions): Promise<TradeHistory> {
  return new SqliteTradeHistory(
    await openSqliteThread({ path: options.path, format: FORMAT, cacheKib: CACHE_KIB }),
  );
}

class SqliteTradeHistory implements TradeHistory {
  readonly losses = null;
  readonly #thread: SqliteThread;

  constructor(thread: SqliteThread) {
    this.#thread = thread;
  }

  async index(trades: readonly TradeDocument[]): Promise<void> {
    if (trades.length > 0) await this.#thread.write(trades.flatMap(indexSteps));
  }

  async isEmpty(): Promise<boolean> {
    return (await this.scan(null, 1)).length === 0;
  }

  async search(query: TradeQuery): Promise<TradePage> {
    requireLimit(query.limit);
    const cursor = query.pageToken === undefined ? null : readPageToken(query, query.pageToken);
    if (cursor === null && query.pageToken !== undefined) return { kind: 'bad-page-token' };
    assert((query.text ?? '').length <= SEARCH_TEXT_LENGTH_MAX, 'the caller refuses longer texts');

    const filters = await this.#filtersOf(query);
    const count = {
      sql: `SELECT count(*) AS count FROM trading_trades WHERE ${filters.sql}`,
      values: [...filters.values],
    };
    if (cursor !== null) {
      filters.add('(execution_ms, event_id) < (?, ?)', cursor.executionTimestampMs, cursor.eventId);
    }
    const page = {
      sql: `SELECT * FROM trading_trades WHERE ${filters.sql} ORDER BY execution_ms DESC, event_id DESC LIMIT ?`,
      values: [...filters.values, query.limit + 1],
    };
    const [counted, found] = await this.#thread.read([count, page]);
    const rows = found?.rows ?? [];
    const trades = rows.slice(0, query.limit).map(toTrade);
    const last = trades.at(-1);
    const nextPageToken =
      rows.length > query.limit && last !== undefined ? writePageToken(query, last) : null;
    return { kind: 'page', trades, nextPageToken, totalCount: Number(counted?.rows[0]?.['count']) };
  }

  async scan(after: EventId | null, limit: number): Promise<readonly TradeDocument[]> {
    requireLimit(limit);
    const [found] = await this.#thread.read([{ sql: SCAN, values: [after ?? '', limit] }]);
    return (found?.rows ?? []).map(toTrade);
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  async #filtersOf(query: TradeQuery): Promise<Filters> {
    const filters = new Filters();
    const words = searchWords(query.text ?? '');
    let few = false;
    if (words.length > 0) {
      const match = [userWord(query.userId), ...words].map((word) => `"${word}"`).join(' AND ');
      const [found] = await this.#thread.read([{ sql: COUNT_FEW, values: [match, FEW_ROWS] }]);
      few = Number(found?.rows[0]?.['count']) < FEW_ROWS;
      filters.add('id IN (SELECT rowid FROM trading_trades_words WHERE trading_trades_words MATCH ?)', match);
    }
    // SQLite cannot know which is shorter; the plus keeps it from the account's index.
    filters.add(few ? '+user_id = ?' : 'user_id = ?', query.userId);
    if (query.symbol !== undefined) filters.add('symbol = ?', query.symbol);
    if (query.status !== undefined) filters.add('status = ?', query.status);
    if (query.startMs !== undefined) filters.add('execution_ms >= ?', query.startMs);
    if (query.endMs !== undefined) filters.add('execution_ms < ?', query.endMs);
    return filters;
  }
}

function indexSteps(trade: TradeDocument): readonly SqliteStep[] {
  const text = `${trade.symbol} ${trade.side} ${trade.status} ${trade.failureReason ?? ''}`;
  return [
    {
      sql: INSERT,
      values: [
        trade.eventId,
        trade.orderId,
        trade.userId,
        trade.symbol,
        trade.quantity,
        trade.side,
        trade.status,
        trade.executionPrice,
        trade.executionId,
        trade.executionTimestampMs,
        trade.failureReason,
      ],
    },
    { sql: INSERT_WORDS, values: [[userWord(trade.userId), ...searchWords(text)].join(' ')] },
  ];
}

class Filters {
  readonly #conditions: string[] = [];
  readonly values: SQLInputValue[] = [];

  add(condition: string, ...values: readonly SQLInputValue[]): this {
    this.#conditions.push(condition);
    this.values.push(...values);
    return this;
  }

  get sql(): string {
    return this.#conditions.join(' AND ');
  }
}

/** The account as one word. A reason that contains it matches no more: rows are filtered by account as well. */
function userWord(userId: AccountId): string {
  return `user${userId.replaceAll('-', '')}`;
}

function requireLimit(limit: number): void {
  assert(
    Number.isInteger(limit) && limit >= 1 && limit <= TRADE_PAGE_LIMIT_MAX,
    'a page has 1 to 10,000 trades',
  );
}

function toTrade(row: Record<string, unknown>): TradeDocument {
  const price = row['execution_price'];
  const executionId = row['execution_id'];
  const failureReason = row['failure_reason'];
  return {
    eventId: String(row['event_id']) as EventId,
    orderId: String(row['order_id']) as OrderId,
    userId: String(row['user_id']) as AccountId,
    symbol: String(row['symbol']) as Symbol,
    quantity: BigInt(String(row['quantity'])) as Quantity,
    side: row['side'] as TradeDocument['side'],
    status: row['status'] as TradeStatus,
    executionPrice: price === null ? null : (BigInt(String(price)) as Price),
    executionId: executionId === null ? null : (String(executionId) as ExecutionId),
    executionTimestampMs: Number(row['execution_ms']),
    failureReason: failureReason === null ? null : String(failureReason),
  };
}
