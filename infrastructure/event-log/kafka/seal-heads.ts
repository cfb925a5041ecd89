/**
 * How far the seals have got, noted outside the log. The heads may lag behind the seals and are never ahead of them: what
 * the disk does not take goes with the next ones.
 */
import { LaggingNote } from '#infrastructure/core/lagging-note.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import type { TopicPartition } from '../event-log.ts';
import type { LogHead } from '../log-archive.ts';
import { chainKey } from '../seal.ts';
import type { LogHeads } from '../sqlite/log-heads.ts';
import { SEALS } from './due-seals.ts';
import type { SealChains } from './seal-chains.ts';

export class SealHeads {
  readonly #file: LogHeads;
  readonly #note: LaggingNote;
  /** Of the chains whose heads in the file are behind. */
  readonly #due = new Map<string, TopicPartition>();

  constructor(file: LogHeads, logger: Logger) {
    this.#file = file;
    this.#note = new LaggingNote('How far the log is sealed', logger);
  }

  all(): readonly LogHead[] {
    return this.#file.all();
  }

  /** Those of `places` have moved; everything in `log_seals` before `sealsNext` is in `chains`. */
  follow(chains: SealChains, places: Iterable<TopicPartition>, sealsNext: number): void {
    for (const { topic, partition } of places)
      this.#due.set(chainKey(topic, partition), { topic, partition });
    const heads = [...this.#due.values()].map((place): LogHead => {
      const { next, hash } = chains.of(place);
      return { ...place, nextOffset: next, chainHash: hash };
    });
    this.#note.write(() => {
      this.#file.put([...heads, { ...SEALS, nextOffset: sealsNext, chainHash: chains.of(SEALS).hash }]);
      this.#due.clear();
    });
  }
}
