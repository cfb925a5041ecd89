/**
 * A portfolio with what it is worth at the latest prices, in exact decimals. Pure.
 *
 * A position without a price is shown without a value, and the whole then has no equity: a guess would look like a
 * number.
 */
import {
  fits,
  formatDecimal,
  type Money,
  ONE,
  type Price,
  roundHalfEven,
  subtract,
  tryAdd,
  tryMultiply,
} from '#domain/data/decimal.ts';
import type { Symbol } from '#domain/data/identifiers.ts';
import { formatTimestamp } from '#domain/data/timestamp.ts';
import type { Holding, Portfolio } from '#infrastructure/portfolios/portfolios.ts';

export interface PositionView {
  readonly symbol: string;
  readonly quantity: string;
  readonly reservedQuantity: string;
  /** `null` while nothing is held. */
  readonly averageCost: string | null;
  readonly costBasis: string;
  readonly marketPrice: string | null;
  readonly marketPriceTimestamp: string | null;
  readonly marketValue: string | null;
  readonly unrealisedProfit: string | null;
  readonly realisedProfit: string;
}

export interface PortfolioView {
  readonly userId: string;
  readonly name: string;
  readonly cashBalance: string;
  readonly cashReserved: string;
  readonly holdings: Readonly<Record<string, string>>;
  readonly positions: readonly PositionView[];
  /** Cash and the value of every position; `null` when one of them has no price. */
  readonly equity: string | null;
  readonly unpricedSymbols: readonly string[];
  readonly version: number;
  readonly lastUpdatedTimestamp: string;
}

export interface MarkPrice {
  readonly price: Price;
  readonly feedTimestampMs: number;
}

export function portfolioView(portfolio: Portfolio, prices: ReadonlyMap<Symbol, MarkPrice>): PortfolioView {
  const held = [...portfolio.holdings].sort(([left], [right]) => (left < right ? -1 : 1));
  let equity: Money | null = portfolio.cashBalance;
  const unpricedSymbols: string[] = [];
  const positions = held.map(([symbol, holding]) => {
    const mark = prices.get(symbol) ?? null;
    const value = valueOf(holding, mark);
    if (value === null) unpricedSymbols.push(symbol);
    const sum: Money | 'overflow' | null = value === null || equity === null ? null : tryAdd(equity, value);
    equity = sum === 'overflow' ? null : sum;
    return positionView(symbol, holding, portfolio, mark, value);
  });
  return {
    userId: portfolio.userId,
    name: portfolio.name,
    cashBalance: formatDecimal(portfolio.cashBalance),
    cashReserved: formatDecimal(portfolio.cashReserved),
    holdings: Object.fromEntries(
      held
        .filter(([, { quantity }]) => quantity !== 0n)
        .map(([symbol, { quantity }]) => [symbol, formatDecimal(quantity)]),
    ),
    positions,
    equity: equity === null ? null : formatDecimal(equity),
    unpricedSymbols,
    version: portfolio.version,
    lastUpdatedTimestamp: formatTimestamp(portfolio.lastUpdatedTimestampMs),
  };
}

function valueOf(holding: Holding, mark: MarkPrice | null): Money | null {
  if (holding.quantity === 0n) return 0n as Money;
  if (mark === null) return null;
  const value = tryMultiply(mark.price, holding.quantity);
  return value === 'overflow' ? null : value;
}

/** `null` when nothing is held, or when fees on a dust of a share make it more than a price can be. */
function averageCost({ quantity, costBasis }: Holding): string | null {
  if (quantity === 0n) return null;
  const average = roundHalfEven(costBasis * ONE, quantity);
  return fits(average) ? formatDecimal(average as Price) : null;
}

function positionView(
  symbol: Symbol,
  holding: Holding,
  portfolio: Portfolio,
  mark: MarkPrice | null,
  value: Money | null,
): PositionView {
  const { quantity, costBasis, realisedProfit } = holding;
  const reserved = portfolio.sharesReserved.get(symbol);
  return {
    symbol,
    quantity: formatDecimal(quantity),
    reservedQuantity: reserved === undefined ? '0' : formatDecimal(reserved),
    averageCost: averageCost(holding),
    costBasis: formatDecimal(costBasis),
    marketPrice: mark === null ? null : formatDecimal(mark.price),
    marketPriceTimestamp: mark === null ? null : formatTimestamp(mark.feedTimestampMs),
    marketValue: value === null ? null : formatDecimal(value),
    unrealisedProfit: value === null ? null : formatDecimal(subtract(value, costBasis)),
    realisedProfit: formatDecimal(realisedProfit),
  };
}
