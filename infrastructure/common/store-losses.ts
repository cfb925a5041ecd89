/**
 * Whether a store on a server still has what was written to it. What it keeps its data in (indices, partitions of a
 * table, a table) has names, and ids that are others once it is made again: they are looked at now and then, and noted
 * beside this process, so that a start knows too.
 *
 *   look ─▶ all that were known are there ─▶ new ones are noted
 *        └▶ one is gone, or another ─▶ `lost`: the projection begins again at the first record ─▶ `accept`
 *
 * Not seen here are rows that somebody deletes within a part, and a part that was made and lost between two looks:
 * `tradehall verify` finds both.
 */
import { existsSync, readFileSync } from 'node:fs';
import { replaceFile } from '#infrastructure/core/durable-files.ts';
import { LaggingNote } from '#infrastructure/core/lagging-note.ts';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Runtime } from '#infrastructure/core/runtime.ts';
import { fieldsOf } from './request-reader.ts';
import type { ServerAddress } from './server-address.ts';

export interface StorePart {
  /** As its server names it: `index trading_trades-2019-02`. */
  readonly name: string;
  readonly id: string;
  /** From then on the retention may drop it; `null` for never. */
  readonly keptUntilMs: number | null;
}

export interface StoreLosses {
  /** Looks from now on, until the store is closed. `onLost` is called at each loss, and at one from before the start. */
  watch(onLost: () => void): void;
  /** What is gone and has to be written again, in a sentence. */
  lost(): string | null;
  /** What is not as it should be, in a sentence: a loss, or what keeps the store from being filled again. */
  trouble(): string | null;
  /** To be called once it is sure that all is written again: what is there now is what there has to be. */
  accept(): void;
}

export interface StoreLossesOptions {
  /** How sentences name the store: `The trade history`. */
  readonly store: string;
  readonly address: ServerAddress;
  /** Where the parts are noted. Without it a loss while nothing runs is not known. */
  readonly noteFile?: string | undefined;
  readonly runtime: Pick<Runtime, 'clock' | 'timers'>;
  readonly logger: Logger;
  /** Throws an `OperatingError` with `retry: never` for a part that does not fit. */
  parts(): Promise<readonly StorePart[]>;
}

const LOOK_MS = 5_000;
/** The clocks of those who drop what is old may differ. */
const DROPPED_EARLY_MS = 86_400_000;
const NAMED_MAX = 3;
const MISFITS: readonly string[] = ['STORE_VERSION', 'STORE_MISSING'];

type Parts = ReadonlyMap<string, Omit<StorePart, 'name'>>;

export class WatchedLosses implements StoreLosses {
  readonly #options: StoreLossesOptions;
  readonly #place: string;
  readonly #noted: LaggingNote;
  /** `null` until the first look of all. */
  #known: Parts | null = null;
  #seen: Parts = new Map();
  #lost: string | null = null;
  #misfit: string | null = null;
  /** What was written to something of another shape, or not at all, went with it. */
  #misfitLoses = false;
  #stop: (() => void) | null = null;
  #stopped = false;

  constructor(options: StoreLossesOptions) {
    this.#options = options;
    this.#noted = new LaggingNote(`What ${options.store.replace(/^The/, 'the')} has`, options.logger);
    const { hosts, path, parameters } = options.address;
    const at = hosts.map(({ host, port }) => `${host}:${port}`).join(',');
    this.#place = `${at}/${path} ${parameters['endpoint'] ?? ''}`.trim();
  }

  watch(onLost: () => void): void {
    if (this.#stop !== null) return;
    this.#known = this.#read();
    const look = async (): Promise<void> => {
      const before = this.#lost;
      await this.look();
      if (this.#lost !== null && this.#lost !== before) onLost();
    };
    this.#stop = this.#options.runtime.timers.every(LOOK_MS, look);
    if (this.#lost !== null) onLost();
    void look();
  }

  stop(): void {
    this.#stopped = true;
    this.#stop?.();
  }

  lost(): string | null {
    return this.#lost;
  }

  trouble(): string | null {
    return this.#misfit ?? this.#lost;
  }

  accept(): void {
    this.#lost = null;
    this.#note(this.#seen);
  }

  /** Once. A server that is away is told by every call to it. */
  async look(): Promise<void> {
    const { store, logger, runtime } = this.#options;
    let parts: readonly StorePart[];
    try {
      parts = await this.#options.parts();
    } catch (error) {
      // Its client may have been closed under it.
      if (this.#stopped) return;
      if (!(error instanceof OperatingError)) throw error;
      if (error.retry !== 'never') return;
      if (this.#misfit !== error.message) logger.error({ code: error.code }, error.message);
      this.#misfit = error.message;
      this.#misfitLoses ||= MISFITS.includes(error.code);
      return;
    }
    if (this.#stopped) return;
    this.#misfit = null;
    if (this.#misfitLoses) {
      this.#misfitLoses = false;
      this.#lose(`${store} may lack what was written while it was not as it should be`);
    }
    this.#seen = new Map(parts.map(({ name, ...part }) => [name, part]));
    const nowMs = runtime.clock.nowMs();
    const gone = [...(this.#known ?? [])].filter(
      ([name, { id, keptUntilMs }]) =>
        this.#seen.get(name)?.id !== id &&
        (keptUntilMs ?? Number.POSITIVE_INFINITY) > nowMs + DROPPED_EARLY_MS,
    );
    if (gone.length > 0) {
      const named = gone.map(([name]) => name).sort();
      const others = named.length > NAMED_MAX ? ` and ${named.length - NAMED_MAX} more` : '';
      this.#lose(
        `${store} has lost what was in ${named.slice(0, NAMED_MAX).join(', ')}${others} (deleted or made again by somebody)`,
      );
    }
    // Until it is written again the note says what was lost.
    if (this.#lost === null) this.#note(this.#seen);
  }

  #lose(what: string): void {
    const sentence = `${what}: it is filled again from the log.`;
    if (this.#lost !== sentence) this.#options.logger.error({}, sentence);
    this.#lost = sentence;
  }

  #note(parts: Parts): void {
    const isSame = (before: Parts) =>
      before.size === parts.size && [...parts].every(([name, { id }]) => before.get(name)?.id === id);
    if (this.#known !== null && isSame(this.#known) && !this.#noted.isLate) return;
    this.#known = parts;
    const { noteFile } = this.#options;
    if (noteFile === undefined) return;
    const note = { place: this.#place, parts: Object.fromEntries(parts) };
    this.#noted.write(() => replaceFile(noteFile, `${JSON.stringify(note, null, 1)}\n`));
  }

  /** Of another place nothing is known; of a note that cannot be read, that something was. */
  #read(): Parts | null {
    const { noteFile, store } = this.#options;
    if (noteFile === undefined || !existsSync(noteFile)) return null;
    try {
      const { place, parts } = fieldsOf(JSON.parse(readFileSync(noteFile, 'utf8'))) ?? {};
      if (typeof place !== 'string') throw new SyntaxError('no place');
      if (place !== this.#place) return null;
      return new Map(Object.entries(fieldsOf(parts) ?? {}).map(([name, part]) => [name, readPart(part)]));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.#lose(
        `${store} may have lost something, since ${noteFile}, which notes what there was, cannot be read`,
      );
      return null;
    }
  }
}

function readPart(part: unknown): Omit<StorePart, 'name'> {
  const { id, keptUntilMs } = fieldsOf(part) ?? {};
  if (typeof id !== 'string') throw new SyntaxError('no id');
  return { id, keptUntilMs: typeof keptUntilMs === 'number' ? keptUntilMs : null };
}
