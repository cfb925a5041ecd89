/**
 * The orders that rest on one symbol, kept so that a batch touches only those it can fill: by side and limit in price
 * levels, the best level last; market orders apart. Within a level, and over all that a batch reaches, the order is
 * that of acceptance. Putting one in or taking it out moves no other.
 */
import type { OpenOrderEntity } from '#domain/data/account-state.ts';
import type { Price } from '#domain/data/decimal.ts';
import { invariant } from './invariant.ts';
import type { PriceLevel, RestingOrders, RestingSide, WorkingOrder } from './state.ts';

const LEAST_LEVELS = 4;
const NO_LIMIT = 0n as Price;

export function noRestingOrders(): RestingOrders {
  return {
    count: 0,
    markets: newLevel(NO_LIMIT),
    buys: { limits: new BigInt64Array(LEAST_LEVELS), levels: [] },
    sales: { limits: new BigInt64Array(LEAST_LEVELS), levels: [] },
  };
}

function newLevel(limit: Price): PriceLevel {
  return { limit, first: null, last: null };
}

/** To be called in order of acceptance, so a restored list is the list it was. */
export function addResting(resting: RestingOrders, working: WorkingOrder): void {
  const level = levelFor(resting, working.order);
  const { last } = level;
  working.level = level;
  working.before = last;
  if (last === null) level.first = working;
  else last.behind = working;
  level.last = working;
  resting.count += 1;
}

export function removeResting(resting: RestingOrders, working: WorkingOrder): void {
  const { level, before, behind } = working;
  invariant(level !== null, 'a resting order lies in a level');
  if (before === null) level.first = behind;
  else before.behind = behind;
  if (behind === null) level.last = before;
  else behind.before = before;
  working.level = working.before = working.behind = null;
  resting.count -= 1;
  if (level.first === null && level !== resting.markets) dropLevel(resting, level, working.order);
}

/** Those that a buyer's price down to `lowest`, or a seller's up to `highest`, may fill; in order of acceptance. */
export function reachable(resting: RestingOrders, lowest: Price, highest: Price): readonly WorkingOrder[] {
  const { markets, buys, sales } = resting;
  const reached: WorkingOrder[] = [];
  gather(markets, reached);
  for (let at = buys.levels.length - 1; at >= 0; at -= 1) {
    const level = buys.levels[at] as PriceLevel;
    if (level.limit < lowest) break;
    gather(level, reached);
  }
  for (let at = sales.levels.length - 1; at >= 0; at -= 1) {
    const level = sales.levels[at] as PriceLevel;
    if (level.limit > highest) break;
    gather(level, reached);
  }
  return reached.length < 2 ? reached : reached.sort(byAcceptance);
}

function gather(level: PriceLevel, reached: WorkingOrder[]): void {
  for (let working = level.first; working !== null; working = working.behind) reached.push(working);
}

/** All that rest. */
export function allResting(resting: RestingOrders): readonly WorkingOrder[] {
  const all: WorkingOrder[] = [];
  for (const level of [resting.markets, ...resting.buys.levels, ...resting.sales.levels]) gather(level, all);
  return all;
}

function byAcceptance(left: WorkingOrder, right: WorkingOrder): number {
  return left.order.acceptanceNumber - right.order.acceptanceNumber;
}

function sideOf(resting: RestingOrders, order: OpenOrderEntity): RestingSide {
  return order.intent.side === 'BUY' ? resting.buys : resting.sales;
}

/** Found, or made. */
function levelFor(resting: RestingOrders, order: OpenOrderEntity): PriceLevel {
  const { intent } = order;
  if (intent.type === 'MARKET') return resting.markets;
  const side = sideOf(resting, order);
  const { levels } = side;
  const place = placeOf(side, intent.limitPrice, intent.side === 'BUY');
  if (place < levels.length && side.limits[place] === intent.limitPrice) return levels[place] as PriceLevel;
  if (levels.length === side.limits.length) {
    const wider = new BigInt64Array(side.limits.length * 2);
    wider.set(side.limits);
    side.limits = wider;
  }
  const level = newLevel(intent.limitPrice);
  side.limits.copyWithin(place + 1, place, levels.length);
  side.limits[place] = intent.limitPrice;
  levels.splice(place, 0, level);
  return level;
}

function dropLevel(resting: RestingOrders, level: PriceLevel, order: OpenOrderEntity): void {
  const side = sideOf(resting, order);
  const place = placeOf(side, level.limit, order.intent.side === 'BUY');
  invariant(side.levels[place] === level, 'a level lies where its limit puts it');
  side.limits.copyWithin(place, place + 1, side.levels.length);
  side.levels.splice(place, 1);
}

/** Where the level of `limit` lies, or would lie: behind all that are worse. */
function placeOf(side: RestingSide, limit: Price, higherIsBetter: boolean): number {
  const { limits } = side;
  let low = 0;
  let high = side.levels.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = limits[middle] as bigint;
    if (other !== limit && other < limit === higherIsBetter) low = middle + 1;
    else high = middle;
  }
  return low;
}
