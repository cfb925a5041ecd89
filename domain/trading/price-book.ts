/**
 * The last price of each symbol, and the orders that rest on it. A batch's prices are taken one after the other; each
 * that is newer than the one held replaces it, and the symbol's resting orders meet it in order of acceptance.
 */
import { maximum, minimum } from '#domain/data/decimal.ts';
import { CASH_ASSET } from '#domain/data/trading-events.ts';
import type { BatchPrice, PriceBatch } from '#domain/data/trading-inputs.ts';
import type { Instrument } from './instrument.ts';
import { bookOf } from './ledger.ts';
import { buyersPrice, priceAgeMs, sellersPrice } from './quote.ts';
import { RestingOrders } from './resting-orders.ts';
import { meetFeedVenue } from './settlement.ts';
import type { PartitionState } from './state.ts';
import { textLanes } from './state-hash.ts';
import type { Step } from './step.ts';
import { touch, untracked } from './tracking.ts';
import type { WorkingOrder } from './working-order.ts';

/** A symbol beyond these gets no price, so its orders are denied. */
export const MAX_SYMBOLS = 10_000;

export function applyPriceBatch(step: Step, batch: PriceBatch): void {
  const { state } = step;
  for (const price of batch.prices) {
    const instrument = takePrice(state, price);
    if (instrument === null || instrument.resting.count === 0) continue;
    // A price that came too late to trade on is kept, so that its repeat is known, and fills nothing.
    if (priceAgeMs(price, state.clockMs) > state.controls.limits.maxPriceAgeMs) continue;
    matchResting(step, instrument);
  }
}

/** `null` for a repeat, a step backwards, or no price at all. */
function takePrice(state: PartitionState, price: BatchPrice): Instrument | null {
  if (price.price <= 0n || price.low <= 0n || price.symbol === (CASH_ASSET as string)) return null;
  let instrument = state.instruments.get(price.symbol);
  if (instrument === undefined) {
    if (state.instruments.size >= MAX_SYMBOLS) return null;
    instrument = createInstrument(state, price);
  } else {
    if (price.sequence <= instrument.price.sequence) return null;
    instrument.price = price;
  }
  touch(instrument, state.changes.instruments);
  return instrument;
}

export function createInstrument(state: PartitionState, price: BatchPrice): Instrument {
  const { symbol } = price;
  const book = bookOf(state, symbol);
  const instrument: Instrument = {
    ...untracked(),
    symbol,
    number: state.instruments.size,
    identity: textLanes(symbol),
    price,
    book,
    resting: new RestingOrders(state.workingOrders.heapPlaces),
  };
  state.instruments.set(symbol, instrument);
  return instrument;
}

function matchResting(step: Step, instrument: Instrument): void {
  const { price } = instrument;
  const { workingOrders } = step.state;
  const lowest = minimum(buyersPrice(price), price.low);
  const highest = maximum(sellersPrice(price), price.high);
  const reached = instrument.resting.reachable(lowest, highest);
  if (reached.length === 0) return;
  const orders = reached.map((number) => workingOrders.at(number));
  orders.sort(byAcceptance);
  for (const order of orders) meetFeedVenue(step, order, 'batch');
}

function byAcceptance(left: WorkingOrder, right: WorkingOrder): number {
  return left.acceptanceNumber - right.acceptanceNumber;
}
