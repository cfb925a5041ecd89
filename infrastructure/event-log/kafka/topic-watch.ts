/**
 * Whether the topics of a log are those it was begun with. One that was removed took its records along, and made again
 * under its name it looks as if there had been none: who reads it goes on with a gap. The cluster gives every topic an
 * id of its own when it is made, and the ids are noted beside this process.
 *
 *   a topic is there, with its id ─▶ well
 *   gone, or with another id ─▶ no record was ever in it ─▶ it is made (again)
 *                             └▶ records were            ─▶ the log is damaged: nothing is written until a person has looked
 *   has another number of partitions ─────────────────────▶ nothing is written either: keys would be looked for elsewhere
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '#infrastructure/core/durable-files.ts';
import { LaggingNote } from '#infrastructure/core/lagging-note.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Timers } from '#infrastructure/core/runtime.ts';
import type { EventLog, TopicPartition, TopicSpec } from '../event-log.ts';
import { decodeChainEntry } from '../seal.ts';
import { SEALS_TOPIC } from '../topic-specs.ts';
import type { LogEnds } from './log-ends.ts';
import type { TopicCatalogue } from './topic-catalogue.ts';

const FILE = 'topics.json';
const LOOK_MS = 2_000;
/** What no waiting mends. */
const LASTING = new Set(['LOG_DAMAGED', 'LOG_TOPIC_MISMATCH']);
const SEALS: TopicPartition = { topic: SEALS_TOPIC.name, partition: 0 };
const SEALS_PER_READ = 2_000;

type Ids = ReadonlyMap<string, string>;

export interface TopicWatchParts {
  /** `Kafka at host:9092`. */
  readonly serverName: string;
  readonly directory: string;
  readonly catalogue: TopicCatalogue;
  readonly ends: LogEnds;
  readonly log: Pick<EventLog, 'read'>;
  readonly timers: Timers;
  readonly logger: Logger;
}

export class TopicWatch {
  readonly #parts: TopicWatchParts;
  readonly #file: string;
  readonly #noted: LaggingNote;
  /** The file may lag behind it. */
  #known: Ids = new Map();
  #damage: OperatingError | null = null;
  #looking: Promise<void> | null = null;
  #stopTimer: (() => void) | null = null;

  constructor(parts: TopicWatchParts) {
    this.#parts = parts;
    this.#file = join(parts.directory, FILE);
    this.#noted = new LaggingNote('Which topics the log has', parts.logger);
  }

  /** Looks now and then, one look at a time: a broker may take longer. A bug in it ends the process. */
  start(): void {
    this.#stopTimer ??= this.#parts.timers.every(LOOK_MS, () => {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = null;
      });
    });
  }

  async stop(): Promise<void> {
    this.#stopTimer?.();
    await this.#looking;
  }

  /** What was found to be lost, or changed; it stays found for as long as this process runs. */
  get damage(): OperatingError | null {
    return this.#damage;
  }

  /**
   * Makes what is missing of `specs`, which are declared, and notes all of them. Throws `LOG_DAMAGED` instead where records
   * are gone, and `LOG_TOPIC_MISMATCH` where the number of partitions is another.
   */
  async ensure(specs: readonly TopicSpec[]): Promise<void> {
    this.#known = readIds(this.#file);
    await this.#ensure(specs);
  }

  async #ensure(specs: readonly TopicSpec[]): Promise<void> {
    const { catalogue, ends } = this.#parts;
    const found = await catalogue.ids(specs);
    await this.#requireUnused(catalogue.added());
    this.#forgetAnotherLog(found);
    const missing = specs.filter(({ name }) => !found.has(name));
    for (const spec of specs) await this.#requireKept(spec, found);
    await catalogue.make(missing);
    await ends.led(missing.flatMap(({ name }) => catalogue.places(name)));
    this.#note(missing.length === 0 ? found : await catalogue.ids(specs));
  }

  /** The same while it runs: what is lost or changed is noted as damage, and told by others. */
  async #look(): Promise<void> {
    const { catalogue, logger } = this.#parts;
    if (this.#damage !== null) return;
    try {
      await this.#ensure(catalogue.specs());
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      // A broker that is away is told by every call to it.
      if (!LASTING.has(error.code)) return;
      this.#damage = error;
      logger.error({ code: error.code, error: error.message }, 'nothing is written to the log any more');
    }
  }

  /** At another address, or on a cluster made anew, nothing of what was noted counts: the heads tell. */
  #forgetAnotherLog(found: Ids): void {
    if (![...found].some(([topic, id]) => this.#known.get(topic) === id)) this.#known = new Map();
  }

  async #requireKept(spec: TopicSpec, found: Ids): Promise<void> {
    const { name } = spec;
    const id = found.get(name);
    const known = this.#known.get(name);
    if (id !== undefined && (known === undefined || id === known)) return;
    if (!(await this.#heldRecords(spec, known !== undefined, found))) return;
    // Others of ours that start at this moment make it, and may have written already.
    if (known === undefined && (await this.#parts.catalogue.ids([spec])).has(name)) return;
    const what = id === undefined ? 'is gone from' : 'was removed and made again on';
    throw new OperatingError(
      'LOG_DAMAGED',
      `The topic ${name} of the event log ${what} ${this.#parts.serverName}, and its records with it: nothing is written to this log any more. ` +
        'Stop every instance; begin a new log from the last export (`tradehall import FILE --event-log kafka://host:9092/NEW-NAME`), ' +
        `or put the topic back with its records by Kafka's own means and delete ${this.#file} of every instance.`,
      { retry: 'never' },
    );
  }

  /** Left out, what is in them would be lost. */
  async #requireUnused(places: readonly TopicPartition[]): Promise<void> {
    if (places.length === 0) return;
    for (const [place, end] of await this.#parts.ends.stableEnds(places)) {
      if (end === 0) continue;
      throw new OperatingError(
        'LOG_TOPIC_MISMATCH',
        `Somebody added the partition ${place} to the event log on ${this.#parts.serverName}, and has written to it up to offset ${end}: it cannot be left out.`,
        { retry: 'never' },
      );
    }
  }

  /** Seals tell it of sealed topics; the others are written along with those. */
  async #heldRecords({ name, sealed }: TopicSpec, wasKnown: boolean, found: Ids): Promise<boolean> {
    const { catalogue, ends } = this.#parts;
    if (ends.hasSeen(name)) return true;
    if (sealed && found.has(SEALS_TOPIC.name)) return this.#isSealed(name);
    if (!wasKnown && name !== SEALS_TOPIC.name) return false;
    const others = [...found.keys()].filter((other) => other !== name);
    const reached = await ends.stableEnds(others.flatMap((other) => catalogue.places(other)));
    return [...reached.values()].some((end) => end > 0);
  }

  async #isSealed(topic: string): Promise<boolean> {
    for (let offset = 0; ; ) {
      const records = await this.#parts.log.read({ ...SEALS, offset }, SEALS_PER_READ);
      const last = records.at(-1);
      if (last === undefined) return false;
      const isItsOwn = (value: Uint8Array | null) =>
        value !== null && decodeChainEntry(value)?.topic === topic;
      if (records.some(({ value }) => isItsOwn(value))) return true;
      offset = last.offset + 1;
    }
  }

  #note(ids: Ids): void {
    const isSame = [...ids].every(([topic, id]) => this.#known.get(topic) === id);
    this.#known = new Map([...this.#known, ...ids]);
    if (isSame && !this.#noted.isLate) return;
    const text = `${JSON.stringify(Object.fromEntries(this.#known), null, 2)}\n`;
    this.#noted.write(() => replaceFile(this.#file, text));
  }
}

/** One that cannot be read is not taken for none: a topic that was removed would not be missed. */
function readIds(file: string): Ids {
  if (!existsSync(file)) return new Map();
  let noted: unknown;
  try {
    noted = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw unreadable(file, cause);
  }
  if (typeof noted !== 'object' || noted === null) throw unreadable(file);
  return new Map(Object.entries(noted).map(([topic, id]) => [topic, String(id)]));
}

function unreadable(file: string, cause?: unknown): OperatingError {
  return new OperatingError(
    'LOG_DAMAGED',
    `${file}, which notes the topics of the event log, cannot be read, so whether one was removed since cannot be told. ` +
      'Put it back from a backup; or, when nobody removed a topic, delete it and start again.',
    { retry: 'never', cause },
  );
}
