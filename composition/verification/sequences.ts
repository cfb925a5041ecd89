/**
 * Each account's outputs carry its own sequence, from 1, without gaps, over several topics. One bit per number seen
 * finds gaps and repeats in one pass over topics that are read one after another.
 */
import type { AccountId } from '#domain/data/identifiers.ts';
import type { Finding } from './finding.ts';

const BITS = 8;
const FIRST_BYTES = 8;

interface Seen {
  bits: Uint8Array;
  highest: number;
  count: number;
}

export class SequenceCheck {
  readonly #seen = new Map<AccountId, Seen>();

  /** Says what is wrong with this number, if anything. */
  note(accountId: AccountId, sequence: number, place: string): Finding | null {
    let seen = this.#seen.get(accountId);
    if (seen === undefined) {
      seen = { bits: new Uint8Array(FIRST_BYTES), highest: 0, count: 0 };
      this.#seen.set(accountId, seen);
    }
    const byte = Math.floor(sequence / BITS);
    if (byte >= seen.bits.length) {
      const grown = new Uint8Array(Math.max(seen.bits.length * 2, byte + 1));
      grown.set(seen.bits);
      seen.bits = grown;
    }
    const bit = 1 << (sequence % BITS);
    const held = seen.bits[byte] ?? 0;
    if ((held & bit) !== 0) {
      return {
        check: 'sequences',
        record: place,
        message: `account ${accountId} has its sequence ${sequence} twice`,
      };
    }
    seen.bits[byte] = held | bit;
    seen.count += 1;
    seen.highest = Math.max(seen.highest, sequence);
    return null;
  }

  /** After everything was noted: the first missing number of each account. */
  gaps(limit: number): readonly Finding[] {
    const findings: Finding[] = [];
    for (const [accountId, { bits, highest, count }] of this.#seen) {
      if (count === highest || findings.length >= limit) continue;
      let missing = 1;
      while (((bits[Math.floor(missing / BITS)] ?? 0) & (1 << (missing % BITS))) !== 0) missing += 1;
      findings.push({
        check: 'sequences',
        record: null,
        message: `account ${accountId} has no sequence ${missing}, though it goes up to ${highest}`,
      });
    }
    return findings;
  }

  get accounts(): number {
    return this.#seen.size;
  }
}
