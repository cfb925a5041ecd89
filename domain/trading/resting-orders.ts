/**
 * The orders that rest on one symbol, kept so that a batch touches only those it can fill: each side is a binary heap
 * with the best limit on top, market orders above all. What a batch reaches is put in order of acceptance.
 */
import { MAX_SCALED } from '#domain/data/decimal.ts';
import { invariant } from './invariant.ts';

const LEAST_LENGTH = 8;

/** Where each order lies in its heap, by its number: one list for a partition, since an order rests once. */
export class HeapPlaces {
  list = new Int32Array(LEAST_LENGTH);

  /** Makes room for an order's number. */
  reserve(number: number): void {
    if (number < this.list.length) return;
    const wider = new Int32Array(Math.max(number + 1, this.list.length * 2));
    wider.set(this.list);
    this.list = wider;
  }
}

/** One side: higher keys are better. Entries are kept apart by kind, so that a comparison is one of machine words. */
class RestingSide {
  #count = 0;
  #keys = new BigInt64Array(LEAST_LENGTH);
  #numbers = new Int32Array(LEAST_LENGTH);
  readonly #places: HeapPlaces;

  constructor(places: HeapPlaces) {
    this.#places = places;
  }

  get count(): number {
    return this.#count;
  }

  add(number: number, key: bigint): void {
    if (this.#count === this.#numbers.length) this.#grow();
    this.#places.reserve(number);
    this.#count += 1;
    this.#rise(this.#count - 1, number, key);
  }

  remove(number: number): void {
    const hole = this.#places.list[number] as number;
    invariant(this.#numbers[hole] === number, 'a resting order lies where it was put');
    this.#count -= 1;
    const last = this.#count;
    if (hole === last) return;
    const moved = this.#numbers[last] as number;
    const key = this.#keys[last] as bigint;
    if (hole > 0 && key > (this.#keys[(hole - 1) >> 1] as bigint)) this.#rise(hole, moved, key);
    else this.#sink(hole, moved, key);
  }

  /** The numbers of those with keys of `least` and above. */
  gather(least: bigint, reached: number[], at = 0): void {
    if (at >= this.#count || (this.#keys[at] as bigint) < least) return;
    reached.push(this.#numbers[at] as number);
    this.gather(least, reached, 2 * at + 1);
    this.gather(least, reached, 2 * at + 2);
  }

  #rise(from: number, number: number, key: bigint): void {
    const keys = this.#keys;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((keys[parent] as bigint) >= key) break;
      this.#put(at, this.#numbers[parent] as number, keys[parent] as bigint);
      at = parent;
    }
    this.#put(at, number, key);
  }

  #sink(from: number, number: number, key: bigint): void {
    const keys = this.#keys;
    const count = this.#count;
    let at = from;
    for (let child = 2 * at + 1; child < count; child = 2 * at + 1) {
      if (child + 1 < count && (keys[child + 1] as bigint) > (keys[child] as bigint)) child += 1;
      if ((keys[child] as bigint) <= key) break;
      this.#put(at, this.#numbers[child] as number, keys[child] as bigint);
      at = child;
    }
    this.#put(at, number, key);
  }

  #put(at: number, number: number, key: bigint): void {
    this.#keys[at] = key;
    this.#numbers[at] = number;
    this.#places.list[number] = at;
  }

  #grow(): void {
    const keys = new BigInt64Array(this.#keys.length * 2);
    keys.set(this.#keys);
    this.#keys = keys;
    const numbers = new Int32Array(this.#numbers.length * 2);
    numbers.set(this.#numbers);
    this.#numbers = numbers;
  }
}

/** What of an order says where it rests. */
interface Resting {
  readonly number: number;
  readonly side: 'BUY' | 'SELL';
  readonly type: 'MARKET' | 'LIMIT';
  /** The limit of a limit order. */
  readonly worstPrice: bigint;
}

export class RestingOrders {
  readonly #buys: RestingSide;
  readonly #sales: RestingSide;

  constructor(places: HeapPlaces) {
    this.#buys = new RestingSide(places);
    this.#sales = new RestingSide(places);
  }

  get count(): number {
    return this.#buys.count + this.#sales.count;
  }

  add(order: Resting): void {
    const { number, side, type, worstPrice } = order;
    if (side === 'BUY') this.#buys.add(number, type === 'LIMIT' ? worstPrice : MAX_SCALED);
    else this.#sales.add(number, type === 'LIMIT' ? -worstPrice : MAX_SCALED);
  }

  remove(order: Resting): void {
    if (order.side === 'BUY') this.#buys.remove(order.number);
    else this.#sales.remove(order.number);
  }

  /** The numbers of those that a buyer's price down to `lowest`, or a seller's up to `highest`, may fill. */
  reachable(lowest: bigint, highest: bigint): number[] {
    const reached: number[] = [];
    this.#buys.gather(lowest, reached);
    this.#sales.gather(-highest, reached);
    return reached;
  }

  /** The numbers of all. */
  all(): number[] {
    return this.reachable(-MAX_SCALED, MAX_SCALED);
  }
}
