/**
 * Settlement: what a venue's decision does to an account. A decision about an open order settles and cannot fail;
 * one that contradicts the order (more than is left of it, more than the account can pay) is answered with the reason,
 * and the caller makes that an outcome.
 */
import {
  type Money,
  minimum,
  proportion,
  type Quantity,
  sumFits,
  tryMultiply,
  tryMultiplyUp,
} from '#domain/data/decimal.ts';
import type { BatchPrice, VenueDecision } from '#domain/data/trading-inputs.ts';
import { noteResult } from './daily-loss.ts';
import { decideAtFeedVenue, type Occasion } from './feed-venue.ts';
import { feesDue, isFree } from './fees.ts';
import type { Position } from './holdings.ts';
import { invariant } from './invariant.ts';
import { postFee, postFill } from './ledger.ts';
import { acceptOrder, closeOrder, describe, listOrder } from './order.ts';
import { positionOf } from './position.ts';
import type { ProposedOrder, RiskApproved } from './risk.ts';
import type { PartitionState } from './state.ts';
import { emitLedgerEntry, nextSequence, type Step } from './step.ts';
import type { WorkingOrder } from './working-order.ts';

export type Contradiction = 'fill_exceeds_order' | 'reservation_used_up' | 'overflow';

type FillDecision = Extract<VenueDecision, { kind: 'Filled' }>;

/** Places an approved order at the feed venue, which answers at once; what it does not fill rests. */
export function placeOrder(step: Step, approved: RiskApproved<ProposedOrder>): void {
  const order = acceptOrder(step, approved);
  meetFeedVenue(step, order, 'arrival');
  if (order.open) listOrder(step.state, order);
}

/** Asks the feed venue about an order and settles its answer. */
export function meetFeedVenue(step: Step, order: WorkingOrder, occasion: Occasion): void {
  const { price } = order.instrument;
  const decision = decideAtFeedVenue(order, price, liquidityUsed(step.state, order), occasion);
  if (decision === null) return;
  if (decision.kind === 'Filled') {
    const contradiction = settleFill(step, order, decision, price);
    if (contradiction !== null) closeOrder(step, order, 'CANCELED', SENTENCE[contradiction]);
    return;
  }
  invariant(decision.kind === 'Canceled', 'the feed venue fills or cancels');
  closeOrder(step, order, 'CANCELED', decision.reason);
}

const SENTENCE: Readonly<Record<Contradiction, string>> = {
  fill_exceeds_order: 'fill_exceeds_order: the fill is larger than what is left of the order',
  reservation_used_up: 'reservation_used_up: what the order had reserved does not pay for the rest',
  overflow: 'overflow: the account would not fit 64 bits',
};

/** Another order of the account may have made the position since this one came. */
function heldBy(state: PartitionState, order: WorkingOrder): Position | null {
  order.position ??= state.positions.get(order.account, order.instrument) ?? null;
  return order.position;
}

function liquidityUsed(state: PartitionState, order: WorkingOrder): Quantity {
  const position = heldBy(state, order);
  if (position === null || position.liquiditySequence !== order.instrument.price.sequence) {
    return 0n as Quantity;
  }
  return order.side === 'BUY' ? position.liquidityBought : position.liquiditySold;
}

/**
 * Applies a fill in whole, or says why it cannot be one and changes nothing. `batch` is the price that the feed venue
 * filled it at, which settles at once; `null` says that another venue did, which settles later.
 */
export function settleFill(
  step: Step,
  order: WorkingOrder,
  decision: FillDecision,
  batch: BatchPrice | null,
): Contradiction | null {
  const { price, quantity } = decision;
  const { filledQuantity: quantityBefore, filledNotional: notionalBefore } = order;
  const whole = order.quantity;
  if (quantity <= 0n || quantity > BigInt.asIntN(64, whole - quantityBefore)) return 'fill_exceeds_order';
  const notional = tryMultiply(price, quantity);
  if (notional === 'overflow' || !sumFits(notionalBefore, notional)) return 'overflow';
  const filledQuantity = BigInt.asIntN(64, quantityBefore + quantity) as Quantity;
  const filledNotional = BigInt.asIntN(64, notionalBefore + notional) as Money;
  const due = feeOfFill(order, filledQuantity, filledNotional);
  const fee =
    order.side === 'BUY'
      ? settleBuy(step, order, decision, batch, notional, due, filledQuantity, filledNotional)
      : settleSale(step, order, decision, batch, notional, due);
  if (fee === 'overflow' || fee === 'reservation_used_up') return fee;
  order.fill(
    filledQuantity,
    filledNotional,
    BigInt.asIntN(64, order.feesCharged + fee) as Money,
    order.fills + 1,
  );
  const { account } = order;
  const sequence = nextSequence(step, account);
  step.outputs.push({
    type: 'TradeExecuted',
    eventId: null,
    cause: step.cause,
    accountId: account.accountId,
    sequence,
    timeMs: step.state.clockMs,
    ingestTimeMs: step.ingestTimeMs,
    orderId: order.texts.orderId,
    symbol: order.instrument.symbol,
    side: order.side,
    quantity,
    outcome: {
      status: 'EXECUTED',
      executionId: decision.executionId,
      executionPrice: price,
      fee,
      priceEventId: batch === null ? null : batch.eventId,
      priceTimestampMs: batch === null ? null : batch.feedTimestampMs,
    },
  });
  if (filledQuantity === whole) {
    closeOrder(step, order, 'FILLED', null);
    return null;
  }
  if (order.listed) order.touch(step.state.changes.orders);
  describe(step, order, 'partial_fill', 'PARTIALLY_FILLED', null);
  return null;
}

/** What the fill adds to the order's fees; may pass 64 bits. */
function feeOfFill(order: WorkingOrder, filledQuantity: Quantity, filledNotional: Money): bigint {
  if (isFree(order.fees)) return 0n;
  const due = feesDue(order.fees, filledQuantity, filledNotional) - order.feesCharged;
  return due > 0n ? due : 0n;
}

/**
 * Pays out of the reservation. Fills are rounded one by one, so they can add up to a few 10⁻⁹ more than was reserved
 * for the whole; such dust comes out of cash that nothing else has reserved, or ends the order.
 */
function settleBuy(
  step: Step,
  order: WorkingOrder,
  decision: FillDecision,
  batch: BatchPrice | null,
  notional: Money,
  fee: bigint,
  filledQuantity: Quantity,
  filledNotional: Money,
): Money | 'overflow' | 'reservation_used_up' {
  const { state } = step;
  const { account, instrument, reservedCash: reserved } = order;
  const unreserved = BigInt.asIntN(64, account.cash - account.cashReserved);
  const spendable = BigInt.asIntN(64, reserved + unreserved);
  if (notional > spendable) return 'reservation_used_up';
  const unspent = BigInt.asIntN(64, spendable - notional);
  if (fee > unspent) return 'reservation_used_up';
  const charged = BigInt.asIntN(64, fee) as Money;
  const held = heldBy(state, order);
  const { quantity } = decision;
  if (held !== null && (!sumFits(held.quantity, quantity) || !sumFits(held.costBasis, notional)))
    return 'overflow';
  // What a whole fill has not used, closing the order gives back.
  if (filledQuantity !== order.quantity) {
    const left = BigInt.asIntN(64, unspent - charged) as Money;
    const reservedCash = minimum(reservationFor(order, filledQuantity, filledNotional, charged), left);
    account.cashReserved = BigInt.asIntN(
      64,
      BigInt.asIntN(64, account.cashReserved - reserved) + reservedCash,
    ) as Money;
    order.reservedCash = reservedCash;
  }
  const position = held ?? positionOf(state, account, instrument);
  order.position = position;
  position.costBasis = BigInt.asIntN(64, position.costBasis + notional) as Money;
  postAndEmit(step, order, position, decision, batch, notional, charged);
  if (batch !== null) useLiquidity(position, batch.sequence, quantity, 'BUY');
  if (charged !== 0n) noteResult(step, account, -charged);
  return charged;
}

/** What is left of a partly filled buy has to have reserved. */
function reservationFor(
  order: WorkingOrder,
  filledQuantity: Quantity,
  filledNotional: Money,
  feeOfThisFill: Money,
): Money {
  const remaining = (order.quantity - filledQuantity) as Quantity;
  const worst = tryMultiplyUp(order.worstPrice, remaining);
  invariant(worst !== 'overflow', 'a part of an order fits where the whole did');
  if (isFree(order.fees)) return worst;
  const charged = order.feesCharged + feeOfThisFill;
  const fees = feesDue(order.fees, order.quantity, (filledNotional + worst) as Money) - charged;
  return (fees > 0n ? worst + fees : worst) as Money;
}

/** A sale's fee comes out of its proceeds and never exceeds them; what is not covered is due on the next fill. */
function settleSale(
  step: Step,
  order: WorkingOrder,
  decision: FillDecision,
  batch: BatchPrice | null,
  notional: Money,
  due: bigint,
): Money | 'overflow' {
  const { account, position } = order;
  const { quantity } = decision;
  invariant(position !== null && position.reserved >= quantity, 'a sale has reserved its shares');
  const basis = proportion(position.costBasis, quantity, position.quantity);
  const gain = BigInt.asIntN(64, notional - basis);
  if (!sumFits(account.cash, notional) || !sumFits(position.realisedProfit, gain)) return 'overflow';
  const fee = due > notional ? notional : (BigInt.asIntN(64, due) as Money);
  position.reserved = BigInt.asIntN(64, position.reserved - quantity) as Quantity;
  position.costBasis = BigInt.asIntN(64, position.costBasis - basis) as Money;
  position.realisedProfit = BigInt.asIntN(64, position.realisedProfit + gain) as Money;
  postAndEmit(step, order, position, decision, batch, notional, fee);
  if (batch !== null) useLiquidity(position, batch.sequence, quantity, 'SELL');
  noteResult(step, account, gain - fee);
  return fee;
}

function postAndEmit(
  step: Step,
  order: WorkingOrder,
  position: Position,
  decision: FillDecision,
  batch: BatchPrice | null,
  notional: Money,
  fee: Money,
): void {
  const { state } = step;
  const { account, instrument, texts } = order;
  const { symbol } = instrument;
  const settlement = batch === null ? 'later' : 'at_once';
  const { price, quantity } = decision;
  const postings = postFill(state, position, instrument.book, order.side, quantity, notional, settlement);
  position.touch(state.changes.positions);
  const { accountId } = account;
  emitLedgerEntry(step, accountId, account, 'FILL', texts.orderId, postings, symbol, price, null);
  if (fee === 0n) return;
  const feePostings = postFee(state, account, fee);
  emitLedgerEntry(step, accountId, account, 'FEE', texts.orderId, feePostings, symbol, null, null);
}

function useLiquidity(position: Position, sequence: number, quantity: Quantity, side: 'BUY' | 'SELL'): void {
  if (position.liquiditySequence !== sequence) {
    position.liquiditySequence = sequence;
    position.liquidityBought = 0n as Quantity;
    position.liquiditySold = 0n as Quantity;
  }
  if (side === 'BUY') {
    position.liquidityBought = BigInt.asIntN(64, position.liquidityBought + quantity) as Quantity;
  } else position.liquiditySold = BigInt.asIntN(64, position.liquiditySold + quantity) as Quantity;
}
