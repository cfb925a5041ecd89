/**
 * Names and small files that a power cut does not undo.
 *
 * A sync of a file is about its contents; POSIX keeps the name of a new or renamed one only with a sync of its folder. Both
 * throw what the operating system says.
 */
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** What was made, renamed or removed in the folder before is durable. */
export function syncFolder(path: string): void {
  // Windows has no such call; NTFS keeps names in its journal.
  if (process.platform === 'win32') return;
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** After a power cut the file holds `text`, or what it held before, whole; once this has returned, `text`. */
export function replaceFile(path: string, text: string): void {
  const fresh = `${path}.tmp`;
  writeFileSync(fresh, text, { flush: true });
  renameSync(fresh, path);
  syncFolder(dirname(path));
}
