/**
 * Compares every projection with the log, both ways: what the log says is in the store, and what the store holds is in
 * the log. A projection that is behind the log cannot be compared, and that is said.
 *
 * Of each event only a few bytes of a digest are kept while comparing, so a log of millions fits into memory.
 */
import { hash } from 'node:crypto';
import { formatScaled } from '#domain/data/decimal.ts';
import type { AccountId, EventId, OrderId } from '#domain/data/identifiers.ts';
import type { LedgerEntry, OrderUpdate, TradeExecuted } from '#domain/data/trading-events.ts';
import type { LogArchive } from '#infrastructure/event-log/log-archive.ts';
import type { PortfolioStore } from '#infrastructure/portfolios/portfolios.ts';
import type { RelationalStores } from '#infrastructure/relational/stores.ts';
import type { TradeAnalytics } from '#infrastructure/trade-analytics/trade-analytics.ts';
import type { TradeHistory } from '#infrastructure/trade-history/trade-history.ts';
import { statementLine } from '#services/portfolio/statement-lines.ts';
import { analyticsTrade, historyDocument } from '#streams/trade-persistence/trade-documents.ts';
import type { Balances, OutputFollower } from './books.ts';
import { type CheckName, FINDINGS_PER_CHECK, type Finding } from './finding.ts';

export interface ProjectionStores {
  readonly portfolios: PortfolioStore;
  readonly history: TradeHistory;
  readonly analytics: TradeAnalytics;
  readonly relational: RelationalStores;
}

const GROUPS: readonly (readonly [group: string, check: CheckName])[] = [
  ['portfolio', 'portfolios'],
  ['portfolio-statements', 'statements'],
  ['trade-history', 'trade history'],
  ['trade-analytics', 'trade analytics'],
  ['order-index', 'order index'],
];

const PAGE = 1_000;
const DIGEST_BYTES = 6;

/** Over the members in the order of their names, since a store may give them in another. */
function digestOf(value: object): number {
  const members = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  const text = JSON.stringify(members, (_key, member) =>
    typeof member === 'bigint' ? member.toString() : member,
  );
  return hash('sha256', text, 'buffer').readUIntBE(0, DIGEST_BYTES);
}

/** Of what an update decides: later facts of the row, such as its digest of the body, come from elsewhere. */
function orderDigest(order: Pick<OrderUpdate, 'status' | 'filledQuantity' | 'averageFillPrice'>): number {
  return digestOf([order.status, order.filledQuantity, order.averageFillPrice]);
}

interface Total {
  bought: bigint;
  sold: bigint;
}

/** Follows the log's outputs, then compares. */
export class ProjectionCheck implements OutputFollower {
  readonly #trades = new Map<EventId, number>();
  readonly #totals = new Map<string, Total>();
  readonly #orders = new Map<OrderId, { sequence: number; digest: number }>();
  readonly #lines = new Map<AccountId, Map<string, number>>();
  readonly #findings: Finding[] = [];

  tradeExecuted(event: TradeExecuted): void {
    this.#trades.set(event.eventId, digestOf(historyDocument(event)));
    const trade = analyticsTrade(event);
    if (trade === null) return;
    const key = `${trade.userId} ${trade.symbol}`;
    const total = this.#totals.get(key) ?? { bought: 0n, sold: 0n };
    if (trade.side === 'BUY') total.bought += trade.quantity;
    else total.sold += trade.quantity;
    this.#totals.set(key, total);
  }

  orderUpdate(event: OrderUpdate): void {
    if (event.update === 'cancel_rejected' || event.update === 'duplicate_conflict' || event.symbol === null)
      return;
    const former = this.#orders.get(event.orderId);
    if (former !== undefined && former.sequence > event.sequence) return;
    this.#orders.set(event.orderId, { sequence: event.sequence, digest: orderDigest(event) });
  }

  ledgerEntry(event: LedgerEntry): void {
    const lines = this.#lines.get(event.accountId) ?? new Map<string, number>();
    const line = statementLine(event);
    lines.set(line.entryId, digestOf(line));
    this.#lines.set(event.accountId, lines);
  }

  async compare(
    archive: LogArchive,
    stores: ProjectionStores,
    balances: Balances,
  ): Promise<readonly Finding[]> {
    const behind = this.#behind(archive);
    const checks: readonly (readonly [CheckName, () => Promise<void>])[] = [
      ['portfolios', () => this.#comparePortfolios(stores.portfolios, balances)],
      ['trade history', () => this.#compareHistory(stores.history)],
      ['trade analytics', () => this.#compareAnalytics(stores.analytics)],
      ['order index', () => this.#compareOrders(stores.relational)],
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
    const ends = new Map(
      archive.partitions().map((extent) => [`${extent.topic}/${extent.partition}`, extent]),
    );
    const behind = new Set<CheckName>();
    for (const [group, check] of GROUPS) {
      const lag = archive
        .groupPositions()
        .filter((position) => position.group === group)
        .reduce((sum, position) => {
          const end = ends.get(`${position.topic}/${position.partition}`)?.nextOffset ?? position.offset;
          return sum + end - position.offset;
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

  async #comparePortfolios(store: PortfolioStore, balances: Balances): Promise<void> {
    const seen = new Set<string>();
    let after: AccountId | null = null;
    for (;;) {
      const page = await store.list(after, PAGE);
      for (const portfolio of page) {
        const { userId } = portfolio;
        seen.add(userId);
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
    for (const accountId of this.#lines.keys()) {
      if (!seen.has(accountId)) this.#tell('portfolios', `the account ${accountId} has none`);
    }
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
    for (const { userId, symbol, bought, sold } of await store.totals()) {
      const key = `${userId} ${symbol}`;
      const logged = left.get(key) ?? { bought: 0n, sold: 0n };
      this.#same('trade analytics', `bought by ${key}`, bought, logged.bought);
      this.#same('trade analytics', `sold by ${key}`, sold, logged.sold);
      left.delete(key);
    }
    for (const key of left.keys()) this.#tell('trade analytics', `the trades of ${key} are missing`);
  }

  async #compareOrders({ orders }: RelationalStores): Promise<void> {
    const ids = [...this.#orders.keys()];
    for (let at = 0; at < ids.length; at += PAGE) {
      const wanted = ids.slice(at, at + PAGE);
      const rows = new Map((await orders.getMany(wanted)).map((row) => [row.orderId, row]));
      for (const orderId of wanted) {
        const row = rows.get(orderId);
        if (row === undefined) this.#tell('order index', `the order ${orderId} is missing`);
        else if (orderDigest(rowAsUpdate(row)) !== this.#orders.get(orderId)?.digest)
          this.#tell('order index', `the order ${orderId} differs from its last update`);
      }
    }
  }

  async #compareStatements({ statements }: RelationalStores): Promise<void> {
    for (const [accountId, lines] of this.#lines) {
      let found = 0;
      let afterSequence = 0;
      for (;;) {
        const page = await statements.list({ accountId, afterSequence, limit: PAGE });
        for (const line of page) {
          if (lines.get(line.entryId) === digestOf(line)) found += 1;
          else
            this.#tell(
              'statements',
              `the line ${line.entryId} of ${accountId} is not in the log, or differs from it`,
            );
        }
        const last = page.at(-1);
        if (last === undefined || page.length < PAGE) break;
        afterSequence = last.sequence;
      }
      if (found < lines.size)
        this.#tell('statements', `${lines.size - found} lines of ${accountId} are missing or differ`);
    }
  }
}

function rowAsUpdate(row: {
  readonly status: string;
  readonly filledQuantity: OrderUpdate['filledQuantity'];
  readonly averageFillPrice: OrderUpdate['averageFillPrice'];
}): Pick<OrderUpdate, 'status' | 'filledQuantity' | 'averageFillPrice'> {
  return { ...row, status: row.status as OrderUpdate['status'] };
}
