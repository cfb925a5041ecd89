/**
 * What a partition remembers of account commands: the last N, numbered from 0 in the order in which they came. Number n
 * lies in slot n mod N, also as an entity, so the record that takes a slot replaces the one it evicts. What is in it is
 * a fold of the inputs alone, so every replica forgets the same id at the same input.
 *
 * A slot is a row of words, as with closed orders, and the entity is made anew for whoever asks. What is not written as
 * the core itself writes it keeps its entity.
 */
import type { AccountCommandEntity, EntityChange } from '#domain/data/account-state.ts';
import { formatDecimal, type Money, parseMoney } from '#domain/data/decimal.ts';
import type { CommandId } from '#domain/data/identifiers.ts';
import { HashCells } from './hash-cells.ts';
import { hashOfId } from './id-map.ts';
import { invariant } from './invariant.ts';
import { packUuid, UUID_WORDS, unpackUuid } from './packed-text.ts';
import { Rows } from './rows.ts';
import {
  addLanes,
  beginHash,
  emptyLanes,
  finishHash,
  hashNumber,
  hashText,
  type Lanes,
  readLanes,
  subtractLanes,
  writeLanes,
} from './state-hash.ts';

/** Words of a row. */
const ID = 0;
const ACCOUNT_ID = 4;
const AMOUNT = 8;
const VERB = 10;
const HASH_OF_ID = 11;
const LANES = 12;
const OWN_CELLS = 6;
/** With the hash. */
const CELLS = 8;
const WORDS = CELLS * 2;

const VERBS: readonly string[] = ['open', 'deposit', 'withdraw'];
const NOT_REMEMBERED = -1;
/** Tells account commands apart from other entities. */
const TAG = 5;

const asked = new Int32Array(UUID_WORDS);
const lanes = emptyLanes();

/** Into `lanes`. */
function hashCommand(command: AccountCommandEntity): void {
  beginHash(TAG);
  hashNumber(command.commandNumber);
  hashText(command.commandId);
  hashText(command.fingerprint);
  finishHash(lanes);
}

export class AccountCommands {
  /** How many there have ever been. */
  count = 0;
  readonly #capacity: number;
  readonly #cells = new HashCells();
  readonly #rows = new Rows(OWN_CELLS);
  readonly #texts = new Map<number, AccountCommandEntity>();
  /** Numbered below this: taken for a snapshot. */
  #takenCount = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** What a command said; `null` when its id is not remembered. */
  fingerprintOf(commandId: CommandId): string | null {
    const slot = this.#find(commandId);
    return slot === NOT_REMEMBERED ? null : this.#read(slot).fingerprint;
  }

  /**
   * Remembers one whose id is not there, under the number `count`, and forgets the one whose slot it takes. Its own
   * hash goes into `sum`.
   */
  add(commandId: CommandId, fingerprint: string, sum: Lanes): void {
    const slot = this.count % this.#capacity;
    if (this.count < this.#capacity) this.#rows.add();
    else this.#evict(slot, sum);
    this.#put(slot, { kind: 'account_command', commandNumber: this.count, commandId, fingerprint }, sum);
    this.count += 1;
  }

  /** Puts into `taken` each that is new since the last time and still remembered. */
  takeNew(taken: EntityChange[]): void {
    const from = Math.max(this.#takenCount, this.count - this.#capacity);
    for (let number = from; number < this.count; number += 1) taken.push(this.#read(number % this.#capacity));
    this.#takenCount = this.count;
  }

  /** All that are remembered. */
  all(): readonly AccountCommandEntity[] {
    return Array.from({ length: Math.min(this.count, this.#capacity) }, (_, slot) => this.#read(slot));
  }

  /**
   * Puts one that a snapshot holds into its slot; of those of one slot the last one given counts. `finishRestore` comes
   * behind the last of them.
   */
  restore(command: AccountCommandEntity, sum: Lanes): void {
    const rows = this.#rows;
    const slot = command.commandNumber % this.#capacity;
    while (rows.count <= slot) rows.add();
    if (this.#isTaken(slot)) this.#evict(slot, sum);
    this.#put(slot, command, sum);
  }

  /** `count` is how many there have ever been. A wrong number of one of them shows in the state's hash. */
  finishRestore(count: number): void {
    const remembered = Math.min(count, this.#capacity);
    invariant(this.#rows.count === remembered, 'a snapshot holds each remembered id once');
    for (let slot = 0; slot < remembered; slot += 1) {
      invariant(this.#isTaken(slot), 'a snapshot holds every slot of a ring');
    }
    this.count = count;
    this.#takenCount = count;
  }

  /** No command's hash is nothing but zeros. */
  #isTaken(slot: number): boolean {
    const { words } = this.#rows;
    const at = slot * WORDS + LANES;
    return words[at] !== 0 || words[at + 1] !== 0 || words[at + 2] !== 0 || words[at + 3] !== 0;
  }

  #put(slot: number, command: AccountCommandEntity, sum: Lanes): void {
    const { words } = this.#rows;
    const word = slot * WORDS;
    const hash = hashOfId(command.commandId);
    if (!this.#pack(command, word)) this.#texts.set(slot, command);
    words[word + HASH_OF_ID] = hash;
    hashCommand(command);
    writeLanes(lanes, words, word + LANES);
    addLanes(sum, lanes);
    this.#cells.add(hash, slot);
  }

  #pack({ commandId, fingerprint }: AccountCommandEntity, word: number): boolean {
    const { words, cells } = this.#rows;
    const [verbText = '', accountId = '', amountText = null, ...more] = fingerprint.split(' ');
    const verb = VERBS.indexOf(verbText);
    if (verb < 0 || more.length > 0 || (verb === 0) !== (amountText === null)) return false;
    if (!packUuid(commandId, words, word + ID) || !packUuid(accountId, words, word + ACCOUNT_ID))
      return false;
    words[word + VERB] = verb;
    if (amountText === null) return true;
    const amount = parseMoney(amountText);
    if (amount.kind !== 'decimal' || formatDecimal(amount.value) !== amountText) return false;
    cells[(word + AMOUNT) >> 1] = amount.value;
    return true;
  }

  #find(commandId: CommandId): number {
    const cells = this.#cells;
    const hash = hashOfId(commandId);
    for (let slot = cells.first(hash); slot >= 0; slot = cells.next(hash)) {
      if (this.#isId(slot, commandId)) return slot;
    }
    return NOT_REMEMBERED;
  }

  #isId(slot: number, commandId: CommandId): boolean {
    const kept = this.#texts.get(slot);
    if (kept !== undefined) return kept.commandId === commandId;
    if (!packUuid(commandId, asked, 0)) return false;
    const { words } = this.#rows;
    const at = slot * WORDS + ID;
    return asked.every((word, index) => words[at + index] === word);
  }

  #evict(slot: number, sum: Lanes): void {
    const { words } = this.#rows;
    const word = slot * WORDS;
    readLanes(words, word + LANES, lanes);
    subtractLanes(sum, lanes);
    this.#cells.remove(words[word + HASH_OF_ID] as number, slot);
    this.#texts.delete(slot);
  }

  #read(slot: number): AccountCommandEntity {
    const kept = this.#texts.get(slot);
    if (kept !== undefined) return kept;
    const { words, cells } = this.#rows;
    const word = slot * WORDS;
    const verb = VERBS[words[word + VERB] as number];
    invariant(verb !== undefined, 'a packed command has a verb');
    const fingerprint = `${verb} ${unpackUuid(words, word + ACCOUNT_ID)}`;
    const amount = cells[(word + AMOUNT) >> 1] as Money;
    return {
      kind: 'account_command',
      // The last number that lies in this slot.
      commandNumber: slot + Math.floor((this.count - 1 - slot) / this.#capacity) * this.#capacity,
      commandId: unpackUuid(words, word + ID) as CommandId,
      fingerprint: verb === 'open' ? fingerprint : `${fingerprint} ${formatDecimal(amount)}`,
    };
  }
}
