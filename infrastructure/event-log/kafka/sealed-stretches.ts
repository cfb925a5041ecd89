/** Records of one partition, cut into the stretches that are sealed as one. Pure. */
import assert from 'node:assert/strict';
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

/** `records` are in order. */
export function sealedStretches(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  records: readonly SealedRecord[],
): readonly SealedStretch[] {
  return [...splitByTime(records)].map((together): SealedStretch => {
    const last = together.at(-1);
    assert(last !== undefined, 'a stretch has a record');
    return { topic, partition, last: last.offset, count: together.length, root: sealRoot(together) };
  });
}

function* splitByTime(records: readonly SealedRecord[]): Generator<readonly SealedRecord[]> {
  let from = 0;
  for (let at = 1; at <= records.length; at += 1) {
    const begin = records[from];
    const next = records[at];
    const fits =
      begin !== undefined &&
      next !== undefined &&
      at - from < SEAL_RECORDS &&
      Math.abs(next.appendedAtMs - begin.appendedAtMs) <= SEAL_SPAN_MS;
    if (fits) continue;
    yield records.slice(from, at);
    from = at;
  }
}
