/**
 * Installs a part once: built in a folder of its own, moved to its place when whole, never by two at a time. What is in
 * its place is whole, so a second installation does nothing.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { cacheFolder } from '../cache-folder.ts';

/** What cannot be had here, and the command that would provide it. */
export class Missing extends Error {
  readonly command: string;

  constructor(reason: string, command: string) {
    super(reason);
    this.name = 'Missing';
    this.command = command;
  }
}

/** Gives the folder of `part`, `name-version`; `build` fills the folder that it is given. */
export async function installOnce(
  part: string,
  build: (folder: string) => Promise<void>,
  say: (sentence: string) => void,
): Promise<string> {
  const servers = cacheFolder('servers');
  const place = join(servers, part);
  if (existsSync(place)) return place;
  mkdirSync(servers, { recursive: true });
  return alone(join(servers, `${part}.lock`), async () => {
    if (existsSync(place)) return place;
    const fresh = join(servers, `${part}.tmp`);
    rmSync(fresh, { recursive: true, force: true });
    mkdirSync(fresh);
    say(`installing ${part} into ${servers}`);
    const startedAt = performance.now();
    try {
      await build(fresh);
      renameSync(fresh, place);
    } finally {
      rmSync(fresh, { recursive: true, force: true });
    }
    say(`installed ${part} in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
    return place;
  });
}

/** Holds a lock that the system takes back from a process that dies: that of an SQLite file. */
export async function alone<Value>(lockFile: string, work: () => Promise<Value>): Promise<Value> {
  const lock = new DatabaseSync(lockFile);
  try {
    while (!tryLock(lock)) await pause(200);
    return await work();
  } finally {
    lock.close();
  }
}

const SQLITE_BUSY = 5;

function tryLock(lock: DatabaseSync): boolean {
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if ((error as { readonly errcode?: number }).errcode === SQLITE_BUSY) return false;
    throw error;
  }
}
