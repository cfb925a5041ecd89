/**
 * Identifiers, branded so that one kind can never be passed for another.
 *
 * Account and order ids are UUIDs in lower case, and so are the command ids that we make. Symbols are the feed's tickers.
 */
declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/** A trading account; on the wires it is also called `userId`. */
export type AccountId = Branded<string, 'AccountId'>;
export type OrderId = Branded<string, 'OrderId'>;
/** The logical id of one input of execution (a command, a price batch, a control, a venue event). */
export type CommandId = Branded<string, 'CommandId'>;
/** One fill. Deterministic: derived from the order id and the fill's number. */
export type ExecutionId = Branded<string, 'ExecutionId'>;
export type EventId = Branded<string, 'EventId'>;
export type Symbol = Branded<string, 'Symbol'>;

/** Of ids that are no UUIDs: printable ASCII. */
export const MAX_ID_LENGTH = 200;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const SYMBOL = /^[A-Z][A-Z0-9.-]{0,15}$/;

export const SYMBOL_PATTERN = SYMBOL.source;
export const UUID_PATTERN = UUID.source;

/** Parses a UUID in lower case; `null` when it is not one. */
export function parseAccountId(text: string): AccountId | null {
  return UUID.test(text) ? (text as AccountId) : null;
}

/** Parses a UUID in lower case; `null` when it is not one. */
export function parseOrderId(text: string): OrderId | null {
  return UUID.test(text) ? (text as OrderId) : null;
}

/** Parses a ticker: a capital letter, then at most 15 of `A-Z 0-9 . -`; `null` when it is not one. */
export function parseSymbol(text: string): Symbol | null {
  return SYMBOL.test(text) ? (text as Symbol) : null;
}
