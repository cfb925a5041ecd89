/**
 * The feed venue: a venue whose market is the feed's last batch. A pure function behind the venue protocol (an order
 * in, a decision out) that answers within the step. It knows no account and moves no money.
 *
 * - A market order meets the quote (a buy the ask, a sale the bid), or without a quote the last trade. A buy never
 *   pays more than its collar: beyond it, what is left is canceled.
 * - A limit order meets the same price when that is at least as good as its limit. When it rests and the batch's
 *   traded range went through its limit, it is filled at the limit. The range is older than an order that arrives.
 * - The size on offer limits each account by itself, per batch and side; what is left rests.
 */
import { formatDecimal, minimum, type Price, type Quantity } from '#domain/data/decimal.ts';
import type { ExecutionId } from '#domain/data/identifiers.ts';
import type { BatchPrice, VenueDecision } from '#domain/data/trading-inputs.ts';
import { buyersPrice, sellersPrice, sizeOnOffer } from './quote.ts';
import type { WorkingOrder } from './working-order.ts';

export type Occasion = 'arrival' | 'batch';

/** `null`: the order rests. `used` is what the account has taken of the batch's size on this side. */
export function decideAtFeedVenue(
  order: WorkingOrder,
  price: BatchPrice,
  used: Quantity,
  occasion: Occasion,
): VenueDecision | null {
  const at = priceFor(order, price, occasion);
  if (at === null) return null;
  if (at === 'beyond_collar') return { kind: 'Canceled', reason: collarReason(order, price) };
  const remaining = BigInt.asIntN(64, order.quantity - order.filledQuantity) as Quantity;
  const offered = sizeOnOffer(price, order.side);
  const quantity =
    offered === null ? remaining : minimum(remaining, BigInt.asIntN(64, offered - used) as Quantity);
  if (quantity <= 0n) return null;
  return { kind: 'Filled', executionId: executionIdOf(order), quantity, price: at };
}

function priceFor(
  order: WorkingOrder,
  price: BatchPrice,
  occasion: Occasion,
): Price | null | 'beyond_collar' {
  const { side, type, worstPrice } = order;
  if (side === 'BUY') {
    const offered = buyersPrice(price);
    if (type === 'MARKET') return offered > worstPrice ? 'beyond_collar' : offered;
    if (offered <= worstPrice) return offered;
    return occasion === 'batch' && price.low < worstPrice ? worstPrice : null;
  }
  const offered = sellersPrice(price);
  if (type === 'MARKET' || offered >= worstPrice) return offered;
  return occasion === 'batch' && price.high > worstPrice ? worstPrice : null;
}

function collarReason(order: WorkingOrder, price: BatchPrice): string {
  const collar = formatDecimal(order.worstPrice);
  return `collar: the price of ${formatDecimal(buyersPrice(price))} is above the collar of ${collar}`;
}

/** The order's id and the fill's number, from 1. */
function executionIdOf(order: WorkingOrder): ExecutionId {
  return `${order.texts.orderId}-${order.fills + 1}` as ExecutionId;
}
