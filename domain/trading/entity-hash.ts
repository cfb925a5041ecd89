/**
 * What of each entity goes into its hash: all of it, in a fixed order, each kind under its own tag. What lies in rows
 * (accounts, positions, books, closed orders) is hashed there.
 */
import type { ControlsEntity } from '#domain/data/account-state.ts';
import type { OrderId } from '#domain/data/identifiers.ts';
import type { FeeSchedule } from '#domain/data/trading-inputs.ts';
import type { Instrument, PartitionState, VenueSource, WorkingOrder } from './state.ts';
import {
  beginHash,
  emptyLanes,
  finishHash,
  hashLanes,
  hashNumber,
  hashOptionalScaled,
  hashOptionalText,
  hashScaled,
  hashText,
  type Lanes,
} from './state-hash.ts';

const TAG = {
  order: 3,
  orderIdentity: 1,
  price: 6,
  controls: 8,
  venueSource: 9,
  counters: 10,
} as const;

export function hashOpenOrder(working: WorkingOrder, target: Lanes): void {
  const { order } = working;
  const identity = identityOf(working);
  const { intent, lifetime, progress } = order;
  beginHash(TAG.order);
  hashLanes(identity);
  hashNumber(order.acceptanceNumber);
  hashLanes(working.instrument.identity);
  hashScaled(order.quantity);
  hashNumber((intent.side === 'BUY' ? 1 : 0) + (intent.type === 'LIMIT' ? 2 : 0));
  if (intent.type === 'LIMIT') hashScaled(intent.limitPrice);
  else if (intent.side === 'BUY') hashScaled(intent.collar);
  if (intent.side === 'BUY') hashScaled(intent.reservedCash);
  hashNumber(lifetime.timeInForce === 'DAY' ? lifetime.expiresAtMs : -1);
  if (progress.kind === 'partially_filled') {
    hashScaled(progress.filledQuantity);
    hashScaled(progress.filledNotional);
    hashScaled(progress.feesCharged);
    hashNumber(progress.fills);
  } else {
    hashNumber(0);
  }
  hashFees(order.fees);
  hashOptionalText(order.clientOrderId);
  hashNumber(order.acceptedAtMs);
  finishHash(target);
}

/** What an order is known by, whatever becomes of it. */
function hashIdentity(account: Lanes, orderId: OrderId, bodyDigest: string, target: Lanes): void {
  beginHash(TAG.orderIdentity);
  hashLanes(account);
  hashText(orderId);
  hashText(bodyDigest);
  finishHash(target);
}

function identityOf(working: WorkingOrder): Lanes {
  if (working.identity === null) {
    working.identity = emptyLanes();
    const { orderId, bodyDigest } = working.order;
    working.account.readIdentity(working.identity);
    hashIdentity(working.identity, orderId, bodyDigest, working.identity);
  }
  return working.identity;
}

export function hashInstrument(instrument: Instrument, target: Lanes): void {
  const { price } = instrument;
  beginHash(TAG.price);
  hashLanes(instrument.identity);
  hashNumber(price.sequence);
  hashText(price.eventId);
  hashNumber(price.feedTimestampMs);
  hashScaled(price.price);
  hashOptionalScaled(price.bid);
  hashOptionalScaled(price.bidSize);
  hashOptionalScaled(price.ask);
  hashOptionalScaled(price.askSize);
  hashOptionalScaled(price.tradedSize);
  hashScaled(price.low);
  hashScaled(price.high);
  finishHash(target);
}

export function hashControls(controls: ControlsEntity, target: Lanes): void {
  const { limits } = controls;
  beginHash(TAG.controls);
  hashFees(controls.fees);
  hashNumber(limits.maxPriceAgeMs);
  hashNumber(limits.maxOpenOrdersPerAccount);
  hashScaled(limits.maxOrderNotional);
  hashScaled(limits.maxOrderQuantity);
  hashScaled(limits.marketBuyCollar);
  hashNumber(controls.rulesVersion);
  hashNumber(controls.killSwitchEngaged ? 1 : 0);
  finishHash(target);
}

export function hashVenueSource(source: VenueSource, target: Lanes): void {
  beginHash(TAG.venueSource);
  hashText(source.source);
  hashNumber(source.lastSequence);
  finishHash(target);
}

export function hashCounters(state: PartitionState, target: Lanes): void {
  beginHash(TAG.counters);
  hashNumber(state.clockMs);
  hashNumber(state.ordersAccepted);
  hashNumber(state.closedOrders.count);
  hashNumber(state.accountCommands.count);
  finishHash(target);
}

function hashFees(fees: FeeSchedule): void {
  hashScaled(fees.perShare);
  hashScaled(fees.rate);
  hashScaled(fees.minimumPerOrder);
}
