/**
 * Compares every projection with the log, both ways: what the log says is in the store, and what the store holds is in
 * the log. A projection that is behind the log cannot be compared, and that is said.
 *
 * Of each event only a few bytes of a digest are kept while comparing, so a log of millions fits into memory.
 */
import { formatScaled } from '#domain/data/decimal.ts';
import type { AccountId, EventId, OrderId } from '#domain/data/identifiers.ts';
import { TOPIC } from '#domain/data/topics.ts';
import type { LedgerEntry, OrderUpdate, Recorded, TradeExecuted } from '#domain/data/trading-events.ts';
import type { LogArchive } from '#infrastructure/event-log/log-archive.ts';
import type { PortfolioStore } from '#infrastructure/portfolios/portfolios.ts';
import type { IndexedOrder, RelationalStores, StatementLine } from '#infrastructure/relational/stores.ts';
import { divideHalfEven, SCALE } from '#infrastructure/trade-analytics/exact.ts';
import type { TradeAnalytics } from '#infrastructure/trade-analytics/trade-analytics.ts';
import type { TradeHistory } from '#infrastructure/trade-history/trade-history.ts';
import { statementLine } from '#services/portfolio/statement-lines.ts';
import { analyticsTrade, historyDocument } from '#streams/trade-persistence/trade-documents.ts';
import type { Balances, OutputFollower } from './books.ts';
import { digestOf } from './digest.ts';
import { ExpectedOrders } from './expected-orders.ts';
import { expectedPortfolios, portfolioDigest } from './expected-portfolios.ts';
import { type CheckName, FINDINGS_PER_CHECK, type Finding } from './finding.ts';

export interface ProjectionStores {
  readonly portfolios: PortfolioStore;
  readonly history: TradeHistory;
  readonly analytics: TradeAnalytics;
  readonly relational: RelationalStores;
}

const GROUPS: readonly (readonly [group: string, check: CheckName, topics: readonly string[]])[] = [
  ['portfolio', 'portfolios', [TOPIC.accountStates]],
  ['portfolio-statements', 'statements', [TOPIC.ledgerEntries]],
  ['trade-history', 'trade history', [TOPIC.tradeExecuted]],
  ['trade-analytics', 'trade analytics', [TOPIC.tradeExecuted]],
  ['order-index', 'order index', [TOPIC.tradeOrders, TOPIC.orderUpdates]],
];

const PAGE = 1_000;

type Total = Record<'bought' | 'sold' | 'notionalBought' | 'notionalSold', bigint>;

const NO_TOTAL: Total = { bought: 0n, sold: 0n, notionalBought: 0n, notionalSold: 0n };
const TOTAL_WORDS = {
  bought: 'shares bought by',
  sold: 'shares sold by',
  notionalBought: 'money spent by',
  notionalSold: 'money taken in by',
} as const satisfies Record<keyof Total, string>;

/** Follows the log's outputs, then compares. */
export class ProjectionCheck implements OutputFollower {
  readonly #trades = new Map<EventId, number>();
  readonly #totals = new Map<string, Total>();
  readonly #orders = new ExpectedOrders();
  /** By entry id. */
  readonly #lines = new Map<string, number>();
  readonly #findings: Finding[] = [];

  tradeExecuted(event: Recorded<TradeExecuted>): void {
    this.#trades.set(event.eventId, digestOf(historyDocument(event)));
    const trade = analyticsTrade(event);
    if (trade === null) return;
    const key = `${trade.userId} ${trade.symbol}`;
    const total = this.#totals.get(key) ?? { ...NO_TOTAL };
    const notional = divideHalfEven(trade.quantity * trade.executionPrice, SCALE);
    if (trade.side === 'BUY') {
      total.bought += trade.quantity;
      total.notionalBought += notional;
    } else {
      total.sold += trade.quantity;
      total.notionalSold += notional;
    }
    this.#totals.set(key, total);
  }

  orderUpdate(event: OrderUpdate): void {
    this.#orders.update(event);
  }

  ledgerEntry(event: Recorded<LedgerEntry>): void {
    const line = statementLine(event);
    this.#lines.set(line.entryId, digestOf(line));
  }

  async compare(
    archive: LogArchive,
    stores: ProjectionStores,
    balances: Balances,
  ): Promise<readonly Finding[]> {
    const behind = this.#behind(archive);
    const checks: readonly (readonly [CheckName, () => Promise<void>])[] = [
      ['portfolios', () => this.#comparePortfolios(archive, stores.portfolios, balances)],
      ['trade history', () => this.#compareHistory(stores.history)],
      ['trade analytics', () => this.#compareAnalytics(stores.analytics)],
      ['order index', () => this.#compareOrders(archive, stores.relational)],
      ['statements', () => this.#compareStatements(stores.relational)],
    ];
    for (const [name, check] of checks) if (!behind.has(name)) await check();
    return this.#findings;
  }

  #tell(check: CheckName, message: string): void {
    const told = this.#findings.filter((finding) => finding.check === check).length;
    if (told < FINDINGS_PER_CHECK) this.#findings.push({ check, record: null, message });
  }

  #behind(archive: LogArchive): ReadonlySet<CheckName> {
    const committed = new Map(
      archive
        .groupPositions()
        .map(({ group, topic, partition, offset }) => [`${group} ${topic}/${partition}`, offset]),
    );
    const behind = new Set<CheckName>();
    for (const [group, check, topics] of GROUPS) {
      // A group that has committed nothing of a partition is behind by all of it.
      const lag = archive
        .partitions()
        .filter(({ topic }) => topics.includes(topic))
        .reduce((sum, { topic, partition, firstOffset, nextOffset }) => {
          const position = committed.get(`${group} ${topic}/${partition}`) ?? firstOffset;
          return sum + nextOffset - position;
        }, 0);
      if (lag === 0) continue;
      behind.add(check);
      this.#tell(
        check,
        `it is ${lag} records behind the log: start the instance, let it catch up, stop it, verify again`,
      );
    }
    return behind;
  }

  async #comparePortfolios(archive: LogArchive, store: PortfolioStore, balances: Balances): Promise<void> {
    const expected = new Map(expectedPortfolios(archive));
    let after: AccountId | null = null;
    for (;;) {
      const page = await store.list(after, PAGE);
      for (const portfolio of page) {
        const { userId } = portfolio;
        const digest = expected.get(userId);
        expected.delete(userId);
        if (digest === undefined) this.#tell('portfolios', `the account ${userId} is not in the log`);
        else if (digest !== portfolioDigest(portfolio))
          this.#tell('portfolios', `the portfolio of ${userId} is not what execution has committed`);
        const assets = balances.get(userId) ?? new Map<string, bigint>();
        this.#same('portfolios', `the cash of ${userId}`, portfolio.cashBalance, assets.get('USD') ?? 0n);
        const symbols = new Set([...portfolio.holdings.keys(), ...assets.keys()]);
        symbols.delete('USD' as never);
        for (const symbol of symbols) {
          const held = portfolio.holdings.get(symbol as never)?.quantity ?? 0n;
          this.#same('portfolios', `${symbol} of ${userId}`, held, assets.get(symbol) ?? 0n);
        }
      }
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) break;
      after = last.userId;
    }
    for (const accountId of expected.keys()) this.#tell('portfolios', `the account ${accountId} has none`);
  }

  #same(check: CheckName, what: string, stored: bigint, logged: bigint): void {
    if (stored === logged) return;
    this.#tell(
      check,
      `${what} is ${formatScaled(stored)} in the store and ${formatScaled(logged)} by the log`,
    );
  }

  async #compareHistory(store: TradeHistory): Promise<void> {
    let found = 0;
    let after: EventId | null = null;
    for (;;) {
      const page = await store.scan(after, PAGE);
      for (const document of page) {
        const expected = this.#trades.get(document.eventId);
        if (expected === undefined) this.#tell('trade history', `${document.eventId} is not in the log`);
        else if (expected !== digestOf(document))
          this.#tell('trade history', `${document.eventId} differs from the log`);
        else found += 1;
      }
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) break;
      after = last.eventId;
    }
    const missing = this.#trades.size - found;
    if (missing > 0) this.#tell('trade history', `${missing} trades of the log are missing or differ`);
  }

  async #compareAnalytics(store: TradeAnalytics): Promise<void> {
    const left = new Map(this.#totals);
    for (const stored of await store.totals()) {
      const key = `${stored.userId} ${stored.symbol}`;
      const logged = left.get(key) ?? NO_TOTAL;
      for (const name of ['bought', 'sold', 'notionalBought', 'notionalSold'] as const)
        this.#same('trade analytics', `${TOTAL_WORDS[name]} ${key}`, stored[name], logged[name]);
      left.delete(key);
    }
    for (const key of left.keys()) this.#tell('trade analytics', `the trades of ${key} are missing`);
  }

  async #compareOrders(archive: LogArchive, { orders }: RelationalStores): Promise<void> {
    this.#orders.readAcceptances(archive);
    let found = 0;
    for (let after: OrderId | null = null; ; ) {
      const page: readonly IndexedOrder[] = await orders.scan(after, PAGE);
      for (const row of page) {
        const difference = this.#orders.difference(row);
        if (difference !== 'is not in the log') found += 1;
        if (difference !== null) this.#tell('order index', `the order ${row.orderId} ${difference}`);
      }
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) break;
      after = last.orderId;
    }
    const missing = this.#orders.size - found;
    if (missing > 0) this.#tell('order index', `${missing} orders of the log are missing`);
  }

  async #compareStatements({ statements }: RelationalStores): Promise<void> {
    let found = 0;
    for (let after: string | null = null; ; ) {
      const page: readonly StatementLine[] = await statements.scan(after, PAGE);
      for (const line of page) {
        const expected = this.#lines.get(line.entryId);
        if (expected === undefined) this.#tell('statements', `the line ${line.entryId} is not in the log`);
        else if (expected !== digestOf(line))
          this.#tell('statements', `the line ${line.entryId} differs from the log`);
        if (expected !== undefined) found += 1;
      }
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) break;
      after = last.entryId;
    }
    const missing = this.#lines.size - found;
    if (missing > 0) this.#tell('statements', `${missing} lines of the log are missing`);
  }
}
