/**
 * The last few of a gap-free sequence. A gap empties it: what it gives is complete, or it gives nothing.
 *
 * It grows up to `maxItems`, as long as the budget that it shares with other rings lasts; after that a new item
 * takes the place of its own oldest.
 */
export interface RingBudget {
  remaining: number;
}

export class SequenceRing<Item extends { readonly sequence: number }> {
  readonly #maxItems: number;
  readonly #budget: RingBudget;
  #items: Item[] = [];
  /** Where the oldest is, once items are overwritten. */
  #start = 0;

  constructor(maxItems: number, budget: RingBudget) {
    this.#maxItems = maxItems;
    this.#budget = budget;
  }

  push(item: Item): void {
    const last = this.#at(this.#items.length - 1);
    if (last !== undefined && item.sequence !== last.sequence + 1) this.clear();
    // A ring that was never overwritten grows; one that was stays as large as it is, to keep its order.
    const mayGrow = this.#start === 0 && this.#items.length < this.#maxItems && this.#budget.remaining > 0;
    if (mayGrow || this.#items.length === 0) {
      this.#items.push(item);
      this.#budget.remaining -= 1;
      return;
    }
    this.#items[this.#start] = item;
    this.#start = (this.#start + 1) % this.#items.length;
  }

  /** The items after `sequence`, oldest first; `null` when one of them is missing or `sequence` is ahead. */
  since(sequence: number): readonly Item[] | null {
    const oldest = this.#at(0);
    const last = this.#at(this.#items.length - 1);
    if (oldest === undefined || last === undefined) return null;
    if (sequence + 1 < oldest.sequence || sequence > last.sequence) return null;
    const missed: Item[] = [];
    for (let index = sequence + 1 - oldest.sequence; index < this.#items.length; index += 1) {
      const item = this.#at(index);
      if (item !== undefined) missed.push(item);
    }
    return missed;
  }

  clear(): void {
    this.#budget.remaining += this.#items.length;
    this.#items = [];
    this.#start = 0;
  }

  #at(index: number): Item | undefined {
    return this.#items[(this.#start + index) % this.#items.length];
  }
}
