/**
 * How far a store has come in the log, as the store itself says. It is noted in the transaction that keeps what was read,
 * so that a store which lost its last commits, was put back from a backup or made anew says so: it is at an earlier place.
 */

/** The store has everything of the partition below `offset`. */
export interface StorePosition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** What was read of a partition, nothing left out: from `from` on, up to `offset` and without it. */
export interface Stretch extends StorePosition {
  readonly from: number;
}
