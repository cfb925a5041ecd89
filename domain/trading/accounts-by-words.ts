/**
 * Accounts' numbers by the words of their ids, while a state is restored: what belongs to an account is read with words
 * for its id, and making a text of them to look for would cost more than all else.
 */
import { HashCells } from './hash-cells.ts';
import { invariant } from './invariant.ts';
import { hashOfWords } from './order-ids.ts';
import { packUuid, UUID_WORDS } from './packed-text.ts';

const LEAST_ACCOUNTS = 1_024;
const NONE = -1;

export class AccountsByWords {
  readonly #cells = new HashCells();
  #words = new Int32Array(LEAST_ACCOUNTS * UUID_WORDS);

  /** Numbers are given out from 0 on, one after the other. */
  add(number: number, accountId: string): void {
    const from = number * UUID_WORDS;
    if (from + UUID_WORDS > this.#words.length) {
      const wider = new Int32Array(this.#words.length * 2);
      wider.set(this.#words);
      this.#words = wider;
    }
    invariant(packUuid(accountId, this.#words, from), 'an account id is a UUID');
    this.#cells.add(hashOfWords(this.#words, from), number);
  }

  /** -1 for none. */
  find(asked: Int32Array): number {
    const words = this.#words;
    const cells = this.#cells;
    const hash = hashOfWords(asked, 0);
    for (let number = cells.first(hash); number >= 0; number = cells.next(hash)) {
      const from = number * UUID_WORDS;
      if (
        words[from] === asked[0] &&
        words[from + 1] === asked[1] &&
        words[from + 2] === asked[2] &&
        words[from + 3] === asked[3]
      ) {
        return number;
      }
    }
    return NONE;
  }
}
