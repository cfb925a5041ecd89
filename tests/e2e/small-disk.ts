/**
 * A disk of a few megabytes, for what happens when it is full or read-only.
 *
 * It is a tmpfs in a mount namespace of its own, so nothing else sees it and nothing is left of it: it goes with the
 * process that holds the namespace, and that one ends when its standard input does, however this process ends. A user
 * who is not root gets it through a user namespace, where the system allows that.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmdirSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServerDisk } from '../../scripts/dev-servers/server-process.ts';

export interface SmallDisk extends ServerDisk {
  /** `ro` or `rw`. */
  remount(mode: 'ro' | 'rw'): void;
  remove(): Promise<void>;
}

export type SmallDiskOutcome =
  | { readonly kind: 'made'; readonly disk: SmallDisk }
  | { readonly kind: 'not-permitted'; readonly reason: string };

const asRoot = process.getuid?.() === 0;

export async function makeSmallDisk(megabytes: number): Promise<SmallDiskOutcome> {
  const path = mkdtempSync(join(tmpdir(), 'tradehall-disk-'));
  const unshare = asRoot ? ['--mount'] : ['--mount', '--user', '--map-root-user'];
  const script = `mount -t tmpfs -o size=${megabytes}m,mode=755 tradehall-test "$0" && echo mounted && exec cat`;
  const holder: ChildProcess = spawn('unshare', [...unshare, 'sh', '-c', script, path], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let said = '';
  holder.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = once(holder, 'close').catch((error: unknown) => {
    said += String(error);
  });
  const mounted = await Promise.race([
    once(holder.stdout ?? holder, 'data').then(() => true),
    ended.then(() => false),
  ]);
  if (!mounted) {
    rmdirSync(path);
    return { kind: 'not-permitted', reason: said.trim() };
  }
  const via = ['nsenter', '--target', String(holder.pid), '--mount'];
  if (!asRoot) via.push('--user', '--preserve-credentials');
  const [command = '', ...words] = via;
  const pathFromOutside = `/proc/${holder.pid}/root${path}`;
  mkdirSync(pathFromOutside, { recursive: true });
  return {
    kind: 'made',
    disk: {
      path,
      pathFromOutside,
      via,
      remount: (mode) => {
        execFileSync(command, [...words, 'mount', '-o', `remount,bind,${mode}`, path]);
      },
      remove: async () => {
        holder.stdin?.end();
        await ended;
        rmdirSync(path);
      },
    },
  };
}

const PIECE = Buffer.alloc(64 * 1_024);

/** Writes `path` until nothing more fits. */
export function fillDisk(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (;;) writeSync(file, PIECE);
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
  } finally {
    closeSync(file);
  }
}
