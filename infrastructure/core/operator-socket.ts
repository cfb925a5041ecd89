/**
 * Where the operator's UNIX socket of a data folder is: inside the folder when the path is short enough for a
 * socket's address, else in a private folder of this user, noted in the data folder.
 *
 * The folder that holds the socket is 0700 before the socket exists, so there is no moment in which another user
 * could open it.
 */
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { OperatingError } from './operating-error.ts';

/** Linux allows 107 bytes and macOS 103, without the closing zero. */
const LONGEST_PATH_BYTES = 103;
const SOCKET_FOLDER = 'operator';
const SOCKET_NAME = 'socket';
const NOTE_FILE = 'operator.path';

function makePrivate(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const state = lstatSync(folder);
  const owner = process.getuid?.();
  if (!state.isDirectory() || (owner !== undefined && state.uid !== owner)) {
    throw new OperatingError(
      'OPERATOR_SOCKET_UNSAFE',
      `The folder ${folder} for the operator's socket belongs to someone else: remove it, or use a shorter --data path.`,
      { retry: 'never' },
    );
  }
  chmodSync(folder, 0o700);
}

/** The address to listen on; its folder exists and is private, and no old socket is in the way. Needs the folder's lock. */
export function prepareOperatorSocket(dataFolder: string): string {
  const folder = resolve(dataFolder);
  const inside = join(folder, SOCKET_FOLDER, SOCKET_NAME);
  const note = join(folder, NOTE_FILE);
  rmSync(note, { force: true });
  if (Buffer.byteLength(inside) <= LONGEST_PATH_BYTES) {
    makePrivate(join(folder, SOCKET_FOLDER));
    rmSync(inside, { force: true });
    return inside;
  }
  const digest = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  const elsewhere = join(tmpdir(), `tradehall-${process.getuid?.() ?? 'user'}-${digest}`);
  makePrivate(elsewhere);
  const path = join(elsewhere, SOCKET_NAME);
  rmSync(path, { force: true });
  writeFileSync(note, path, { mode: 0o600 });
  return path;
}

/** The address a command connects to. */
export function findOperatorSocket(dataFolder: string): string {
  const folder = resolve(dataFolder);
  try {
    return readFileSync(join(folder, NOTE_FILE), 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return join(folder, SOCKET_FOLDER, SOCKET_NAME);
  }
}
