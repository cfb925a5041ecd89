/** What of each entity goes into its hash: all of it, in a fixed order, each kind under its own tag. */
import type { AccountCommandEntity, ClosedOrderEntity, ControlsEntity } from '#domain/data/account-state.ts';
import type { FeeSchedule } from '#domain/data/trading-inputs.ts';
import type {
  Account,
  AssetBook,
  Instrument,
  PartitionState,
  Position,
  VenueSource,
  WorkingOrder,
} from './state.ts';
import {
  beginHash,
  finishHash,
  hashBalance,
  hashLanes,
  hashNumber,
  hashOptionalScaled,
  hashOptionalText,
  hashScaled,
  hashText,
  type Lanes,
} from './state-hash.ts';

const TAG = {
  account: 1,
  position: 2,
  order: 3,
  closedOrder: 4,
  accountCommand: 5,
  price: 6,
  ledger: 7,
  controls: 8,
  venueSource: 9,
  counters: 10,
} as const;

export function hashAccount(account: Account, target: Lanes): void {
  beginHash(TAG.account);
  hashLanes(account.identity);
  hashText(account.name);
  hashScaled(account.cash);
  hashScaled(account.cashReserved);
  hashNumber(account.sequence);
  hashNumber(account.killSwitchEngaged ? 1 : 0);
  hashNumber(account.updatedAtMs);
  finishHash(target);
}

export function hashPosition(position: Position, target: Lanes): void {
  beginHash(TAG.position);
  hashLanes(position.account.identity);
  hashText(position.symbol);
  hashScaled(position.quantity);
  hashScaled(position.reserved);
  hashScaled(position.costBasis);
  hashScaled(position.realisedProfit);
  hashNumber(position.liquiditySequence);
  hashScaled(position.liquidityBought);
  hashScaled(position.liquiditySold);
  finishHash(target);
}

export function hashOpenOrder(working: WorkingOrder, target: Lanes): void {
  const { order } = working;
  const { intent, lifetime, progress } = order;
  beginHash(TAG.order);
  hashLanes(working.account.identity);
  hashText(order.orderId);
  hashNumber(order.acceptanceNumber);
  hashText(order.symbol);
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
  hashText(order.bodyDigest);
  hashNumber(order.acceptedAtMs);
  finishHash(target);
}

export function hashClosedOrder(order: ClosedOrderEntity, target: Lanes): void {
  beginHash(TAG.closedOrder);
  hashNumber(order.closingNumber);
  hashText(order.accountId);
  hashText(order.orderId);
  hashText(order.bodyDigest);
  hashText(order.status);
  hashScaled(order.filledQuantity);
  finishHash(target);
}

export function hashAccountCommand(command: AccountCommandEntity, target: Lanes): void {
  beginHash(TAG.accountCommand);
  hashNumber(command.commandNumber);
  hashText(command.commandId);
  hashText(command.fingerprint);
  finishHash(target);
}

export function hashInstrument(instrument: Instrument, target: Lanes): void {
  const { price } = instrument;
  beginHash(TAG.price);
  hashText(price.symbol);
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

export function hashBook(book: AssetBook, target: Lanes): void {
  beginHash(TAG.ledger);
  hashText(book.asset);
  hashBalance(book.outside);
  hashBalance(book.venue);
  hashBalance(book.fees);
  hashBalance(book.clearing);
  hashBalance(book.accounts);
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
