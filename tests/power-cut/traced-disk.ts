/** Plays the system calls of a program's lives on a model of the disk, and notes what the program told the outside. */
import assert from 'node:assert/strict';
import { basename, dirname, relative } from 'node:path';
import { DiskFile, DiskFolder } from './disk-model.ts';
import { bytesOf, type SystemCall, splitWords } from './system-calls.ts';

/** What `play` understands; strace is asked for these. */
export const TRACED_CALLS = [
  ...['open', 'openat', 'creat', 'close', 'lseek', 'dup', 'dup2', 'dup3', 'mmap'],
  ...[
    'write',
    'writev',
    'pwrite64',
    'pwritev',
    'pwritev2',
    'sendto',
    'sendmsg',
    'sendfile',
    'copy_file_range',
  ],
  ...['ftruncate', 'truncate', 'fallocate', 'fsync', 'fdatasync', 'msync', 'sync_file_range'],
  ...['rename', 'renameat', 'renameat2', 'unlink', 'unlinkat', 'link', 'linkat', 'symlink', 'symlinkat'],
  ...['mkdir', 'mkdirat', 'rmdir'],
] as const;

interface OpenFile {
  readonly name: string;
  readonly node: DiskFile | DiskFolder;
  readonly appends: boolean;
  position: number;
}

/** SQLite's index of a write-ahead log, which it makes anew after a crash, and writes through memory. */
export function isRebuiltIndex(name: string): boolean {
  return name.endsWith('-shm');
}

export class TracedDisk {
  /** Sure to be there; the parent of everything that is looked at. */
  readonly root = new DiskFolder();
  readonly #rootPath: string;
  readonly #open = new Map<number, OpenFile>();
  readonly #syncing = new Map<string, () => void>();

  constructor(rootPath: string) {
    this.#rootPath = rootPath;
  }

  /** Another process: it has no file open. */
  beginLife(): void {
    this.#open.clear();
    this.#syncing.clear();
  }

  /**
   * In words what this did to the disk; `null` where nothing. What is told to a client, a text with a `>` before it, is
   * told when the call begins.
   */
  play(call: SystemCall): string | null {
    const { name, moment, words } = call;
    if (moment === 'begun') {
      if (name === 'close') this.#open.delete(Number(words));
      else if (SYNCS.has(name)) this.#beginSync(call);
      else if (SENDS.has(name) && !this.#open.has(Number.parseInt(words, 10)))
        return isTold(words) ? `>${words}` : null;
      return null;
    }
    if (call.result === null || call.result < 0) {
      this.#syncing.delete(call.thread);
      return null;
    }
    return this.#ended(name, call, call.result);
  }

  #ended(name: string, call: SystemCall, result: number): string | null {
    if (SYNCS.has(name)) return this.#endSync(call);
    if (name === 'mmap') return this.#mapped(call);
    const at = PATH_CALLS.get(name);
    if (at !== undefined) {
      if (!call.words.includes(this.#rootPath)) return null;
      return this.#changeNames(name, splitWords(call.words).slice(at), result);
    }
    const file = this.#open.get(Number.parseInt(call.words, 10));
    if (file === undefined) return null;
    return this.#changeFile(name, file, splitWords(call.words), result);
  }

  #changeFile(name: string, file: OpenFile, words: readonly string[], result: number): string | null {
    if (name === 'lseek') {
      file.position = result;
      return null;
    }
    assert.ok(file.node instanceof DiskFile, `${name} on a folder`);
    switch (name) {
      case 'pwrite64':
      case 'pwritev':
        file.node.write(Number(words.at(-1)), bytesOf(words[1] ?? '').subarray(0, result));
        break;
      case 'write':
      case 'writev': {
        const offset = file.appends ? file.node.size : file.position;
        file.node.write(offset, bytesOf(words[1] ?? '').subarray(0, result));
        file.position = offset + result;
        break;
      }
      case 'ftruncate':
        file.node.resize(Number(words[1]));
        break;
      default:
        assert.fail(`${name}(${words.join(', ').slice(0, 200)}) on ${file.name} is not known to the model`);
    }
    return `${name} ${file.name}`;
  }

  #changeNames(name: string, words: readonly string[], result: number): string | null {
    const path = pathIn(words[0]);
    if (path === null || relative(this.#rootPath, path).startsWith('..')) return null;
    const [folder, own] = this.#placeOf(path);
    const what = `${name} ${own}`;
    switch (name) {
      case 'open':
      case 'openat':
        return this.#opened(path, words[1] ?? '', result) ? what : null;
      case 'mkdir':
      case 'mkdirat':
        folder.change({ removed: null, added: [own, new DiskFolder()] });
        return what;
      case 'unlink':
      case 'unlinkat':
      case 'rmdir':
        folder.change({ removed: own, added: null });
        return what;
      case 'rename': {
        const [toFolder, to] = this.#placeOf(pathIn(words[1]) ?? '');
        const node = folder.get(own);
        assert.ok(toFolder === folder && node !== undefined, `${what}: only within a folder`);
        folder.change({ removed: own, added: [to, node] });
        return what;
      }
      default:
        return assert.fail(`${name} ${path} is not known to the model`);
    }
  }

  /** Whether that changed the disk. */
  #opened(path: string, flags: string, descriptor: number): boolean {
    const [folder, name] = this.#placeOf(path);
    let node = path === this.#rootPath ? this.root : folder.get(name);
    const isNew = node === undefined;
    if (node === undefined) {
      assert.ok(flags.includes('O_CREAT'), `${path} was not there`);
      node = new DiskFile();
      folder.change({ removed: null, added: [name, node] });
    }
    const empties = !isNew && flags.includes('O_TRUNC');
    if (empties && node instanceof DiskFile) node.resize(0);
    this.#open.set(descriptor, { name, node, appends: flags.includes('O_APPEND'), position: 0 });
    return isNew || empties;
  }

  #mapped({ words }: SystemCall): null {
    const [, , protection = '', flags = '', descriptor] = splitWords(words);
    const file = this.#open.get(Number(descriptor));
    const unseen = file !== undefined && flags.includes('MAP_SHARED') && protection.includes('PROT_WRITE');
    assert.ok(!unseen || isRebuiltIndex(file.name), `${file?.name} is written through memory, unseen`);
    return null;
  }

  #beginSync({ thread, words }: SystemCall): void {
    const file = this.#open.get(Number.parseInt(words, 10));
    if (file !== undefined) this.#syncing.set(thread, file.node.sync());
  }

  #endSync({ thread, name, words }: SystemCall): string | null {
    const sync = this.#syncing.get(thread);
    if (sync === undefined) return null;
    sync();
    this.#syncing.delete(thread);
    return `${name} ${this.#open.get(Number.parseInt(words, 10))?.name}`;
  }

  #placeOf(path: string): readonly [folder: DiskFolder, name: string] {
    const names = relative(this.#rootPath, dirname(path))
      .split('/')
      .filter((name) => name !== '');
    let folder = this.root;
    // The root is in no folder that is looked at.
    if (path === this.#rootPath) return [folder, basename(path)];
    for (const name of names) {
      const inner = folder.get(name);
      assert.ok(inner instanceof DiskFolder, `${path}: ${name} is no folder`);
      folder = inner;
    }
    return [folder, basename(path)];
  }
}

/** Not an event counter, by which threads wake each other. */
function isTold(words: string): boolean {
  return words.length > 100;
}

const SYNCS: ReadonlySet<string> = new Set(['fsync', 'fdatasync']);
const SENDS: ReadonlySet<string> = new Set(['write', 'writev', 'sendto', 'sendmsg']);
/** By name, which of their words is the first path. */
const PATH_CALLS: ReadonlyMap<string, number> = new Map([
  ...['open', 'creat', 'truncate', 'rename', 'unlink', 'link', 'symlink', 'mkdir', 'rmdir'].map(
    (name) => [name, 0] as const,
  ),
  ...['openat', 'mkdirat', 'unlinkat', 'renameat', 'renameat2', 'linkat', 'symlinkat'].map(
    (name) => [name, 1] as const,
  ),
]);

function pathIn(word: string | undefined): string | null {
  return word?.startsWith('"') === true ? bytesOf(word).toString('utf8') : null;
}
