/** What the rows of a market data file mean, and the rules they must keep. Pure. */

import type { Price, Quantity } from '#domain/data/decimal.ts';
import type { FieldIssue } from '#domain/data/decoded.ts';
import { FieldReader } from '#domain/data/field-reader.ts';
import type { Symbol } from '#domain/data/identifiers.ts';
import type { MarketFileKind, MarketFileRow } from '#infrastructure/market-files/market-files.ts';
import type { FeedQuote } from './feed.ts';

interface RowBase {
  readonly symbol: Symbol;
  /** Market time, ms; of a bar its left edge. */
  readonly timeMs: number;
}

export interface BarRow extends RowBase {
  readonly kind: 'bars';
  readonly open: Price;
  readonly high: Price;
  readonly low: Price;
  readonly close: Price;
  readonly volume: Quantity;
}

export interface TradeRow extends RowBase {
  readonly kind: 'trades';
  readonly price: Price;
  readonly size: Quantity;
}

export interface QuoteRow extends RowBase {
  readonly kind: 'quotes';
  readonly quote: FeedQuote;
}

export type MarketRow = BarRow | TradeRow | QuoteRow;

export type ReadRow =
  | { readonly kind: 'row'; readonly row: MarketRow }
  | { readonly kind: 'refused'; readonly reason: string; readonly errors: readonly FieldIssue[] };

/**
 * Reads one row; what is wrong names the row's line, the column and the rule. `latestMs`: market time beyond which no row
 * may be.
 */
export function readMarketRow(kind: MarketFileKind, row: MarketFileRow, latestMs: number): ReadRow {
  const reader = new FieldReader();
  if (row.trouble !== null) {
    reader.issue('row', 'format', row.trouble);
    return refusal(row, reader);
  }
  const value = readers[kind](row, reader);
  if (row.timeMs !== null && row.timeMs > latestMs) reader.issue('t', 'maximum', 'must not be in the future');
  return reader.failed ? refusal(row, reader) : { kind: 'row', row: value };
}

function refusal(row: MarketFileRow, reader: FieldReader): ReadRow {
  const errors = reader.issues;
  const all = errors.map(({ field, message }) => `${field} ${message}`).join('; ');
  return { kind: 'refused', reason: `line ${row.line}: ${all}`, errors };
}

type Cell = string | undefined;

/** In the order of the kind's columns. An empty cell is a missing one. */
function cellsOf({ cells }: MarketFileRow): readonly Cell[] {
  return cells.map((cell) => (cell === '' ? undefined : cell));
}

function baseOf([symbolCell, timeCell]: readonly Cell[], row: MarketFileRow, reader: FieldReader): RowBase {
  const symbol = reader.symbol(symbolCell, 'symbol');
  if (timeCell === undefined) reader.issue('t', 'required', 'is required');
  else if (row.timeMs === null) {
    reader.issue('t', 'timestamp', 'must be an ISO 8601 time in UTC, such as 2019-02-11T14:30:00Z, or a day');
  }
  return { symbol, timeMs: row.timeMs ?? 0 };
}

const readers: Readonly<Record<MarketFileKind, (row: MarketFileRow, reader: FieldReader) => MarketRow>> = {
  bars(row, reader) {
    const cells = cellsOf(row);
    const { symbol, timeMs } = baseOf(cells, row, reader);
    const [, , open, high, low, close, volume] = cells;
    const bar: BarRow = {
      kind: 'bars',
      symbol,
      timeMs,
      open: reader.price(open, 'open'),
      high: reader.price(high, 'high'),
      low: reader.price(low, 'low'),
      close: reader.price(close, 'close'),
      volume: reader.quantity(volume, 'volume'),
    };
    if (reader.failed) return bar;
    if (bar.low > bar.high) reader.issue('low', 'maximum', 'must not be above high');
    for (const edge of ['open', 'close'] as const) {
      if (bar[edge] < bar.low) reader.issue(edge, 'minimum', 'must not be below low');
      if (bar[edge] > bar.high) reader.issue(edge, 'maximum', 'must not be above high');
    }
    return bar;
  },
  trades(row, reader) {
    const cells = cellsOf(row);
    const { symbol, timeMs } = baseOf(cells, row, reader);
    const [, , price, size] = cells;
    return {
      kind: 'trades',
      symbol,
      timeMs,
      price: reader.price(price, 'price'),
      size: reader.quantity(size, 'size'),
    };
  },
  /** One side may be missing, as in a market without it. Bid and ask may cross, as real ones do for a moment. */
  quotes(row, reader) {
    const cells = cellsOf(row);
    const { symbol, timeMs } = baseOf(cells, row, reader);
    const [, , bid, bidSize, ask, askSize] = cells;
    if (bid === undefined && ask === undefined) reader.issue('bid', 'required', 'is required, or ask');
    if (bid === undefined && bidSize !== undefined)
      reader.issue('bid_size', 'exclusive', 'must not stand without bid');
    if (ask === undefined && askSize !== undefined)
      reader.issue('ask_size', 'exclusive', 'must not stand without ask');
    return {
      kind: 'quotes',
      symbol,
      timeMs,
      quote: {
        bid: reader.optionalPrice(bid, 'bid'),
        bidSize: reader.optionalQuantity(bidSize, 'bid_size'),
        ask: reader.optionalPrice(ask, 'ask'),
        askSize: reader.optionalQuantity(askSize, 'ask_size'),
      },
    };
  },
};
