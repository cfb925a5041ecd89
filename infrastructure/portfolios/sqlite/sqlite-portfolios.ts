/**
 * The portfolio store on one SQLite file: reads here, since every order asks for one, and most of them from memory;
 * writes on a thread of their own, since they wait for the disk.
 *
 * It is a projection, but its consumer commits its position in the log after `put`, so a write that a power cut
 * takes back would leave a hole that nobody fills. Every call is therefore one transaction, synced before it
 * returns; callers batch, and the batch shares the sync.
 */
import assert from 'node:assert/strict';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Money, Quantity } from '#domain/data/decimal.ts';
import type { AccountId, Symbol } from '#domain/data/identifiers.ts';
import { guardSqlite, openSqliteFile, type SqliteFormat } from '#infrastructure/common/sqlite-file.ts';
import {
  openSqliteThread,
  type SqliteStep,
  type SqliteStepResult,
  type SqliteThread,
} from '#infrastructure/common/sqlite-thread.ts';
import {
  type Holding,
  PORTFOLIO_PAGE_LIMIT_MAX,
  type Portfolio,
  type PortfolioStore,
  type PutOutcome,
} from '../portfolios.ts';
import { assertPossible } from '../possible-portfolio.ts';

export interface SqlitePortfoliosOptions {
  readonly path: string;
}

/** Amounts are counts of 10⁻⁹ units: columns as 64-bit integers, inside JSON as text. Times are ms. */
const FORMAT: SqliteFormat = {
  name: 'The portfolio store',
  applicationId: 0x74_68_70_66,
  steps: [
    `CREATE TABLE trading_portfolios (
       user_id TEXT PRIMARY KEY NOT NULL,
       version INTEGER NOT NULL,
       state_hash TEXT NOT NULL,
       name TEXT NOT NULL,
       cash_balance INTEGER NOT NULL CHECK (cash_balance >= 0),
       cash_reserved INTEGER NOT NULL CHECK (cash_reserved >= 0),
       holdings TEXT NOT NULL,
       shares_reserved TEXT NOT NULL,
       last_updated_ms INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID`,
  ],
};

const CACHE_KIB = 8 * 1024;
/** Portfolios kept as they were last read or written: every order asks for one, and a folder has one process. */
const KEPT_MAX = 4_096;

const WRITE = `
  INSERT INTO trading_portfolios (user_id, version, state_hash, name, cash_balance, cash_reserved,
                                  holdings, shares_reserved, last_updated_ms)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (user_id) DO UPDATE SET
    version = excluded.version, state_hash = excluded.state_hash, name = excluded.name,
    cash_balance = excluded.cash_balance, cash_reserved = excluded.cash_reserved,
    holdings = excluded.holdings, shares_reserved = excluded.shares_reserved,
    last_updated_ms = excluded.last_updated_ms
  WHERE excluded.version > trading_portfolios.version`;
/** Right after `WRITE`: what is stored, if that wrote nothing. */
const READ_HEAD = 'SELECT version, state_hash FROM trading_portfolios WHERE user_id = ? AND changes() = 0';

export async function openSqlitePortfolios(options: SqlitePortfoliosOptions): Promise<PortfolioStore> {
  const file = { path: options.path, format: FORMAT, cacheKib: CACHE_KIB };
  const reader = openSqliteFile(file);
  try {
    return new SqlitePortfolios(options.path, reader, await openSqliteThread(file));
  } catch (error) {
    reader.close();
    throw error;
  }
}

class SqlitePortfolios implements PortfolioStore {
  readonly losses = null;
  readonly #path: string;
  readonly #reader: DatabaseSync;
  readonly #writer: SqliteThread;
  readonly #read: StatementSync;
  readonly #readPage: StatementSync;
  /** Least recently written or read from the file first. */
  readonly #kept = new Map<AccountId, Portfolio>();

  constructor(path: string, reader: DatabaseSync, writer: SqliteThread) {
    this.#path = path;
    this.#reader = reader;
    this.#writer = writer;
    this.#read = reader.prepare('SELECT * FROM trading_portfolios WHERE user_id = ?');
    this.#readPage = reader.prepare(
      'SELECT * FROM trading_portfolios WHERE user_id > ? ORDER BY user_id LIMIT ?',
    );
    this.#read.setReadBigInts(true);
    this.#readPage.setReadBigInts(true);
  }

  async put(portfolios: readonly Portfolio[]): Promise<readonly PutOutcome[]> {
    for (const portfolio of portfolios) assertPossible(portfolio);
    if (portfolios.length === 0) return [];
    try {
      // A write that changed nothing is followed by a look at what is stored then, before the next item's write.
      const results = await this.#writer.write(
        portfolios.flatMap((portfolio) => [
          writeStep(portfolio),
          { sql: READ_HEAD, values: [portfolio.userId] },
        ]),
      );
      return portfolios.map((portfolio, index) => {
        const outcome = toOutcome(portfolio, results[2 * index], results[2 * index + 1]);
        if (outcome.kind === 'written') this.#keep(portfolio);
        return outcome;
      });
    } catch (error) {
      // What is stored now is not known.
      for (const { userId } of portfolios) this.#kept.delete(userId);
      throw error;
    }
  }

  #keep(portfolio: Portfolio): void {
    const former = this.#kept.get(portfolio.userId);
    if (former !== undefined && former.version > portfolio.version) return;
    this.#kept.delete(portfolio.userId);
    this.#kept.set(portfolio.userId, portfolio);
    if (this.#kept.size <= KEPT_MAX) return;
    const oldest = this.#kept.keys().next();
    if (oldest.done !== true) this.#kept.delete(oldest.value);
  }

  async get(userId: AccountId): Promise<Portfolio | null> {
    const kept = this.#kept.get(userId);
    if (kept !== undefined && this.#reader.isOpen) return kept;
    const row = this.#guard(() => this.#read.get(userId));
    if (row === undefined) return null;
    const portfolio = toPortfolio(row);
    this.#keep(portfolio);
    return portfolio;
  }

  async isEmpty(): Promise<boolean> {
    return this.#guard(() => this.#readPage.all('', 1)).length === 0;
  }

  async list(after: AccountId | null, limit: number): Promise<readonly Portfolio[]> {
    assert(
      Number.isInteger(limit) && limit >= 1 && limit <= PORTFOLIO_PAGE_LIMIT_MAX,
      'a page has 1 to 10,000 portfolios',
    );
    return this.#guard(() => this.#readPage.all(after ?? '', limit)).map(toPortfolio);
  }

  async close(): Promise<void> {
    await this.#writer.close();
    if (this.#reader.isOpen) this.#reader.close();
  }

  #guard<T>(work: () => T): T {
    return guardSqlite(FORMAT.name, this.#path, work);
  }
}

function writeStep(portfolio: Portfolio): SqliteStep {
  return {
    sql: WRITE,
    values: [
      portfolio.userId,
      portfolio.version,
      portfolio.stateHash,
      portfolio.name,
      portfolio.cashBalance,
      portfolio.cashReserved,
      writeHoldings(portfolio.holdings),
      writeQuantities(portfolio.sharesReserved),
      portfolio.lastUpdatedTimestampMs,
    ],
  };
}

function toOutcome(
  portfolio: Portfolio,
  written: SqliteStepResult | undefined,
  head: SqliteStepResult | undefined,
): PutOutcome {
  assert(written !== undefined && head !== undefined, 'every step is answered');
  if (written.changes > 0) return { kind: 'written' };
  const [stored] = head.rows;
  assert(stored !== undefined, 'what is not written is not newer than what is stored');
  const storedVersion = Number(stored['version']);
  const storedHash = String(stored['state_hash']);
  return storedVersion === portfolio.version && storedHash !== portfolio.stateHash
    ? { kind: 'conflict', storedHash }
    : { kind: 'not-newer', storedVersion };
}

type StoredHolding = readonly [quantity: string, costBasis: string, realisedProfit: string];

/** Holdings are never changed, and of a portfolio that is written again most are the same objects as before. */
const written = new WeakMap<Holding, string>();

function writeHolding(holding: Holding): string {
  let text = written.get(holding);
  if (text === undefined) {
    const { quantity, costBasis, realisedProfit } = holding;
    const stored: StoredHolding = [String(quantity), String(costBasis), String(realisedProfit)];
    text = JSON.stringify(stored);
    written.set(holding, text);
  }
  return text;
}

function writeHoldings(holdings: ReadonlyMap<Symbol, Holding>): string {
  let members = '';
  holdings.forEach((holding, symbol) => {
    members += `${members === '' ? '' : ','}${JSON.stringify(symbol)}:${writeHolding(holding)}`;
  });
  return `{${members}}`;
}

function writeQuantities(quantities: ReadonlyMap<Symbol, Quantity>): string {
  const stored: Record<string, string> = {};
  for (const [symbol, quantity] of quantities) stored[symbol] = String(quantity);
  return JSON.stringify(stored);
}

function toPortfolio(row: Record<string, unknown>): Portfolio {
  const holdings = new Map<Symbol, Holding>();
  const storedHoldings: Record<string, StoredHolding> = JSON.parse(String(row['holdings']));
  for (const [symbol, [quantity, costBasis, realisedProfit]] of Object.entries(storedHoldings)) {
    holdings.set(symbol as Symbol, {
      quantity: BigInt(quantity) as Quantity,
      costBasis: BigInt(costBasis) as Money,
      realisedProfit: BigInt(realisedProfit) as Money,
    });
  }
  const sharesReserved = new Map<Symbol, Quantity>();
  const storedReserved: Record<string, string> = JSON.parse(String(row['shares_reserved']));
  for (const [symbol, quantity] of Object.entries(storedReserved)) {
    sharesReserved.set(symbol as Symbol, BigInt(quantity) as Quantity);
  }
  return {
    userId: String(row['user_id']) as AccountId,
    name: String(row['name']),
    cashBalance: BigInt(String(row['cash_balance'])) as Money,
    cashReserved: BigInt(String(row['cash_reserved'])) as Money,
    holdings,
    sharesReserved,
    lastUpdatedTimestampMs: Number(row['last_updated_ms']),
    version: Number(row['version']),
    stateHash: String(row['state_hash']),
  };
}
