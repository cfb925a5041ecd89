/** What a check found wrong, and where. */
export type CheckName =
  | 'seals'
  | 'records'
  | 'sequences'
  | 'books'
  | 'replay'
  | 'portfolios'
  | 'trade history'
  | 'trade analytics'
  | 'order index'
  | 'statements';

export interface Finding {
  readonly check: CheckName;
  /** `topic/partition@offset` of the first bad record; `null` when it is a store that is wrong. */
  readonly record: string | null;
  /** A sentence for people. */
  readonly message: string;
}

export function placeOf(record: {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number | string;
}): string {
  return `${record.topic}/${record.partition}@${record.offset}`;
}

/** Of one kind at most so many are told: what is wrong once is usually wrong often. */
export const FINDINGS_PER_CHECK = 10;
