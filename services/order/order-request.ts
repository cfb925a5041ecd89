/**
 * The body of `POST /v1/orders`, read: an order as the core knows it, or every rule it breaks. Pure.
 *
 * What belongs to the interface but is not offered yet is refused by name (rule `unsupported`), never ignored.
 */
import {
  formatDecimal,
  type Money,
  parseMoney,
  parsePrice,
  parseQuantity,
  type Quantity,
} from '#domain/data/decimal.ts';
import type { Symbol as Ticker } from '#domain/data/identifiers.ts';
import type { OrderTerms, Side, TimeInForce } from '#domain/data/trading-inputs.ts';
import { sha256Hex } from '#infrastructure/common/derived-id.ts';
import { type Fields, fieldsOf, type RequestReader } from '#infrastructure/common/request-reader.ts';

export interface OrderRequest {
  readonly symbol: Ticker;
  readonly side: Side;
  readonly terms: OrderTerms;
  readonly timeInForce: TimeInForce;
  readonly clientOrderId: string | null;
  /** Of what the order says, however its body was written. */
  readonly bodyDigest: string;
}

const MAX_CLIENT_ORDER_ID = 128;
const TYPES = ['MARKET', 'LIMIT', 'STOP', 'STOP_LIMIT', 'TRAILING_STOP'] as const;
const TIMES_IN_FORCE = ['DAY', 'GTC', 'IOC', 'FOK', 'OPG', 'CLS', 'GTD'] as const;
const CLASSES = ['SIMPLE', 'BRACKET', 'OCO', 'OTO'] as const;
/** Of orders that are not offered yet. */
const LATER_FIELDS = [
  'stopPrice',
  'trailPrice',
  'trailPercent',
  'takeProfit',
  'stopLoss',
  'expiresAt',
] as const;
const KNOWN: ReadonlySet<string> = new Set([
  'symbol',
  'side',
  'quantity',
  'notional',
  'type',
  'timeInForce',
  'orderClass',
  'limitPrice',
  'extendedHours',
  'clientOrderId',
  ...LATER_FIELDS,
]);
const PRINTABLE = /^[\x20-\x7e]+$/;

export function readOrderRequest(body: unknown, reader: RequestReader): OrderRequest | null {
  const fields = fieldsOf(body);
  if (fields === null) {
    reader.refuse('body', 'type', 'must be a JSON object');
    return null;
  }
  reader.onlyKnown(fields, KNOWN);
  refuseLater(fields, reader);
  const symbol = reader.symbol(fields, 'symbol');
  const side = reader.word(fields, 'side', ['BUY', 'SELL']);
  const timeInForce = readTimeInForce(fields, reader);
  const clientOrderId = reader.optionalText(fields, 'clientOrderId', MAX_CLIENT_ORDER_ID);
  if (clientOrderId !== null && !PRINTABLE.test(clientOrderId)) {
    reader.refuse('clientOrderId', 'printable', 'must be printable ASCII');
  }
  const terms = readTerms(fields, reader);
  if (reader.failed || symbol === null || side === null || terms === null || timeInForce === null)
    return null;
  const order = { symbol, side, terms, timeInForce, clientOrderId };
  return { ...order, bodyDigest: digestOf(order) };
}

function refuseLater(fields: Fields, reader: RequestReader): void {
  for (const field of LATER_FIELDS) {
    if (fields[field] !== undefined && fields[field] !== null) {
      reader.refuse(field, 'unsupported', 'belongs to an order that is not offered yet');
    }
  }
  const orderClass = reader.optionalWord(fields, 'orderClass', CLASSES) ?? 'SIMPLE';
  if (orderClass !== 'SIMPLE') {
    reader.refuse('orderClass', 'unsupported', `${orderClass} orders are not offered yet; SIMPLE is`);
  }
  const extendedHours = fields['extendedHours'];
  if (extendedHours === true) {
    reader.refuse('extendedHours', 'unsupported', 'is not offered yet: markets are open always');
  } else if (extendedHours !== undefined && extendedHours !== null && extendedHours !== false) {
    reader.refuse('extendedHours', 'type', 'must be true or false');
  }
}

function readTimeInForce(fields: Fields, reader: RequestReader): TimeInForce | null {
  const timeInForce = reader.optionalWord(fields, 'timeInForce', TIMES_IN_FORCE) ?? 'DAY';
  if (timeInForce === 'DAY' || timeInForce === 'GTC') return timeInForce;
  reader.refuse('timeInForce', 'unsupported', `${timeInForce} is not offered yet; DAY and GTC are`);
  return null;
}

function readTerms(fields: Fields, reader: RequestReader): OrderTerms | null {
  const type = reader.optionalWord(fields, 'type', TYPES) ?? 'MARKET';
  if (type !== 'MARKET' && type !== 'LIMIT') {
    reader.refuse('type', 'unsupported', `${type} orders are not offered yet; MARKET and LIMIT are`);
    return null;
  }
  const quantity = reader.optionalPositive<Quantity>(fields, 'quantity', parseQuantity);
  const notional = reader.optionalPositive<Money>(fields, 'notional', parseMoney);
  const hasQuantity = given(fields, 'quantity');
  const hasNotional = given(fields, 'notional');
  if (type === 'LIMIT') {
    const limitPrice = reader.positive(fields, 'limitPrice', parsePrice);
    if (hasNotional)
      reader.refuse('notional', 'combination', 'is for MARKET orders; a LIMIT order needs a quantity');
    else if (!hasQuantity) reader.refuse('quantity', 'required', 'is required');
    return quantity === null || limitPrice === null ? null : { type, quantity, limitPrice };
  }
  if (given(fields, 'limitPrice')) reader.refuse('limitPrice', 'combination', 'is for LIMIT orders');
  if (hasQuantity && hasNotional)
    reader.refuse('notional', 'combination', 'excludes quantity: give one of them');
  else if (!hasQuantity && !hasNotional)
    reader.refuse('quantity', 'required', 'is required, or notional instead');
  if (quantity !== null) return { type, quantity };
  return notional === null ? null : { type, notional };
}

function given(fields: Fields, field: string): boolean {
  return fields[field] !== undefined && fields[field] !== null;
}

function digestOf(order: Omit<OrderRequest, 'bodyDigest'>): string {
  const { terms } = order;
  const amount =
    'quantity' in terms ? `q${formatDecimal(terms.quantity)}` : `n${formatDecimal(terms.notional)}`;
  const limit = terms.type === 'LIMIT' ? formatDecimal(terms.limitPrice) : '';
  const { symbol, side, timeInForce, clientOrderId } = order;
  return sha256Hex(JSON.stringify([symbol, side, terms.type, amount, limit, timeInForce, clientOrderId]));
}

const MAX_KEY = 128;

/** The header, checked; `null` when there is none (or it was refused). */
export function readIdempotencyKey(
  headers: Readonly<Record<string, string | undefined>>,
  reader: RequestReader,
): string | null {
  const key = headers['x-idempotency-key'];
  if (key === undefined) return null;
  if (key.length === 0) reader.refuse('x-idempotency-key', 'minLength', 'must not be empty');
  else if (key.length > MAX_KEY)
    reader.refuse('x-idempotency-key', 'maxLength', `must have at most ${MAX_KEY} characters`);
  else if (!PRINTABLE.test(key)) reader.refuse('x-idempotency-key', 'printable', 'must be printable ASCII');
  else return key;
  return null;
}
