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
import type { OpenOrderEntity } from '#domain/data/account-state.ts';
import { formatDecimal, minimum, type Price, type Quantity } from '#domain/data/decimal.ts';
import type { ExecutionId } from '#domain/data/identifiers.ts';
import type { BatchPrice, VenueDecision } from '#domain/data/trading-inputs.ts';
import { type Filled, filledOf } from './order.ts';
import { buyersPrice, sellersPrice, sizeOnOffer } from './quote.ts';

export type Occasion = 'arrival' | 'batch';

/** `null`: the order rests. `used` is what the account has taken of the batch's size on this side. */
export function decideAtFeedVenue(
  order: OpenOrderEntity,
  price: BatchPrice,
  used: Quantity,
  occasion: Occasion,
): VenueDecision | null {
  const { side } = order.intent;
  const at = priceFor(order, price, occasion);
  if (at === null) return null;
  if (at === 'beyond_collar') return { kind: 'Canceled', reason: collarReason(order, price) };
  const filled = filledOf(order);
  const remaining = (order.quantity - filled.quantity) as Quantity;
  const offered = sizeOnOffer(price, side);
  const quantity = offered === null ? remaining : minimum(remaining, (offered - used) as Quantity);
  if (quantity <= 0n) return null;
  return { kind: 'Filled', executionId: executionIdOf(order, filled), quantity, price: at };
}

function priceFor(
  order: OpenOrderEntity,
  price: BatchPrice,
  occasion: Occasion,
): Price | null | 'beyond_collar' {
  const { intent } = order;
  if (intent.side === 'BUY') {
    const offered = buyersPrice(price);
    if (intent.type === 'MARKET') return offered > intent.collar ? 'beyond_collar' : offered;
    if (offered <= intent.limitPrice) return offered;
    return occasion === 'batch' && price.low < intent.limitPrice ? intent.limitPrice : null;
  }
  const offered = sellersPrice(price);
  if (intent.type === 'MARKET' || offered >= intent.limitPrice) return offered;
  return occasion === 'batch' && price.high > intent.limitPrice ? intent.limitPrice : null;
}

function collarReason(order: OpenOrderEntity, price: BatchPrice): string {
  const { intent } = order;
  const collar = intent.side === 'BUY' && intent.type === 'MARKET' ? formatDecimal(intent.collar) : '';
  return `collar: the price of ${formatDecimal(buyersPrice(price))} is above the collar of ${collar}`;
}

/** The order's id and the fill's number, from 1. */
function executionIdOf(order: OpenOrderEntity, filled: Filled): ExecutionId {
  return `${order.orderId}-${filled.fills + 1}` as ExecutionId;
}
