/** What the tests of reading seals share: a `log_seals` in memory, and how far it was read. */
import type { LogRecord, PartitionExtent, Position, TopicPartition } from '../event-log.ts';
import { type ChainEntry, chainKey, encodeChainEntry, NO_HASH } from '../seal.ts';
import { SEALS } from './due-seals.ts';
import { SealChains } from './seal-chains.ts';

export const RECORDS_PER_SEAL = 10;

export class SealsUnderTest {
  readonly chains = new SealChains([]);
  readonly #records: LogRecord[] = [];
  readonly #places = new Map<string, TopicPartition>();
  /** Of all that were read, the lowest offset. */
  readFrom = Number.POSITIVE_INFINITY;
  reads = 0;
  /** Between one and the next. */
  readonly everyMs = 1_000;

  get end(): number {
    return this.#records.length;
  }

  /** The next records of `place` are sealed, a second after the seal before it. */
  seal(place: TopicPartition): void {
    const last = this.chains.of(place).next + RECORDS_PER_SEAL - 1;
    const stretch = { ...place, last, count: RECORDS_PER_SEAL, root: NO_HASH };
    for (const entry of this.chains.seals([stretch])) this.append(entry);
  }

  expire(place: TopicPartition, before: number): void {
    this.append({ kind: 'expiry', ...place, before, previous: this.chains.of(place).hash });
  }

  append(entry: ChainEntry): void {
    const value = encodeChainEntry(entry);
    this.chains.add(entry, value);
    const key = chainKey(entry.topic, entry.partition);
    this.#places.set(key, { topic: entry.topic, partition: entry.partition });
    this.#records.push({ ...SEALS, offset: this.end, key, value, appendedAtMs: this.end * this.everyMs });
  }

  /** Of `log_seals`, or of a partition: a record is as old as its seal. */
  async read({ topic, partition, offset }: Position, maxRecords: number): Promise<readonly LogRecord[]> {
    if (topic !== SEALS.topic) {
      const sealed = this.#records.filter(({ key }) => key === chainKey(topic, partition));
      const seal = sealed[Math.floor(offset / RECORDS_PER_SEAL)];
      if (seal === undefined) return [];
      return [{ topic, partition, offset, key: null, value: null, appendedAtMs: seal.appendedAtMs }];
    }
    this.reads += 1;
    this.readFrom = Math.min(this.readFrom, offset);
    return this.#records.slice(offset, offset + maxRecords);
  }

  async extents(places: readonly TopicPartition[]): Promise<readonly PartitionExtent[]> {
    return places.map((place) => {
      const nextOffset = place.topic === SEALS.topic ? this.end : this.chains.of(place).next;
      return { ...place, firstOffset: 0, nextOffset };
    });
  }

  async firstSince(_places: readonly TopicPartition[], timeMs: number): Promise<ReadonlyMap<string, number>> {
    const offset = this.#records.findIndex(({ appendedAtMs }) => appendedAtMs >= timeMs);
    return new Map([[chainKey(SEALS.topic, SEALS.partition), offset]]);
  }

  /** As this log has them; for comparison. */
  get heads() {
    return [...this.#places.values()].map((place) => ({ ...place, ...this.chains.of(place) }));
  }
}
