/** What the writer of the embedded log is asked for, and what it answers. */
import type { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { PartitionState } from './topic-registry.ts';

export interface PlacedRecord {
  readonly partition: PartitionState;
  readonly key: string | null;
  readonly value: Uint8Array | null;
}

export interface Write {
  readonly records: readonly PlacedRecord[];
  readonly consumed: {
    readonly group: string;
    readonly positions: readonly { readonly partition: PartitionState; readonly offset: number }[];
  } | null;
  readonly epoch: { readonly transactionalId: string; readonly epoch: number } | null;
  /** Asked just before writing: a refusal (such as `fenced`) leaves this write out and its neighbours alone. */
  check():
    | { readonly kind: 'go' }
    | { readonly kind: 'refused'; readonly error: OperatingError }
    | { readonly kind: 'fenced' };
}

export type Written =
  | { readonly kind: 'written'; readonly offsets: readonly number[] }
  | { readonly kind: 'fenced' };
