/**
 * The ids of orders that have ended: the last N, numbered from 0 in the order of closing. Number n lies in slot n mod
 * N, also as an entity, so the record that takes a slot replaces the one it evicts. What is in it is a fold of the
 * inputs alone, so every replica forgets the same id at the same input.
 *
 * A slot is a row of words and no object: they are many, each stays for long, and nearly none is ever looked at again.
 * The entity is made anew for whoever asks. One with a digest that is no SHA-256, or of no account, keeps its entity.
 */
import type { ClosedOrderEntity, ClosedOrderStatus, EntityChange } from '#domain/data/account-state.ts';
import type { ScannedClosedOrder } from '#domain/data/account-state-scan.ts';
import type { Quantity } from '#domain/data/decimal.ts';
import type { AccountId, OrderId } from '#domain/data/identifiers.ts';
import type { Account } from './holdings.ts';
import type { IdMap } from './id-map.ts';
import { invariant } from './invariant.ts';
import { hashOfWords, type OrderIds, type OrderReference, referenceToClosed, UNKNOWN } from './order-ids.ts';
import { DIGEST_WORDS, packDigest, UUID_WORDS, unpackDigest, unpackUuid } from './packed-text.ts';
import { Rows } from './rows.ts';
import {
  addLanes,
  emptyLanes,
  hashWords,
  type Lanes,
  readLanes,
  subtractLanes,
  textLanes,
  writeLanes,
} from './state-hash.ts';

/** Words of a row: what is hashed, then what is not. */
const ID = 0;
const DIGEST = 4;
const ACCOUNT_ID = 12;
const CLOSING_NUMBER = 16;
const FILLED = 18;
const HASHED = 20;
const ACCOUNT_NUMBER = 20;
const STATUS = 21;
const HASH_OF_ID = 22;
const LANES = 24;
const OWN_CELLS = 12;
/** With the hash. */
const CELLS = 14;
const WORDS = CELLS * 2;

const STATUSES = ['FILLED', 'CANCELED', 'EXPIRED', 'REJECTED', 'DENIED'] as const;
/** Tells closed orders of each status apart from each other and from other entities. */
const SEED = 32;
const NO_ACCOUNT = -1;
/** So many are kept as entities until a snapshot takes them; what is not taken in time is made anew. */
const MOST_FRESH = 8_192;

const lanes = emptyLanes();
/** Hashes of ids that will be forgotten next. */
const forgotten = new Int32Array(512);

export class ClosedOrders {
  /** How many there have ever been. */
  count = 0;
  readonly #capacity: number;
  readonly #accounts: { at(place: number): Account | undefined };
  readonly #ids: OrderIds;
  readonly #rows = new Rows(OWN_CELLS);
  readonly #texts = new Map<number, ClosedOrderEntity>();
  /** Numbered below this: taken for a snapshot. */
  #takenCount = 0;
  /** Those numbered from here on, as they came. */
  #freshFrom = 0;
  #fresh: ClosedOrderEntity[] = [];

  constructor(capacity: number, accounts: Pick<IdMap<Account['accountId'], Account>, 'at'>, ids: OrderIds) {
    this.#capacity = capacity;
    this.#accounts = accounts;
    this.#ids = ids;
  }

  isId(slot: number, asked: Int32Array): boolean {
    const { words } = this.#rows;
    const at = slot * WORDS + ID;
    return (
      words[at] === asked[0] &&
      words[at + 1] === asked[1] &&
      words[at + 2] === asked[2] &&
      words[at + 3] === asked[3]
    );
  }

  isOf(slot: number, accountId: AccountId): boolean {
    const account = this.#accounts.at(this.#word(slot, ACCOUNT_NUMBER));
    return account === undefined
      ? this.#texts.get(slot)?.accountId === accountId
      : account.accountId === accountId;
  }

  hasDigest(slot: number, bodyDigest: string): boolean {
    return this.#read(slot).bodyDigest === bodyDigest;
  }

  statusOf(slot: number): ClosedOrderStatus {
    const status = STATUSES[this.#word(slot, STATUS)];
    invariant(status !== undefined, 'a closed order has a status');
    return status;
  }

  filledOf(slot: number): Quantity {
    return this.#rows.cells[slot * CELLS + (FILLED >> 1)] as Quantity;
  }

  /**
   * Remembers one under the number `count`, and forgets the one whose slot it takes. The words of its id lie in `id`
   * from `idAt` on, and what they stood for is `former`. Its own hash goes into `sum`.
   */
  add(
    closed: ClosedOrderEntity,
    account: Account | null,
    id: Int32Array,
    idAt: number,
    hashOfId: number,
    former: OrderReference,
    sum: Lanes,
  ): void {
    const slot = this.count % this.#capacity;
    if (this.count < this.#capacity) this.#rows.add();
    else this.#evict(slot, sum);
    this.#put(slot, closed, account, id, idAt, hashOfId, former, sum);
    this.count += 1;
    this.#fresh.push(closed);
    if (this.#fresh.length > MOST_FRESH) this.#dropFresh();
  }

  #put(
    slot: number,
    closed: ClosedOrderEntity,
    account: Account | null,
    id: Int32Array,
    idAt: number,
    hashOfId: number,
    former: OrderReference,
    sum: Lanes,
  ): void {
    const { words } = this.#rows;
    const word = slot * WORDS;
    for (let at = 0; at < UUID_WORDS; at += 1) words[word + ID + at] = id[idAt + at] as number;
    const status = STATUSES.indexOf(closed.status);
    this.#writeTexts(slot, closed, account);
    this.#writeNumbers(slot, closed, status, account, hashOfId);
    this.#enter(slot, status, hashOfId, former, sum);
  }

  /** The row is written: it is hashed, and its id leads to it. */
  #enter(slot: number, status: number, hashOfId: number, former: OrderReference, sum: Lanes): void {
    const { words } = this.#rows;
    const word = slot * WORDS;
    hashWords(words, word, HASHED, SEED + status, lanes);
    writeLanes(lanes, words, word + LANES);
    addLanes(sum, lanes);
    if (former === UNKNOWN) this.#ids.add(hashOfId, referenceToClosed(slot));
    else this.#ids.replace(hashOfId, former, referenceToClosed(slot));
  }

  /** Reads what closing so many orders will forget; what is given means nothing (`prefetch.ts`). */
  prefetchNext(orders: number): number {
    if (this.count < this.#capacity) return 0;
    const { words } = this.#rows;
    const count = Math.min(orders, forgotten.length);
    let seen = 0;
    for (let next = 0; next < count; next += 1) {
      const word = ((this.count + next) % this.#capacity) * WORDS;
      seen ^= words[word] as number;
      forgotten[next] = words[word + HASH_OF_ID] as number;
    }
    return seen ^ this.#ids.prefetch(forgotten, count);
  }

  /** Puts into `taken` each that is new since the last time and still remembered. */
  takeNew(taken: EntityChange[]): void {
    const from = Math.max(this.#takenCount, this.count - this.#capacity);
    for (let number = from; number < this.count; number += 1) {
      taken.push(this.#fresh[number - this.#freshFrom] ?? this.#read(number % this.#capacity));
    }
    this.#takenCount = this.count;
    this.#dropFresh();
  }

  /** All that are remembered. */
  all(): readonly ClosedOrderEntity[] {
    return Array.from({ length: Math.min(this.count, this.#capacity) }, (_, slot) => this.#read(slot));
  }

  /**
   * Puts one that a snapshot holds into its slot; of those of one slot the last one given counts. `finishRestore` comes
   * behind the last of them.
   */
  restore(closed: ClosedOrderEntity, account: Account | null, sum: Lanes): void {
    const slot = this.#emptySlot(closed.closingNumber, sum);
    const ids = this.#ids;
    ids.read(closed.orderId);
    this.#put(slot, closed, account, ids.words, 0, ids.hash, UNKNOWN, sum);
  }

  /** The same of one whose ids are words already. */
  restoreScanned(closed: ScannedClosedOrder, account: Account, sum: Lanes): void {
    const slot = this.#emptySlot(closed.closingNumber, sum);
    const { words } = this.#rows;
    const word = slot * WORDS;
    const { orderId, bodyDigest } = closed;
    for (let at = 0; at < UUID_WORDS; at += 1) words[word + ID + at] = orderId[at] as number;
    for (let at = 0; at < DIGEST_WORDS; at += 1) words[word + DIGEST + at] = bodyDigest[at] as number;
    account.readIdentity(lanes);
    writeLanes(lanes, words, word + ACCOUNT_ID);
    const status = STATUSES.indexOf(closed.status);
    const hashOfId = hashOfWords(orderId, 0);
    this.#writeNumbers(slot, closed, status, account, hashOfId);
    this.#enter(slot, status, hashOfId, UNKNOWN, sum);
  }

  #emptySlot(closingNumber: number, sum: Lanes): number {
    const rows = this.#rows;
    const slot = closingNumber % this.#capacity;
    while (rows.count <= slot) rows.add();
    if (this.#isTaken(slot)) this.#evict(slot, sum);
    return slot;
  }

  /** `count` is how many there have ever been. */
  finishRestore(count: number): void {
    const oldest = Math.max(0, count - this.#capacity);
    const { numbers } = this.#rows;
    invariant(this.#rows.count === count - oldest, 'a snapshot holds each remembered id once');
    for (let number = oldest; number < count; number += 1) {
      const slot = number % this.#capacity;
      invariant(
        this.#isTaken(slot) && numbers[(slot * WORDS + CLOSING_NUMBER) >> 1] === number,
        'a snapshot holds every slot of a ring',
      );
    }
    this.count = count;
    this.#takenCount = count;
    this.#dropFresh();
  }

  /** No order's hash is nothing but zeros. */
  #isTaken(slot: number): boolean {
    const { words } = this.#rows;
    const at = slot * WORDS + LANES;
    return words[at] !== 0 || words[at + 1] !== 0 || words[at + 2] !== 0 || words[at + 3] !== 0;
  }

  #word(slot: number, which: number): number {
    return this.#rows.words[slot * WORDS + which] as number;
  }

  #dropFresh(): void {
    this.#fresh = [];
    this.#freshFrom = this.count;
  }

  #evict(slot: number, sum: Lanes): void {
    const { words } = this.#rows;
    const word = slot * WORDS;
    readLanes(words, word + LANES, lanes);
    subtractLanes(sum, lanes);
    this.#ids.remove(words[word + HASH_OF_ID] as number, referenceToClosed(slot));
    if (this.#texts.size > 0) this.#texts.delete(slot);
  }

  #writeTexts(slot: number, closed: ClosedOrderEntity, account: Account | null): void {
    const word = slot * WORDS;
    const { words } = this.#rows;
    const packed = packDigest(closed.bodyDigest, words, word + DIGEST);
    if (!packed) {
      writeLanes(textLanes(closed.bodyDigest), words, word + DIGEST);
      words.fill(0, word + DIGEST + 4, word + ACCOUNT_ID);
    }
    if (account === null || !packed) this.#texts.set(slot, closed);
    if (account === null) writeLanes(textLanes(closed.accountId), words, word + ACCOUNT_ID);
    else {
      account.readIdentity(lanes);
      writeLanes(lanes, words, word + ACCOUNT_ID);
    }
  }

  #writeNumbers(
    slot: number,
    closed: Pick<ClosedOrderEntity, 'closingNumber' | 'filledQuantity'>,
    status: number,
    account: Account | null,
    hash: number,
  ): void {
    const rows = this.#rows;
    const { words } = rows;
    const word = slot * WORDS;
    rows.numbers[(word + CLOSING_NUMBER) >> 1] = closed.closingNumber;
    rows.cells[(word + FILLED) >> 1] = closed.filledQuantity;
    words[word + ACCOUNT_NUMBER] = account === null ? NO_ACCOUNT : account.number;
    words[word + STATUS] = status;
    words[word + HASH_OF_ID] = hash;
  }

  #read(slot: number): ClosedOrderEntity {
    const kept = this.#texts.get(slot);
    if (kept !== undefined) return kept;
    const { words, numbers } = this.#rows;
    const word = slot * WORDS;
    const account = this.#accounts.at(words[word + ACCOUNT_NUMBER] as number);
    invariant(account !== undefined, 'a packed order has its account');
    return {
      kind: 'closed_order',
      closingNumber: numbers[(word + CLOSING_NUMBER) >> 1] as number,
      accountId: account.accountId,
      orderId: unpackUuid(words, word + ID) as OrderId,
      bodyDigest: unpackDigest(words, word + DIGEST),
      status: this.statusOf(slot),
      filledQuantity: this.filledOf(slot),
    };
  }
}
