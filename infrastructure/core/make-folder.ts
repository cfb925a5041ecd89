/**
 * Makes a folder, and those above it that are missing, for this user alone, durably.
 *
 * Not `mkdirSync(…, { recursive: true })`: that runs for ever where no folder can be made at all (/proc), and answers
 * "not found" on a read-only file system, which sends people looking for the wrong thing.
 */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { syncFolder } from './durable-files.ts';

/** Throws what the operating system says; `EEXIST` when the path is something else. */
export function makeFolder(path: string): void {
  const folder = resolve(path);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return;
  const parent = dirname(folder);
  if (parent !== folder && !existsSync(parent)) makeFolder(parent);
  mkdirSync(folder, { mode: 0o700 });
  syncFolder(parent);
}
