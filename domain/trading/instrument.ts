/** A symbol: its last price, its book, and the orders that rest on it. */
import type { Symbol } from '#domain/data/identifiers.ts';
import type { BatchPrice } from '#domain/data/trading-inputs.ts';
import type { AssetBook } from './book.ts';
import type { RestingOrders } from './resting-orders.ts';
import type { Lanes } from './state-hash.ts';
import type { Tracked } from './tracking.ts';

export interface Instrument extends Tracked {
  readonly symbol: Symbol;
  /** In order of coming up in this process, from 0; no part of the state. */
  readonly number: number;
  /** Of the symbol's text. */
  readonly identity: Lanes;
  price: BatchPrice;
  readonly book: AssetBook;
  readonly resting: RestingOrders;
}
