/** Backups and empty folders that this user may not look into: a sentence that names them, not a guess about what is there. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { testContext } from '#tests/in-process/platform.ts';
import { withoutRoot } from '#tests/support/without-root.ts';
import { requireEmptyFolder, restoreDataFolder } from './data-folder-copy.ts';

const root = mkdtempSync(join(tmpdir(), 'folder-copy-'));
chmodSync(root, 0o755);
after(() => rmSync(root, { recursive: true, force: true }));

function closedFolder(name: string): string {
  const path = join(root, name);
  mkdirSync(path);
  writeFileSync(join(path, 'backup.json'), '{}');
  chmodSync(path, 0);
  return path;
}

function unreadable(path: string) {
  return {
    code: 'FOLDER_UNREADABLE',
    message: `${path} may not be read by this user: change its owner or mode, or choose another.`,
  };
}

test('a folder that may not be read is neither empty nor full', () => {
  const path = closedFolder('target');
  assert.throws(() => withoutRoot(() => requireEmptyFolder(path)), unreadable(path));
  assert.throws(
    () => withoutRoot(() => requireEmptyFolder(join(path, 'below'))),
    unreadable(join(path, 'below')),
  );
});

test('a backup that may not be read is not said to be unfinished; a file is no backup', async () => {
  const path = closedFolder('backup');
  const restore = (from: string) => restoreDataFolder(from, join(root, 'new'), testContext());
  await assert.rejects(
    withoutRoot(() => restore(path)),
    unreadable(path),
  );
  const file = join(root, 'file');
  writeFileSync(file, '');
  await assert.rejects(restore(file), { code: 'NOT_A_BACKUP' });
  await assert.rejects(restore(join(root, 'nowhere')), { code: 'NOT_A_BACKUP' });
});

test('a folder that is not there, or has nothing in it, is empty; a file is not', () => {
  const path = join(root, 'empty');
  requireEmptyFolder(path);
  mkdirSync(path);
  requireEmptyFolder(path);
  writeFileSync(join(path, 'something'), '');
  assert.throws(() => requireEmptyFolder(path), { code: 'FOLDER_NOT_EMPTY' });
  assert.throws(() => requireEmptyFolder(join(path, 'something')), { code: 'NOT_A_FOLDER' });
});
