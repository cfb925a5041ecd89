/**
 * Where each projection's store is, noted in the data folder at every start.
 *
 * The log knows how far a projection has come, but not in which store. A store that is elsewhere than at the last start
 * holds less than that position says, whatever is in it, and has to be filled from the log again.
 *
 * With the log on a server there may be many processes, each with a folder of its own; then the note of one says nothing.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fieldsOf } from '#infrastructure/common/request-reader.ts';
import type { DataFolder } from '#infrastructure/core/data-folder.ts';
import { replaceFile } from '#infrastructure/core/durable-files.ts';
import type { AdapterUrl, ProcessConfig } from './options.ts';
import type { ProjectionStore } from './rewind-projections.ts';

const NOTE_FILE = 'stores.json';

export function isOnServer(config: ProcessConfig, store: ProjectionStore): boolean {
  return urlOf(config, store).server !== null;
}

/** Of `stores`, those that were elsewhere at the last start. A folder without a note was on its own files. */
export function movedStores(
  folder: Pick<DataFolder, 'file'>,
  config: ProcessConfig,
  stores: readonly ProjectionStore[],
): readonly ProjectionStore[] {
  if (config.eventLog.server !== null) return [];
  const before = readNote(folder);
  return stores.filter((store) => (before[store] ?? 'file:') !== placeOf(urlOf(config, store)));
}

/** Once `stores` are filled, or sure to be. */
export function noteStores(
  folder: Pick<DataFolder, 'file'>,
  config: ProcessConfig,
  stores: readonly ProjectionStore[],
): void {
  const now = stores.map((store) => [store, placeOf(urlOf(config, store))] as const);
  const before = readNote(folder);
  if (now.every(([store, place]) => before[store] === place)) return;
  // Durable before anything is written there: else a move back would not be noticed after a power cut.
  replaceFile(folder.file(NOTE_FILE), `${JSON.stringify({ ...before, ...Object.fromEntries(now) })}\n`);
}

function readNote(folder: Pick<DataFolder, 'file'>): Readonly<Record<string, unknown>> {
  const path = folder.file(NOTE_FILE);
  if (!existsSync(path)) return {};
  try {
    return fieldsOf(JSON.parse(readFileSync(path, 'utf8'))) ?? UNKNOWN;
  } catch (error) {
    // Spoilt by the disk or by somebody: what it said is not known, and to fill a store again does no harm.
    if (error instanceof SyntaxError) return UNKNOWN;
    throw error;
  }
}

/** No store is there. */
const UNKNOWN: Readonly<Record<ProjectionStore, string>> = {
  portfolios: '',
  history: '',
  analytics: '',
  relational: '',
};

function urlOf(config: ProcessConfig, store: ProjectionStore): AdapterUrl {
  return store === 'relational' ? config.database : config[store];
}

/** Without credentials. */
function placeOf({ scheme, server }: AdapterUrl): string {
  if (server === null) return `${scheme}:`;
  const hosts = server.hosts.map(({ host, port }) => `${host}:${port}`).join(',');
  return `${scheme}://${hosts}/${server.path} ${server.parameters['endpoint'] ?? ''}`.trim();
}
