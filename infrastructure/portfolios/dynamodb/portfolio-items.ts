/**
 * A portfolio as items of DynamoDB, and back. Pure.
 *
 *   userId = <account>      the head: everything but what did not fit; `parts` counts the items that carry that
 *   userId = <account>#1 …  a part: more symbols
 *
 * An item holds 400 KB at most. A symbol takes 115 bytes at the very worst (four maps, names of 16 bytes, numbers of
 * 19 digits), so that an item of 2,000 symbols is always far from that; nearly every account is one item. Amounts are
 * DynamoDB numbers, which are decimals of 38 digits: exact, and readable for whoever else reads the table.
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { type Decimal, formatDecimal, parseMoney, type Quantity } from '#domain/data/decimal.ts';
import type { AccountId, Symbol } from '#domain/data/identifiers.ts';
import { formatTimestamp, parseTimestamp } from '#domain/data/timestamp.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Holding, Portfolio } from '../portfolios.ts';

export type Item = Readonly<Record<string, AttributeValue>>;

export const SYMBOLS_PER_ITEM = 2_000;
/** A transaction holds 100 items and 4 MB. */
export const SYMBOLS_MAX = 30_000;

/** What the head says without its parts. */
export interface StoredHead {
  readonly version: number;
  readonly stateHash: string;
  readonly parts: number;
}

export function itemKey(userId: AccountId, part: number): string {
  return part === 0 ? userId : `${userId}#${part}`;
}

/** The head first. */
export function toItems(portfolio: Portfolio): readonly [Item, ...Item[]] {
  const { userId, version } = portfolio;
  const symbols = [...new Set([...portfolio.holdings.keys(), ...portfolio.sharesReserved.keys()])].sort();
  const [own = [], ...others] = chunks(symbols);
  const parts = others.map((some, at) => ({
    userId: { S: itemKey(userId, at + 1) },
    version: { N: String(version) },
    ...positionsOf(portfolio, some),
  }));
  const head = {
    userId: { S: userId },
    version: { N: String(version) },
    stateHash: { S: portfolio.stateHash },
    name: { S: portfolio.name },
    cashBalance: { N: formatDecimal(portfolio.cashBalance) },
    cashReserved: { N: formatDecimal(portfolio.cashReserved) },
    lastUpdatedTimestamp: { S: formatTimestamp(portfolio.lastUpdatedTimestampMs) },
    parts: { N: String(parts.length) },
    ...positionsOf(portfolio, own),
  };
  return [head, ...parts];
}

export function readHead(item: Item): StoredHead {
  return {
    version: Number(numberIn(item, 'version')),
    stateHash: textIn(item, 'stateHash'),
    parts: Number(numberIn(item, 'parts')),
  };
}

/** `head` and all of its parts, as of one moment. */
export function toPortfolio(head: Item, parts: readonly Item[]): Portfolio {
  const holdings = new Map<Symbol, Holding>();
  const sharesReserved = new Map<Symbol, Quantity>();
  for (const item of [head, ...parts]) {
    const costs = mapIn(item, 'costBasis');
    const profits = mapIn(item, 'realisedProfit');
    for (const [symbol, quantity] of Object.entries(mapIn(item, 'holdings'))) {
      holdings.set(symbol as Symbol, {
        quantity: decimalIn(item, symbol, quantity),
        costBasis: decimalIn(item, symbol, costs[symbol]),
        realisedProfit: decimalIn(item, symbol, profits[symbol]),
      });
    }
    for (const [symbol, quantity] of Object.entries(mapIn(item, 'sharesReserved'))) {
      sharesReserved.set(symbol as Symbol, decimalIn(item, symbol, quantity));
    }
  }
  return {
    userId: textIn(head, 'userId') as AccountId,
    name: textIn(head, 'name'),
    cashBalance: decimalIn(head, 'cashBalance', head['cashBalance']),
    cashReserved: decimalIn(head, 'cashReserved', head['cashReserved']),
    holdings,
    sharesReserved,
    lastUpdatedTimestampMs:
      parseTimestamp(textIn(head, 'lastUpdatedTimestamp')) ?? damaged(head, 'lastUpdatedTimestamp'),
    version: Number(numberIn(head, 'version')),
    stateHash: textIn(head, 'stateHash'),
  };
}

/** The wire's `holdings` is symbol → quantity; what we keep besides stands in maps beside it. */
function positionsOf(portfolio: Portfolio, symbols: readonly Symbol[]): Item {
  const holdings: Record<string, AttributeValue> = {};
  const costBasis: Record<string, AttributeValue> = {};
  const realisedProfit: Record<string, AttributeValue> = {};
  const sharesReserved: Record<string, AttributeValue> = {};
  for (const symbol of symbols) {
    const holding = portfolio.holdings.get(symbol);
    if (holding !== undefined) {
      holdings[symbol] = { N: formatDecimal(holding.quantity) };
      costBasis[symbol] = { N: formatDecimal(holding.costBasis) };
      realisedProfit[symbol] = { N: formatDecimal(holding.realisedProfit) };
    }
    const reserved = portfolio.sharesReserved.get(symbol);
    if (reserved !== undefined) sharesReserved[symbol] = { N: formatDecimal(reserved) };
  }
  return {
    holdings: { M: holdings },
    costBasis: { M: costBasis },
    realisedProfit: { M: realisedProfit },
    sharesReserved: { M: sharesReserved },
  };
}

function chunks(symbols: readonly Symbol[]): readonly (readonly Symbol[])[] {
  const count = Math.ceil(symbols.length / SYMBOLS_PER_ITEM);
  return Array.from({ length: count }, (_, at) =>
    symbols.slice(at * SYMBOLS_PER_ITEM, (at + 1) * SYMBOLS_PER_ITEM),
  );
}

function textIn(item: Item, name: string): string {
  return item[name]?.S ?? damaged(item, name);
}

function numberIn(item: Item, name: string): string {
  return item[name]?.N ?? damaged(item, name);
}

function mapIn(item: Item, name: string): Readonly<Record<string, AttributeValue>> {
  return item[name]?.M ?? damaged(item, name);
}

function decimalIn<Amount extends Decimal>(
  item: Item,
  name: string,
  value: AttributeValue | undefined,
): Amount {
  const parsed = parseMoney(value?.N ?? '');
  return parsed.kind === 'decimal' ? (parsed.value as bigint as Amount) : damaged(item, name);
}

function damaged(item: Item, name: string): never {
  throw damagedItem(item['userId']?.S ?? '(without userId)', name);
}

/** The table is on a server: others can write to it. */
export function damagedItem(userId: string, name: string): OperatingError {
  return new OperatingError(
    'STORE_DAMAGED',
    `The portfolio item ${userId} is not as Tradehall wrote it: its ${name} is missing or unreadable. Delete the table, ` +
      'make it anew with `tradehall prepare`, and start: it is rebuilt from the log.',
    { retry: 'never' },
  );
}
