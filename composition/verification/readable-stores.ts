/**
 * The stores of a stopped data folder where they can be opened: there, or copies of them where the folder may not be
 * written (read-only media), since every store takes in what a crash left beside its file when it opens.
 */
import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { DATA_PATHS } from '../data-paths.ts';
import type { ProjectionStore } from '../rewind-projections.ts';

export interface ReadableStores {
  /** Where their files lie under their own names. */
  readonly folder: string;
  /** Once the stores are closed. */
  remove(): void;
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** With what lies beside it under its name: a write-ahead log is part of the file, its index is not. */
function filesOf(file: string): readonly string[] {
  const name = basename(file);
  return readdirSync(dirname(file))
    .filter((other) => other.startsWith(name) && !other.endsWith('-shm'))
    .map((other) => join(dirname(file), other));
}

export function openReadableStores(dataFolder: string, stores: readonly ProjectionStore[]): ReadableStores {
  for (const store of stores) {
    const file = join(dataFolder, DATA_PATHS[store]);
    if (existsSync(file)) continue;
    throw new OperatingError(
      'STORE_MISSING',
      `${file} is missing: start the instance once, it rebuilds the store from the log.`,
      { retry: 'never' },
    );
  }
  const files = stores.flatMap((store) => filesOf(join(dataFolder, DATA_PATHS[store])));
  if ([dataFolder, ...files].every(isWritable)) return { folder: dataFolder, remove() {} };
  const copies = mkdtempSync(join(tmpdir(), 'tradehall-verify-'));
  const remove = () => rmSync(copies, { recursive: true, force: true });
  try {
    for (const file of files) {
      const copy = join(copies, basename(file));
      copyFileSync(file, copy);
      chmodSync(copy, 0o600);
    }
    return { folder: copies, remove };
  } catch (cause) {
    remove();
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new OperatingError(
      'VERIFY_COPY_FAILED',
      `${dataFolder} may not be written, so its stores are compared from copies in ${tmpdir()}, and those could not be made (${reason}): name a folder with room in TMPDIR.`,
      { retry: 'never', cause },
    );
  }
}
