/** Records of one partition, cut into the stretches that are sealed as one. Pure. */
import type { TopicPartition } from '../event-log.ts';
import { type Hash, type SealedRecord, sealRoot } from '../seal.ts';

/** What a seal says of records that follow one another. */
export interface SealedStretch {
  readonly topic: string;
  readonly partition: number;
  /** The offset of its last record. */
  readonly last: number;
  readonly count: number;
  readonly root: Hash;
}

/** Records of one seal were appended within this time, so that none holds up expiry for long. */
const SEAL_SPAN_MS = 1_000;
const SEAL_RECORDS = 10_000;

/** `records` are in order; none is kept. */
export function sealedStretches(
  { topic, partition }: TopicPartition,
  records: Iterable<SealedRecord>,
): readonly SealedStretch[] {
  const stretches: SealedStretch[] = [];
  const all = records[Symbol.iterator]();
  let first = taken(all);
  while (first !== undefined) {
    const begin = first;
    let last = begin;
    let count = 0;
    // Leaves the first record that is not part of it in `first`.
    const together = function* (): Generator<SealedRecord> {
      for (let next: SealedRecord | undefined = begin; next !== undefined; next = taken(all)) {
        first = next;
        if (count === SEAL_RECORDS || Math.abs(next.appendedAtMs - begin.appendedAtMs) > SEAL_SPAN_MS) return;
        last = next;
        count += 1;
        yield next;
      }
      first = undefined;
    };
    const root = sealRoot(together());
    stretches.push({ topic, partition, last: last.offset, count, root });
  }
  return stretches;
}

function taken<Value>(all: Iterator<Value>): Value | undefined {
  const { done, value } = all.next();
  return done === true ? undefined : value;
}
