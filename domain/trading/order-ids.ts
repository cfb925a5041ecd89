/**
 * The ids that are taken: of open orders, and of the closed ones that are remembered. One table for both, so that an
 * id is looked for once, and closing an order changes its entry where it lies.
 */
import type { OrderId } from '#domain/data/identifiers.ts';
import { HashCells } from './hash-cells.ts';
import { invariant } from './invariant.ts';
import { packUuid, UUID_WORDS } from './packed-text.ts';

/** What an id stands for: an open order by its number, a closed one by its slot, or `UNKNOWN`. */
export type OrderReference = number;
export const UNKNOWN = -1;

export function referenceToOpen(number: number): OrderReference {
  return number * 2;
}

export function referenceToClosed(slot: number): OrderReference {
  return slot * 2 + 1;
}

/** The number of the open order; -1 when it is none. */
export function openNumber(reference: OrderReference): number {
  return (reference & 1) === 0 ? reference >> 1 : -1;
}

/** The slot of the closed order; -1 when it is none. */
export function closedSlot(reference: OrderReference): number {
  return (reference & 1) === 1 ? reference >> 1 : -1;
}

/** Whoever can say whether an order has the id of these words. */
export interface IdHolder {
  isId(place: number, words: Int32Array): boolean;
}

export class OrderIds {
  /** Of the id last looked for or read, and the hash of them. */
  readonly words = new Int32Array(UUID_WORDS);
  hash = 0;
  readonly #cells = new HashCells();
  /** Ids that have been read ahead, in order, with their words and hashes; those before `#next` have been asked for. */
  #ahead: readonly OrderId[] = [];
  #aheadWords = new Int32Array(0);
  #aheadHashes = new Int32Array(0);
  #next = 0;

  /** Reads an id into `words` and `hash`. */
  read(orderId: OrderId): void {
    const { words } = this;
    const at = this.#next;
    if (this.#ahead[at] === orderId) {
      this.#next = at + 1;
      const from = this.#aheadWords;
      words[0] = from[at * UUID_WORDS] as number;
      words[1] = from[at * UUID_WORDS + 1] as number;
      words[2] = from[at * UUID_WORDS + 2] as number;
      words[3] = from[at * UUID_WORDS + 3] as number;
      this.hash = this.#aheadHashes[at] as number;
      return;
    }
    invariant(packUuid(orderId, words, 0), 'an order id is a UUID');
    this.hash = hashOfWords(words, 0);
  }

  /**
   * Reads ids that will be asked for next, and where they lie; what is given means nothing (`prefetch.ts`). Asked for in
   * this order they need not be read again; in any other they are.
   */
  readAhead(orderIds: readonly OrderId[]): number {
    const { length } = orderIds;
    if (this.#aheadHashes.length < length) {
      this.#aheadWords = new Int32Array(length * UUID_WORDS);
      this.#aheadHashes = new Int32Array(length);
    }
    const words = this.#aheadWords;
    const hashes = this.#aheadHashes;
    this.#ahead = [];
    for (let at = 0; at < length; at += 1) {
      invariant(packUuid(orderIds[at] as OrderId, words, at * UUID_WORDS), 'an order id is a UUID');
      hashes[at] = hashOfWords(words, at * UUID_WORDS);
    }
    this.#ahead = orderIds;
    this.#next = 0;
    return this.#cells.prefetch(hashes, length);
  }

  /** What the `at`th of the ids read ahead probably stands for: another id may have the same hash. */
  guessAhead(at: number): OrderReference {
    return this.#cells.first(this.#aheadHashes[at] as number);
  }

  /** Reads an id and says what it stands for. */
  find(orderId: OrderId, open: IdHolder, closed: IdHolder): OrderReference {
    this.read(orderId);
    const { words, hash } = this;
    const cells = this.#cells;
    let reference = cells.first(hash);
    for (; reference >= 0; reference = cells.next(hash)) {
      const holder = (reference & 1) === 0 ? open : closed;
      if (holder.isId(reference >> 1, words)) return reference;
    }
    return UNKNOWN;
  }

  prefetch(hashes: Int32Array, count: number): number {
    return this.#cells.prefetch(hashes, count);
  }

  add(hash: number, reference: OrderReference): void {
    this.#cells.add(hash, reference);
  }

  replace(hash: number, reference: OrderReference, by: OrderReference): void {
    this.#cells.replace(hash, reference, by);
  }

  remove(hash: number, reference: OrderReference): void {
    this.#cells.remove(hash, reference);
  }
}

/** Ids are drawn or derived by the door, so that mixing their words is enough. */
export function hashOfWords(words: Int32Array, at: number): number {
  let hash = Math.imul(words[at] as number, 0xcc9e2d51) ^ (words[at + 1] as number);
  hash = Math.imul(hash ^ (hash >>> 15), 0x1b873593) ^ (words[at + 2] as number);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b) ^ (words[at + 3] as number);
  hash = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35);
  return hash ^ (hash >>> 13);
}
