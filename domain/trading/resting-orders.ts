/**
 * The orders that rest on one symbol, kept so that a batch touches only those it can fill: limit buys from the
 * highest limit down, limit sales from the lowest up, market orders apart. Within one price, and over all that a batch
 * reaches, the order is that of acceptance.
 */
import type { OpenOrderEntity } from '#domain/data/account-state.ts';
import type { Price } from '#domain/data/decimal.ts';
import { invariant } from './invariant.ts';
import type { RestingOrders, WorkingOrder } from './state.ts';

export function noRestingOrders(): RestingOrders {
  return { markets: [], limitBuys: [], limitSales: [] };
}

/** An order goes where its limit and its acceptance put it, so a restored list is the list it was. */
export function addResting(resting: RestingOrders, working: WorkingOrder): void {
  const list = listOf(resting, working.order);
  list.splice(placeOf(list, working.order), 0, working);
}

export function removeResting(resting: RestingOrders, working: WorkingOrder): void {
  const list = listOf(resting, working.order);
  const place = placeOf(list, working.order);
  invariant(list[place] === working, 'a resting order lies where its limit puts it');
  list.splice(place, 1);
}

/** Those that a buyer's price down to `lowest`, or a seller's up to `highest`, may fill; in order of acceptance. */
export function reachable(resting: RestingOrders, lowest: Price, highest: Price): readonly WorkingOrder[] {
  const { markets, limitBuys, limitSales } = resting;
  const reached = markets.slice();
  for (const working of limitBuys) {
    if (limitOf(working.order) < lowest) break;
    reached.push(working);
  }
  for (const working of limitSales) {
    if (limitOf(working.order) > highest) break;
    reached.push(working);
  }
  return reached.length < 2 ? reached : reached.sort(byAcceptance);
}

export function restingCount(resting: RestingOrders): number {
  return resting.markets.length + resting.limitBuys.length + resting.limitSales.length;
}

function byAcceptance(left: WorkingOrder, right: WorkingOrder): number {
  return left.order.acceptanceNumber - right.order.acceptanceNumber;
}

function listOf(resting: RestingOrders, order: OpenOrderEntity): WorkingOrder[] {
  if (order.intent.type === 'MARKET') return resting.markets;
  return order.intent.side === 'BUY' ? resting.limitBuys : resting.limitSales;
}

/** A market order has no limit of its own; in its list all are alike. */
function limitOf(order: OpenOrderEntity): bigint {
  return order.intent.type === 'LIMIT' ? order.intent.limitPrice : 0n;
}

/** Where `order` lies, or would lie: the first place that nothing before it belongs behind. */
function placeOf(list: readonly WorkingOrder[], order: OpenOrderEntity): number {
  const limit = limitOf(order);
  const descending = order.intent.side === 'BUY';
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = (list[middle] as WorkingOrder).order;
    const otherLimit = limitOf(other);
    const before =
      otherLimit === limit
        ? other.acceptanceNumber < order.acceptanceNumber
        : otherLimit > limit === descending;
    if (before) low = middle + 1;
    else high = middle;
  }
  return low;
}
