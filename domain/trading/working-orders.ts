/**
 * All orders of a partition that have passed risk and are not closed. Nearly every order ends in the step it came in: its
 * row is used again, its object is dropped, and only those that rest are kept here. An object used again would be an old
 * one that points to new ones, which V8 has to note at each write.
 */
import type { FeeSchedule } from '#domain/data/trading-inputs.ts';
import type { Account, Position } from './holdings.ts';
import type { Instrument } from './instrument.ts';
import { invariant } from './invariant.ts';
import { HeapPlaces } from './resting-orders.ts';
import { Rows } from './rows.ts';
import { MORE_ORDER_CELLS, ORDER_CELLS, type OrderTexts, WorkingOrder } from './working-order.ts';

export class WorkingOrders {
  readonly rows = new Rows(ORDER_CELLS, MORE_ORDER_CELLS);
  readonly heapPlaces = new HeapPlaces();
  /** Those that rest, by number. */
  readonly #listed: (WorkingOrder | null)[] = [];
  /** Numbers of none that is open. */
  readonly #free: number[] = [];

  /** How many are open. */
  get size(): number {
    return this.#listed.length - this.#free.length;
  }

  at(number: number): WorkingOrder {
    const order = this.#listed[number];
    invariant(order !== undefined && order !== null, 'a number of an order that rests is one');
    return order;
  }

  isId(number: number, words: Int32Array): boolean {
    return this.at(number).isId(words);
  }

  /** Reads what closing one will; what is given means nothing (`prefetch.ts`). There need be none of the number. */
  prefetch(number: number): number {
    const order = number < 0 ? null : this.#listed[number];
    if (order === undefined || order === null) return 0;
    const row = this.rows.prefetch(order.place);
    return row ^ (this.heapPlaces.list[number] as number) ^ order.texts.bodyDigest.charCodeAt(0);
  }

  /** One that wants nothing yet. */
  takeUp(
    texts: OrderTexts,
    account: Account,
    instrument: Instrument,
    position: Position | null,
    fees: FeeSchedule,
  ): WorkingOrder {
    const number = this.#free.pop() ?? this.#add();
    return new WorkingOrder(this.rows, number, texts, account, instrument, position, fees);
  }

  #add(): number {
    this.rows.add();
    return this.#listed.push(null) - 1;
  }

  /** One that rests from here on. */
  list(order: WorkingOrder): void {
    this.#listed[order.number] = order;
  }

  /** One that is closed, and of which nothing more is to be said. */
  release(order: WorkingOrder): void {
    this.#listed[order.number] = null;
    this.#free.push(order.number);
  }

  /** Those that rest. */
  listed(): readonly WorkingOrder[] {
    return this.#listed.filter((order) => order !== null);
  }
}
