/** The chains of seals of a log, one a partition: how far each has got, and what its next entry is. Pure. */
import type { LogRecord, TopicPartition } from '../event-log.ts';
import type { LogHead } from '../log-archive.ts';
import {
  type ChainEntry,
  chainHash,
  chainKey,
  encodeChainEntry,
  type Hash,
  NO_HASH,
  sealRoot,
} from '../seal.ts';

/** Records of one seal were appended within this time, so that none holds up expiry for long. */
const SEAL_SPAN_MS = 1_000;
const SEAL_RECORDS = 10_000;

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
   * The entries that seal `records` (in order within each partition), each following from the one before it. Nothing
   * changes here until they are added.
   */
  seals(records: readonly LogRecord[]): readonly ChainEntry[] {
    const entries: ChainEntry[] = [];
    for (const own of Map.groupBy(records, ({ topic, partition }) => chainKey(topic, partition)).values()) {
      let chain: Chain | null = null;
      for (const together of splitByTime(own)) {
        const [first] = together;
        const last = together.at(-1);
        if (first === undefined || last === undefined) continue;
        const { topic, partition } = first;
        chain ??= this.of(first);
        const entry: ChainEntry = {
          kind: 'seal',
          topic,
          partition,
          first: chain.next,
          last: last.offset,
          count: together.length,
          root: sealRoot(together),
          previous: chain.hash,
        };
        entries.push(entry);
        chain = { next: last.offset + 1, hash: chainHash(encodeChainEntry(entry)) };
      }
    }
    return entries;
  }
}

function* splitByTime(records: readonly LogRecord[]): Generator<readonly LogRecord[]> {
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
