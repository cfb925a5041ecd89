/**
 * Settlement: what a venue's decision does to an account. A decision about an open order settles and cannot fail;
 * one that contradicts the order (more than is left of it, more than the account can pay) is answered with the reason,
 * and the caller makes that an outcome.
 */
import type { OpenOrderEntity } from '#domain/data/account-state.ts';
import {
  fits,
  type Money,
  minimum,
  type Price,
  proportion,
  type Quantity,
  sumFits,
  tryMultiply,
  tryMultiplyUp,
  ZERO_MONEY,
} from '#domain/data/decimal.ts';
import type { EventId } from '#domain/data/identifiers.ts';
import type { VenueDecision } from '#domain/data/trading-inputs.ts';
import { decideAtFeedVenue, type Occasion } from './feed-venue.ts';
import { feesDue, isFree } from './fees.ts';
import type { Position } from './holdings.ts';
import { invariant } from './invariant.ts';
import { postFee, postFill, type Settlement } from './ledger.ts';
import { acceptOrder, closeOrder, describe, type Filled, filledOf, listOrder } from './order.ts';
import { positionOf } from './position.ts';
import type { ProposedOrder, RiskApproved } from './risk.ts';
import type { PartitionState, WorkingOrder } from './state.ts';
import { emitLedgerEntry, nextSequence, type Step } from './step.ts';
import { touch } from './tracking.ts';

export type Contradiction = 'fill_exceeds_order' | 'reservation_used_up' | 'overflow';

export interface FillTerms {
  readonly decision: Extract<VenueDecision, { kind: 'Filled' }>;
  readonly settlement: Settlement;
  readonly priceEventId: EventId | null;
  readonly priceTimestampMs: number | null;
}

/** Places an approved order at the feed venue, which answers at once; what it does not fill rests. */
export function placeOrder(step: Step, approved: RiskApproved<ProposedOrder>, idHash: number): void {
  const working = acceptOrder(step, approved, idHash);
  meetFeedVenue(step, working, 'arrival');
  if (working.closed) return;
  listOrder(step.state, working);
  touch(working, step.state.changes.orders);
}

/** Asks the feed venue about an order and settles its answer. */
export function meetFeedVenue(step: Step, working: WorkingOrder, occasion: Occasion): void {
  const { instrument, order } = working;
  const { price } = instrument;
  const decision = decideAtFeedVenue(order, price, liquidityUsed(step.state, working), occasion);
  if (decision === null) return;
  if (decision.kind === 'Filled') {
    const contradiction = settleFill(step, working, {
      decision,
      settlement: 'at_once',
      priceEventId: price.eventId,
      priceTimestampMs: price.feedTimestampMs,
    });
    if (contradiction !== null)
      closeOrder(step, working, 'CANCELED', filledOf(order), SENTENCE[contradiction]);
    return;
  }
  invariant(decision.kind === 'Canceled', 'the feed venue fills or cancels');
  closeOrder(step, working, 'CANCELED', filledOf(order), decision.reason);
}

const SENTENCE: Readonly<Record<Contradiction, string>> = {
  fill_exceeds_order: 'fill_exceeds_order: the fill is larger than what is left of the order',
  reservation_used_up: 'reservation_used_up: what the order had reserved does not pay for the rest',
  overflow: 'overflow: the account would not fit 64 bits',
};

/** Another order of the account may have made the position since this one came. */
function heldBy(state: PartitionState, working: WorkingOrder): Position | null {
  working.position ??= state.positions.get(working.account, working.instrument) ?? null;
  return working.position;
}

function liquidityUsed(state: PartitionState, working: WorkingOrder): Quantity {
  const position = heldBy(state, working);
  if (position === null || position.liquiditySequence !== working.instrument.price.sequence) {
    return 0n as Quantity;
  }
  return working.order.intent.side === 'BUY' ? position.liquidityBought : position.liquiditySold;
}

/** Applies a fill in whole, or says why it cannot be one and changes nothing. */
export function settleFill(step: Step, working: WorkingOrder, terms: FillTerms): Contradiction | null {
  const { order } = working;
  const { price, quantity } = terms.decision;
  const before = filledOf(order);
  if (quantity <= 0n || quantity > order.quantity - before.quantity) return 'fill_exceeds_order';
  const notional = tryMultiply(price, quantity);
  if (notional === 'overflow' || !sumFits(before.notional, notional)) return 'overflow';
  const filledQuantity = BigInt.asIntN(64, before.quantity + quantity) as Quantity;
  const filledNotional = BigInt.asIntN(64, before.notional + notional) as Money;
  const due = feeOfFill(order, filledQuantity, filledNotional, before.fees);
  const fee =
    order.intent.side === 'BUY'
      ? settleBuy(step, working, terms, notional, due, filledQuantity, filledNotional)
      : settleSale(step, working, terms, notional, due);
  if (fee === 'overflow' || fee === 'reservation_used_up') return fee;
  const filled: Filled = {
    quantity: filledQuantity,
    notional: filledNotional,
    fees: (before.fees + fee) as Money,
    fills: before.fills + 1,
  };
  const { account } = working;
  const sequence = nextSequence(step, account);
  step.outputs.push({
    type: 'TradeExecuted',
    eventId: null,
    cause: step.cause,
    accountId: account.accountId,
    sequence,
    timeMs: step.state.clockMs,
    ingestTimeMs: step.ingestTimeMs,
    orderId: order.orderId,
    symbol: order.symbol,
    side: order.intent.side,
    quantity,
    outcome: {
      status: 'EXECUTED',
      executionId: terms.decision.executionId,
      executionPrice: price,
      fee,
      priceEventId: terms.priceEventId,
      priceTimestampMs: terms.priceTimestampMs,
    },
  });
  if (filledQuantity === order.quantity) {
    closeOrder(step, working, 'FILLED', filled, null);
    return null;
  }
  working.order = {
    ...working.order,
    progress: {
      kind: 'partially_filled',
      filledQuantity,
      filledNotional,
      feesCharged: filled.fees,
      fills: filled.fills,
    },
  };
  if (working.listed) touch(working, step.state.changes.orders);
  describe(step, working, 'partial_fill', 'PARTIALLY_FILLED', filled, null);
  return null;
}

/** What the fill adds to the order's fees; may pass 64 bits. */
function feeOfFill(
  order: OpenOrderEntity,
  filledQuantity: Quantity,
  filledNotional: Money,
  charged: Money,
): bigint {
  if (isFree(order.fees)) return 0n;
  const due = feesDue(order.fees, filledQuantity, filledNotional) - charged;
  return due > 0n ? due : 0n;
}

/**
 * Pays out of the reservation. Fills are rounded one by one, so they can add up to a few 10⁻⁹ more than was reserved
 * for the whole; such dust comes out of cash that nothing else has reserved, or ends the order.
 */
function settleBuy(
  step: Step,
  working: WorkingOrder,
  terms: FillTerms,
  notional: Money,
  fee: bigint,
  filledQuantity: Quantity,
  filledNotional: Money,
): Money | 'overflow' | 'reservation_used_up' {
  const { state } = step;
  const { account, order, instrument } = working;
  const { intent } = order;
  invariant(intent.side === 'BUY', 'a buy settles as a buy');
  const unreserved = BigInt.asIntN(64, account.cash - account.cashReserved);
  const spendable = BigInt.asIntN(64, intent.reservedCash + unreserved);
  if (notional > spendable) return 'reservation_used_up';
  const left = BigInt.asIntN(64, spendable - notional) - fee;
  if (left < 0n) return 'reservation_used_up';
  const held = heldBy(state, working);
  const { quantity } = terms.decision;
  if (held !== null && (!sumFits(held.quantity, quantity) || !sumFits(held.costBasis, notional)))
    return 'overflow';
  const charged = fee as Money;
  // What a whole fill has not used, closing the order gives back.
  if (filledQuantity !== order.quantity) {
    const reservedCash = minimum(
      reservationFor(order, filledQuantity, filledNotional, charged),
      left as Money,
    );
    account.cashReserved = (account.cashReserved - intent.reservedCash + reservedCash) as Money;
    working.order = { ...order, intent: { ...intent, reservedCash } };
  }
  const position = held ?? positionOf(state, account, instrument);
  working.position = position;
  position.costBasis = (position.costBasis + notional) as Money;
  postAndEmit(step, working, position, terms, notional, charged);
  useLiquidity(position, instrument.price.sequence, terms, 'BUY');
  return charged;
}

/** What is left of a partly filled buy has to have reserved. */
function reservationFor(
  order: OpenOrderEntity,
  filledQuantity: Quantity,
  filledNotional: Money,
  feeOfThisFill: Money,
): Money {
  const { intent } = order;
  const remaining = (order.quantity - filledQuantity) as Quantity;
  if (intent.side === 'SELL') return ZERO_MONEY;
  const worst = tryMultiplyUp(intent.type === 'LIMIT' ? intent.limitPrice : intent.collar, remaining);
  invariant(worst !== 'overflow', 'a part of an order fits where the whole did');
  if (isFree(order.fees)) return worst;
  const charged = filledOf(order).fees + feeOfThisFill;
  const fees = feesDue(order.fees, order.quantity, (filledNotional + worst) as Money) - charged;
  return (fees > 0n ? worst + fees : worst) as Money;
}

/** A sale's fee comes out of its proceeds and never exceeds them; what is not covered is due on the next fill. */
function settleSale(
  step: Step,
  working: WorkingOrder,
  terms: FillTerms,
  notional: Money,
  due: bigint,
): Money | 'overflow' {
  const { account, instrument, position } = working;
  const { quantity } = terms.decision;
  invariant(position !== null && position.reserved >= quantity, 'a sale has reserved its shares');
  const basis = proportion(position.costBasis, quantity, position.quantity);
  const realisedProfit = position.realisedProfit + notional - basis;
  if (!sumFits(account.cash, notional) || !fits(realisedProfit)) return 'overflow';
  const fee = minimum(due as Money, notional);
  position.reserved = (position.reserved - quantity) as Quantity;
  position.costBasis = (position.costBasis - basis) as Money;
  position.realisedProfit = realisedProfit as Money;
  postAndEmit(step, working, position, terms, notional, fee);
  useLiquidity(position, instrument.price.sequence, terms, 'SELL');
  return fee;
}

function postAndEmit(
  step: Step,
  working: WorkingOrder,
  position: Position,
  terms: FillTerms,
  notional: Money,
  fee: Money,
): void {
  const { state } = step;
  const { account, order, instrument } = working;
  const { decision, settlement } = terms;
  const price: Price = decision.price;
  const { side } = order.intent;
  const postings = postFill(state, position, instrument.book, side, decision.quantity, notional, settlement);
  position.touch(state.changes.positions);
  emitLedgerEntry(step, order.accountId, account, 'FILL', order.orderId, postings, order.symbol, price, null);
  if (fee === 0n) return;
  const feePostings = postFee(state, account, fee);
  emitLedgerEntry(
    step,
    order.accountId,
    account,
    'FEE',
    order.orderId,
    feePostings,
    order.symbol,
    null,
    null,
  );
}

function useLiquidity(position: Position, sequence: number, terms: FillTerms, side: 'BUY' | 'SELL'): void {
  if (terms.settlement !== 'at_once') return;
  if (position.liquiditySequence !== sequence) {
    position.liquiditySequence = sequence;
    position.liquidityBought = 0n as Quantity;
    position.liquiditySold = 0n as Quantity;
  }
  const { quantity } = terms.decision;
  if (side === 'BUY') position.liquidityBought = (position.liquidityBought + quantity) as Quantity;
  else position.liquiditySold = (position.liquiditySold + quantity) as Quantity;
}
