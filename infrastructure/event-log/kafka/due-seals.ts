/** Which seals of a partition retention may remove: those of what is still there, and old enough. */
import type { EventLog, TopicPartition } from '../event-log.ts';
import { type ChainEntry, chainKey, decodeChainEntry } from '../seal.ts';
import { SEALS_TOPIC } from '../topic-specs.ts';
import type { LogEnds } from './log-ends.ts';

export const SEALS: TopicPartition = { topic: SEALS_TOPIC.name, partition: 0 };
export const SEALS_PER_READ = 2_000;

/** Records and seals have the times of different machines. What lies between is read in vain, or expires so much later. */
const CLOCKS_APART_MS = 60_000;

type Seal = ChainEntry & { readonly kind: 'seal' };

export class DueSeals {
  readonly #log: Pick<EventLog, 'read'>;
  readonly #ends: Pick<LogEnds, 'firstSince'>;
  /** Where in `log_seals` the first seal of what is left of a partition is looked for. */
  readonly #from = new Map<string, number>();

  constructor(log: Pick<EventLog, 'read'>, ends: Pick<LogEnds, 'firstSince'>) {
    this.#log = log;
    this.#ends = ends;
  }

  /** Of what is still there, from `firstOffset` on, and ends before `before`. */
  async find(place: TopicPartition, firstOffset: number, before: number): Promise<readonly Seal[]> {
    const due: Seal[] = [];
    const key = chainKey(place.topic, place.partition);
    let offset = this.#from.get(key) ?? (await this.#since(place, firstOffset));
    if (offset < 0) return due;
    for (;;) {
      const records = await this.#log.read({ ...SEALS, offset }, SEALS_PER_READ);
      if (records.length === 0) return due;
      for (const { offset: at, key: sealKey, value } of records) {
        offset = at + 1;
        const entry = sealKey === key && value !== null ? decodeChainEntry(value) : null;
        if (due.length === 0) this.#from.set(key, at);
        if (entry?.kind !== 'seal' || entry.last < firstOffset) continue;
        if (entry.last >= before) return due;
        due.push(entry);
      }
    }
  }

  /** Where the seals of what is there from `firstOffset` on may begin, since they are written after it; -1: there are none. */
  async #since(place: TopicPartition, firstOffset: number): Promise<number> {
    const [first] = await this.#log.read({ ...place, offset: firstOffset }, 1);
    if (first === undefined) return -1;
    const since = await this.#ends.firstSince([SEALS], first.appendedAtMs - CLOCKS_APART_MS);
    return since.get(chainKey(SEALS.topic, SEALS.partition)) ?? -1;
  }
}
