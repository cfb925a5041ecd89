/** The chains of seals of a log, one a partition: how far each has got, and what its next entry is. Pure. */
import type { TopicPartition } from '../event-log.ts';
import type { LogHead } from '../log-archive.ts';
import { type ChainEntry, chainHash, chainKey, encodeChainEntry, type Hash, NO_HASH } from '../seal.ts';
import type { SealedStretch } from './sealed-stretches.ts';

export interface Chain {
  /** Everything below is sealed. */
  readonly next: number;
  readonly hash: Hash;
}

const EMPTY: Chain = { next: 0, hash: NO_HASH };

export class SealChains {
  readonly #chains = new Map<string, Chain>();

  constructor(heads: readonly LogHead[]) {
    for (const { topic, partition, nextOffset, chainHash: hash } of heads)
      this.#chains.set(chainKey(topic, partition), { next: nextOffset, hash });
  }

  of({ topic, partition }: TopicPartition): Chain {
    return this.#chains.get(chainKey(topic, partition)) ?? EMPTY;
  }

  /** Whether `entry` follows from the last one known. */
  follows(entry: ChainEntry): boolean {
    const { next, hash } = this.of(entry);
    return entry.previous === hash && (entry.kind === 'expiry' ? entry.before <= next : entry.first === next);
  }

  /** Takes an entry as written. */
  add(entry: ChainEntry, bytes: Uint8Array): void {
    const next = entry.kind === 'seal' ? entry.last + 1 : this.of(entry).next;
    this.#chains.set(chainKey(entry.topic, entry.partition), { next, hash: chainHash(bytes) });
  }

  /**
   * The entries that seal `stretches` (in order within each partition), each following from the one before it. Nothing
   * changes here until they are added.
   */
  seals(stretches: readonly SealedStretch[]): readonly ChainEntry[] {
    const chains = new Map<string, Chain>();
    return stretches.map(({ topic, partition, last, count, root }) => {
      const key = chainKey(topic, partition);
      const chain = chains.get(key) ?? this.of({ topic, partition });
      const { next: first, hash: previous } = chain;
      const entry: ChainEntry = { kind: 'seal', topic, partition, first, last, count, root, previous };
      chains.set(key, { next: last + 1, hash: chainHash(encodeChainEntry(entry)) });
      return entry;
    });
  }
}
