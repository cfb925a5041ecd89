/**
 * A disk with a cache before it, as POSIX promises it: what a power cut leaves of files and folders.
 *
 *   write, resize ─▶ pending of the file ──sync of the file──▶ sure
 *   create, rename, remove ─▶ pending of the folder ──sync of the folder──▶ sure
 *
 * What is pending may be on the disk or not, in any order, page by page or sector by sector. It is stricter than the file
 * systems of Linux, which keep the order of names, and never lets through what one of them forbids.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const PAGE_BYTES = 4_096;
export const SECTOR_BYTES = 512;

/** What becomes of a file's pending writes. `mixed`: each file its own. */
export const CONTENTS = ['none', 'all', 'pages', 'sectors', 'zeros', 'mixed'] as const;
/** What becomes of a folder's pending changes. `first`: those before a point, as a journal keeps them. */
export const NAMES = ['none', 'all', 'first', 'some'] as const;

export interface Loss {
  readonly contents: (typeof CONTENTS)[number];
  readonly names: (typeof NAMES)[number];
  /** In [0, 1). */
  readonly random: () => number;
}

type Change =
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: 'resize'; readonly size: number };

/** Bytes that grow. */
class Content {
  #bytes = Buffer.alloc(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  resize(size: number): void {
    if (size > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(size, 2 * this.#bytes.length));
      this.#bytes.copy(grown, 0, 0, this.#size);
      this.#bytes = grown;
    }
    if (size < this.#size) this.#bytes.fill(0, size, this.#size);
    this.#size = size;
  }

  write(offset: number, bytes: Buffer): void {
    if (offset + bytes.length > this.#size) this.resize(offset + bytes.length);
    bytes.copy(this.#bytes, offset);
  }

  apply(change: Change): void {
    if (change.kind === 'write') this.write(change.offset, change.bytes);
    else this.resize(change.size);
  }

  /** Of what is there. */
  zero(start: number, end: number): void {
    this.#bytes.fill(0, Math.min(start, this.#size), Math.min(end, this.#size));
  }

  copy(): Content {
    const copied = new Content();
    copied.write(0, this.bytes());
    return copied;
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }
}

export class DiskFile {
  readonly #sure = new Content();
  #pending: Change[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  write(offset: number, bytes: Buffer): void {
    this.#pending.push({ kind: 'write', offset, bytes });
    this.#size = Math.max(this.#size, offset + bytes.length);
  }

  resize(size: number): void {
    this.#pending.push({ kind: 'resize', size });
    this.#size = size;
  }

  /** What was done before this call is sure once the returned function is called. */
  sync(): () => void {
    const until = this.#pending.at(-1);
    return () => {
      const count = until === undefined ? 0 : this.#pending.indexOf(until) + 1;
      for (const change of this.#pending.splice(0, count)) this.#sure.apply(change);
    };
  }

  afterCut({ contents, random }: Loss): Buffer {
    const mode = contents === 'mixed' ? (pick(CONTENTS.slice(0, -1), random) ?? 'none') : contents;
    const changes = this.#pending;
    if (mode === 'none' || changes.length === 0) return this.#sure.bytes();
    const left = this.#sure.copy();
    if (mode === 'all') {
      for (const change of changes) left.apply(change);
      return left.bytes();
    }
    // How far the size came and how far each page came are independent; a page holds no write without those before it.
    const sizes = mode === 'zeros' ? changes.length : somewhere(changes.length, random);
    const unit = mode === 'sectors' ? SECTOR_BYTES : PAGE_BYTES;
    const reached = mode === 'zeros' ? new Map<number, number>() : unitsReached(changes, unit, random);
    for (const [index, change] of changes.entries()) {
      if (change.kind === 'resize') {
        if (index < sizes) left.resize(change.size);
        continue;
      }
      for (const piece of piecesOf(change, unit)) {
        if (index <= (reached.get(piece.unit) ?? -1)) left.write(piece.offset, piece.bytes);
      }
    }
    left.resize(sizeAfter(this.#sure.size, changes.slice(0, sizes)));
    return left.bytes();
  }
}

interface Piece {
  readonly unit: number;
  readonly offset: number;
  readonly bytes: Buffer;
}

function* piecesOf(
  { offset, bytes }: { readonly offset: number; readonly bytes: Buffer },
  unitBytes: number,
): Generator<Piece> {
  for (let done = 0; done < bytes.length; ) {
    const at = offset + done;
    const unit = Math.floor(at / unitBytes);
    const end = Math.min(bytes.length, (unit + 1) * unitBytes - offset);
    yield { unit, offset: at, bytes: bytes.subarray(done, end) };
    done = end;
  }
}

/** By page or sector, the last change whose content it holds: any of those that touched it, or none. */
function unitsReached(
  changes: readonly Change[],
  unitBytes: number,
  random: () => number,
): ReadonlyMap<number, number> {
  const touching = new Map<number, number[]>();
  for (const [index, change] of changes.entries()) {
    if (change.kind === 'resize') continue;
    for (const { unit } of piecesOf(change, unitBytes)) {
      const all = touching.get(unit) ?? [];
      all.push(index);
      touching.set(unit, all);
    }
  }
  const reached = new Map<number, number>();
  for (const [unit, all] of touching) reached.set(unit, pick([-1, ...all], random) ?? -1);
  return reached;
}

function sizeAfter(size: number, changes: readonly Change[]): number {
  let after = size;
  for (const change of changes) {
    after = change.kind === 'resize' ? change.size : Math.max(after, change.offset + change.bytes.length);
  }
  return after;
}

type DiskNode = DiskFile | DiskFolder;

interface NameChange {
  readonly removed: string | null;
  readonly added: readonly [name: string, node: DiskNode] | null;
}

export class DiskFolder {
  readonly #sure = new Map<string, DiskNode>();
  readonly #now = new Map<string, DiskNode>();
  #pending: NameChange[] = [];

  get(name: string): DiskNode | undefined {
    return this.#now.get(name);
  }

  change(change: NameChange): void {
    this.#pending.push(change);
    applyNames(this.#now, change);
  }

  /** What was done before this call is sure once the returned function is called. */
  sync(): () => void {
    const until = this.#pending.at(-1);
    return () => {
      const count = until === undefined ? 0 : this.#pending.indexOf(until) + 1;
      for (const change of this.#pending.splice(0, count)) applyNames(this.#sure, change);
    };
  }

  /** Writes what a cut leaves into `path`, which is an empty folder. `leaveOut` names files that are not to be there. */
  writeAfterCut(path: string, loss: Loss, leaveOut: (name: string) => boolean): void {
    const names = new Map(this.#sure);
    const first = loss.names === 'first' ? somewhere(this.#pending.length, loss.random) : 0;
    for (const [index, change] of this.#pending.entries()) {
      const kept = loss.names === 'all' || index < first || (loss.names === 'some' && loss.random() < 0.5);
      if (kept) applyNames(names, change);
    }
    for (const [name, node] of names) {
      const target = join(path, name);
      if (node instanceof DiskFile) {
        if (!leaveOut(name)) writeFileSync(target, node.afterCut(loss));
        continue;
      }
      mkdirSync(target, { mode: 0o700 });
      node.writeAfterCut(target, loss, leaveOut);
    }
  }
}

function applyNames(names: Map<string, DiskNode>, { removed, added }: NameChange): void {
  if (removed !== null) names.delete(removed);
  if (added !== null) names.set(...added);
}

/** Nothing and all of it as often as anything between. */
function somewhere(count: number, random: () => number): number {
  return pick([0, count, Math.floor(random() * (count + 1))], random) ?? 0;
}

function pick<Item>(items: readonly Item[], random: () => number): Item | undefined {
  assert.ok(items.length > 0);
  return items[Math.floor(random() * items.length)];
}
