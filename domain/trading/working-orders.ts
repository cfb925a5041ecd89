/** All orders of a partition that have passed risk and are not closed. */
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
  readonly #orders: WorkingOrder[] = [];
  readonly #closed: WorkingOrder[] = [];

  /** How many are open. */
  get size(): number {
    return this.#orders.length - this.#closed.length;
  }

  at(number: number): WorkingOrder {
    const order = this.#orders[number];
    invariant(order !== undefined, 'a number of an order is one');
    return order;
  }

  isId(number: number, words: Int32Array): boolean {
    return this.at(number).isId(words);
  }

  /** One that wants nothing yet. */
  takeUp(
    texts: OrderTexts,
    account: Account,
    instrument: Instrument,
    position: Position | null,
    fees: FeeSchedule,
  ): WorkingOrder {
    const former = this.#closed.pop();
    if (former !== undefined) {
      former.reuse(texts, account, instrument, position, fees);
      return former;
    }
    const { length } = this.#orders;
    const order = new WorkingOrder(this.rows, length, texts, account, instrument, position, fees);
    this.#orders.push(order);
    return order;
  }

  /** One that is closed, and of which nothing more is to be said. */
  release(order: WorkingOrder): void {
    this.#closed.push(order);
  }

  /** Those that rest. */
  listed(): readonly WorkingOrder[] {
    return this.#orders.filter((order) => order.listed);
  }
}
