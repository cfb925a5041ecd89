/**
 * Folds what the program says happened, apart from the product's own code: portfolios from executed trades, balances
 * from ledger entries.
 */
import assert from 'node:assert/strict';
import { type Api, listMember, member, textMember } from './api.ts';
import { nano, timesNano } from './nano.ts';
import type { Account } from './workload.ts';

export interface Trade {
  readonly eventId: string;
  readonly orderId: string;
  readonly symbol: string;
  readonly side: string;
  readonly status: string;
  readonly quantity: bigint;
  readonly price: bigint | null;
}

export interface FoldedAccount {
  cash: bigint;
  /** Symbols with shares only. */
  readonly holdings: Map<string, bigint>;
}

const PAGE_LIMIT = 100;

/** Every trade of an account, page by page. */
export async function tradesOf(api: Api, account: Account): Promise<readonly Trade[]> {
  const trades: Trade[] = [];
  let pageToken: string | null = null;
  do {
    const query: string = `userId=${account.accountId}&limit=${PAGE_LIMIT}${pageToken === null ? '' : `&pageToken=${encodeURIComponent(pageToken)}`}`;
    const { status, body } = await api.request('GET', `/v1/trades/search?${query}`, {
      credential: account.credential,
    });
    assert.equal(status, 200, JSON.stringify(body));
    trades.push(...listMember(body, 'trades').map(tradeFrom));
    const pagination = member(body, 'pagination');
    const next = member(pagination, 'nextPageToken');
    pageToken = typeof next === 'string' ? next : null;
    if (pageToken === null)
      assert.equal(member(pagination, 'totalCount'), trades.length, 'the total is what the pages hold');
  } while (pageToken !== null);
  return trades;
}

function tradeFrom(document: unknown): Trade {
  const status = textMember(document, 'status');
  return {
    eventId: textMember(document, 'eventId'),
    orderId: textMember(document, 'orderId'),
    symbol: textMember(document, 'symbol'),
    side: textMember(document, 'side'),
    status,
    quantity: nano(textMember(document, 'quantity')),
    price: status === 'EXECUTED' ? nano(textMember(document, 'executionPrice')) : null,
  };
}

/** Without fees, as the tests run it. */
export function foldTrades(account: Account, trades: readonly Trade[]): FoldedAccount {
  const folded: FoldedAccount = { cash: nano(account.cash), holdings: new Map() };
  for (const trade of trades) {
    if (trade.price === null) continue;
    const sign = trade.side === 'BUY' ? 1n : -1n;
    folded.cash -= sign * timesNano(trade.quantity, trade.price);
    add(folded.holdings, trade.symbol, sign * trade.quantity);
  }
  dropZeros(folded.holdings);
  return folded;
}

/** What `GET /v1/portfolio/{userId}` shows, in the same shape. */
export async function portfolioOf(api: Api, account: Account): Promise<FoldedAccount> {
  const { status, body } = await api.request('GET', `/v1/portfolio/${account.accountId}`, {
    credential: account.credential,
  });
  assert.equal(status, 200, JSON.stringify(body));
  const holdings = new Map<string, bigint>();
  const shown = member(body, 'holdings') as Readonly<Record<string, unknown>>;
  for (const [symbol, quantity] of Object.entries(shown)) {
    assert.ok(typeof quantity === 'string', `holdings map symbols to quantities: ${JSON.stringify(shown)}`);
    add(holdings, symbol, nano(quantity));
  }
  dropZeros(holdings);
  return { cash: nano(textMember(body, 'cashBalance')), holdings };
}

export interface LedgerPosting {
  readonly account: string;
  readonly asset: string;
  readonly amount: bigint;
}

/** Balances by account and asset: `USD` and symbols. */
export function foldLedger(entries: readonly (readonly LedgerPosting[])[]): Map<string, Map<string, bigint>> {
  const balances = new Map<string, Map<string, bigint>>();
  for (const postings of entries) {
    const perAsset = new Map<string, bigint>();
    for (const { account, asset, amount } of postings) {
      add(perAsset, asset, amount);
      const own = balances.get(account) ?? new Map<string, bigint>();
      add(own, asset, amount);
      balances.set(account, own);
    }
    for (const [asset, sum] of perAsset) assert.equal(sum, 0n, `an entry does not balance in ${asset}`);
  }
  return balances;
}

function add(to: Map<string, bigint>, name: string, amount: bigint): void {
  to.set(name, (to.get(name) ?? 0n) + amount);
}

function dropZeros(of: Map<string, bigint>): void {
  for (const [name, amount] of of) if (amount === 0n) of.delete(name);
}
