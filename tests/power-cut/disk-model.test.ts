/** What the model of a disk keeps, may keep and cannot keep after a power cut. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { seeded } from '#tests/e2e/workload.ts';
import { CONTENTS, DiskFile, DiskFolder, type Loss, PAGE_BYTES, SECTOR_BYTES } from './disk-model.ts';

const root = mkdtempSync(join(tmpdir(), 'disk-model-'));
after(() => rmSync(root, { recursive: true, force: true }));

function loss(contents: Loss['contents'], names: Loss['names'] = 'none', seed = 1): Loss {
  return { contents, names, random: seeded(seed) };
}

function filled(bytes: number, value: number): Buffer {
  return Buffer.alloc(bytes, value);
}

/** The distinct outcomes of `cut` over many seeds. */
function outcomes(cut: (seed: number) => string): ReadonlySet<string> {
  return new Set(Array.from({ length: 400 }, (_unused, seed) => cut(seed)));
}

function namesAfterCut(folder: DiskFolder, how: Loss): readonly string[] {
  const path = mkdtempSync(join(root, 'cut-'));
  folder.writeAfterCut(path, how, () => false);
  return readdirSync(path, { recursive: true, encoding: 'utf8' }).sort();
}

test('what was synced is there whatever is lost, and what was not may be', () => {
  const file = new DiskFile();
  file.write(0, Buffer.from('sure'));
  file.sync()();
  file.write(4, Buffer.from(' not'));
  for (const contents of CONTENTS) {
    const left = file.afterCut(loss(contents)).toString();
    assert.equal(left.slice(0, 4), 'sure', contents);
  }
  assert.equal(file.afterCut(loss('none')).toString(), 'sure');
  assert.equal(file.afterCut(loss('all')).toString(), 'sure not');
});

test('a sync is about what was written before it began, and for sure only once it has ended', () => {
  const file = new DiskFile();
  file.write(0, Buffer.from('a'));
  const end = file.sync();
  file.write(1, Buffer.from('b'));
  assert.equal(file.afterCut(loss('none')).toString(), '');
  end();
  assert.equal(file.afterCut(loss('none')).toString(), 'a');
});

test('pages come in any order, each whole and as it was at some moment', () => {
  const file = new DiskFile();
  file.write(0, filled(2 * PAGE_BYTES, 1));
  file.sync()();
  file.write(0, filled(2 * PAGE_BYTES, 2));
  file.write(PAGE_BYTES, filled(PAGE_BYTES, 3));
  const seen = outcomes((seed) => {
    const left = file.afterCut(loss('pages', 'none', seed));
    const pages = [left.subarray(0, PAGE_BYTES), left.subarray(PAGE_BYTES)];
    for (const page of pages) assert.ok(page.equals(filled(PAGE_BYTES, page[0] ?? 0)), 'a page is whole');
    return pages.map((page) => page[0]).join();
  });
  assert.deepEqual([...seen].sort(), ['1,1', '1,2', '1,3', '2,1', '2,2', '2,3']);
});

test('a page is torn between its sectors, and never within one', () => {
  const file = new DiskFile();
  file.write(0, filled(2 * SECTOR_BYTES, 1));
  file.sync()();
  file.write(0, filled(2 * SECTOR_BYTES, 2));
  const seen = outcomes((seed) => {
    const left = file.afterCut(loss('sectors', 'none', seed));
    const sectors = [left.subarray(0, SECTOR_BYTES), left.subarray(SECTOR_BYTES)];
    for (const sector of sectors) assert.ok(sector.equals(filled(SECTOR_BYTES, sector[0] ?? 0)));
    return sectors.map((sector) => sector[0]).join();
  });
  assert.deepEqual([...seen].sort(), ['1,1', '1,2', '2,1', '2,2']);
});

test('a file may have grown, with zeros for what was to be in it', () => {
  const file = new DiskFile();
  file.write(0, filled(10, 1));
  file.sync()();
  file.write(10, filled(10, 2));
  assert.deepEqual(file.afterCut(loss('zeros')), Buffer.concat([filled(10, 1), filled(10, 0)]));
});

test('a file that was cut down and not synced has its old end or none, never something else', () => {
  const file = new DiskFile();
  file.write(0, filled(2 * PAGE_BYTES, 1));
  file.sync()();
  file.resize(PAGE_BYTES);
  const seen = outcomes((seed) => {
    const left = file.afterCut(loss('pages', 'none', seed));
    assert.ok(left.equals(filled(left.length, 1)));
    return String(left.length);
  });
  assert.deepEqual([...seen].sort(), [String(PAGE_BYTES), String(2 * PAGE_BYTES)]);
});

test('a name is sure with a sync of its folder, not with one of the file', () => {
  const folder = new DiskFolder();
  const file = new DiskFile();
  folder.change({ removed: null, added: ['one', file] });
  file.sync()();
  assert.deepEqual(namesAfterCut(folder, loss('all', 'none')), []);
  assert.deepEqual(namesAfterCut(folder, loss('none', 'all')), ['one']);
  folder.sync()();
  assert.deepEqual(namesAfterCut(folder, loss('none', 'none')), ['one']);
});

test('a rename is there or not, and the file never has both names or none', () => {
  const folder = new DiskFolder();
  const [old, fresh] = [new DiskFile(), new DiskFile()];
  old.write(0, Buffer.from('old'));
  fresh.write(0, Buffer.from('new'));
  folder.change({ removed: null, added: ['note', old] });
  folder.change({ removed: null, added: ['note.tmp', fresh] });
  folder.sync()();
  folder.change({ removed: 'note.tmp', added: ['note', fresh] });
  const seen = outcomes((seed) => {
    const path = mkdtempSync(join(root, 'cut-'));
    folder.writeAfterCut(path, loss('all', 'some', seed), () => false);
    return `${readdirSync(path).sort().join()}: ${readFileSync(join(path, 'note'), 'utf8')}`;
  });
  assert.deepEqual([...seen].sort(), ['note,note.tmp: old', 'note: new']);
});

test('a folder whose name was lost takes along what was synced in it', () => {
  const [parent, inner, file] = [new DiskFolder(), new DiskFolder(), new DiskFile()];
  parent.change({ removed: null, added: ['data', inner] });
  inner.change({ removed: null, added: ['file', file] });
  inner.sync()();
  assert.deepEqual(namesAfterCut(parent, loss('all', 'none')), []);
  assert.deepEqual(namesAfterCut(parent, loss('none', 'all')), ['data', 'data/file']);
});
