/** Which seals of a partition retention may remove: those of what is still there, and old enough. */
import type { EventLog, TopicPartition } from '../event-log.ts';
import { type ChainEntry, chainKey, decodeChainEntry } from '../seal.ts';
import { SEALS_TOPIC } from '../topic-specs.ts';

export const SEALS: TopicPartition = { topic: SEALS_TOPIC.name, partition: 0 };
export const SEALS_PER_READ = 2_000;

type Seal = ChainEntry & { readonly kind: 'seal' };

export class DueSeals {
  readonly #log: Pick<EventLog, 'read'>;
  /** Where in `log_seals` the first seal of what is left of a partition is looked for. */
  readonly #from = new Map<string, number>();

  constructor(log: Pick<EventLog, 'read'>) {
    this.#log = log;
  }

  /** Of what is still there, from `firstOffset` on, and ends before `before`. */
  async find(place: TopicPartition, firstOffset: number, before: number): Promise<readonly Seal[]> {
    const due: Seal[] = [];
    const key = chainKey(place.topic, place.partition);
    let offset = this.#from.get(key) ?? 0;
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
}
