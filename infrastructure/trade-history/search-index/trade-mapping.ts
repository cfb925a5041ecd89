/** A trade as a document: its mapping, strict and kept to what both servers have, and the way there and back. Pure. */
import { formatDecimal, type Price, parsePrice, parseQuantity, type Quantity } from '#domain/data/decimal.ts';
import type { AccountId, EventId, ExecutionId, OrderId, Symbol } from '#domain/data/identifiers.ts';
import { formatTimestamp, parseTimestamp } from '#domain/data/timestamp.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { searchWords } from '../search-words.ts';
import type { TradeDocument, TradeStatus } from '../trade-history.ts';

/** Beyond this a word is stored but not found; a search asks for 256 characters at most. */
const WORD_LENGTH_MAX = 1_000;
const KEYWORD = { type: 'keyword' };
/** Exact as it is written; the number beside it is for ranges only. */
const AMOUNT = { type: 'keyword', fields: { number: { type: 'double' } } };

export const PROPERTIES = {
  eventId: KEYWORD,
  orderId: KEYWORD,
  userId: KEYWORD,
  symbol: KEYWORD,
  side: KEYWORD,
  status: KEYWORD,
  quantity: AMOUNT,
  executionPrice: AMOUNT,
  executionId: KEYWORD,
  executionTimestamp: { type: 'date' },
  failureReason: { type: 'text' },
  // What a search for words looks in, cut by us: no analyser of a server decides what a word is.
  words: { type: 'keyword', ignore_above: WORD_LENGTH_MAX },
} as const;

export type StoredTrade = Readonly<Record<string, unknown>>;

export function toStored(trade: TradeDocument): StoredTrade {
  const text = `${trade.symbol} ${trade.side} ${trade.status} ${trade.failureReason ?? ''}`;
  return {
    eventId: trade.eventId,
    orderId: trade.orderId,
    userId: trade.userId,
    symbol: trade.symbol,
    side: trade.side,
    status: trade.status,
    quantity: formatDecimal(trade.quantity),
    executionPrice: trade.executionPrice === null ? null : formatDecimal(trade.executionPrice),
    executionId: trade.executionId,
    executionTimestamp: formatTimestamp(trade.executionTimestampMs),
    failureReason: trade.failureReason,
    words: [...new Set(searchWords(text))],
  };
}

/** Throws an `OperatingError` (`STORE_DAMAGED`) for what we did not write. */
export function fromStored(stored: StoredTrade): TradeDocument {
  const text = (name: string): string => {
    const value = stored[name];
    return typeof value === 'string' ? value : damaged(stored, name);
  };
  const optional = (name: string): string | null => (stored[name] === null ? null : text(name));
  const price = optional('executionPrice');
  return {
    eventId: text('eventId') as EventId,
    orderId: text('orderId') as OrderId,
    userId: text('userId') as AccountId,
    symbol: text('symbol') as Symbol,
    quantity: quantityOf(text('quantity')) ?? damaged(stored, 'quantity'),
    side: text('side') as TradeDocument['side'],
    status: text('status') as TradeStatus,
    executionPrice: price === null ? null : (priceOf(price) ?? damaged(stored, 'executionPrice')),
    executionId: optional('executionId') as ExecutionId | null,
    executionTimestampMs: parseTimestamp(text('executionTimestamp')) ?? damaged(stored, 'executionTimestamp'),
    failureReason: optional('failureReason'),
  };
}

function quantityOf(text: string): Quantity | null {
  const parsed = parseQuantity(text);
  return parsed.kind === 'decimal' ? parsed.value : null;
}

function priceOf(text: string): Price | null {
  const parsed = parsePrice(text);
  return parsed.kind === 'decimal' ? parsed.value : null;
}

/** The index is on a server: others can write to it. */
function damaged(stored: StoredTrade, name: string): never {
  throw new OperatingError(
    'STORE_DAMAGED',
    `The trade ${String(stored['eventId'])} in the history is not as Tradehall wrote it: its ${name} is missing or ` +
      'unreadable. Delete its index and start again: it is filled from the log.',
    { retry: 'never' },
  );
}
