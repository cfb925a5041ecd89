/**
 * What of each entity goes into its hash: all of it, in a fixed order, each kind under its own tag. What lies in rows
 * (accounts, positions, books, orders) is hashed there.
 */
import type { ControlsEntity } from '#domain/data/account-state.ts';
import type { FeeSchedule } from '#domain/data/trading-inputs.ts';
import type { Instrument } from './instrument.ts';
import type { PartitionState, VenueSource } from './state.ts';
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
  readLanes,
  writeLanes,
} from './state-hash.ts';
import type { WorkingOrder } from './working-order.ts';

const TAG = {
  orderIdentity: 1,
  price: 6,
  controls: 8,
  venueSource: 9,
  counters: 10,
} as const;

/** What of an open order never changes, put into its row as one hash; the row holds the rest. */
export function identifyOrder(order: WorkingOrder): void {
  const { texts } = order;
  const { words } = order.rows;
  beginHash(TAG.orderIdentity);
  order.account.readIdentity(identity);
  hashLanes(identity);
  hashLanes(order.instrument.identity);
  readLanes(words, order.idAt, identity);
  hashLanes(identity);
  hashText(texts.bodyDigest);
  hashOptionalText(texts.clientOrderId);
  hashFees(order.fees);
  finishHash(identity);
  writeLanes(identity, words, order.identityAt);
}

const identity = emptyLanes();

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
  hashScaled(limits.maxDailyLoss);
  hashNumber(limits.breakerQuietPeriodMs);
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
