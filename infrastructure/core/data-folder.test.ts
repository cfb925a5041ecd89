import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { withoutRoot } from '#tests/support/without-root.ts';
import { makeDataFolder, openDataFolder, RESTORING_FILE } from './data-folder.ts';
import { findOperatorSocket, prepareOperatorSocket } from './operator-socket.ts';

const root = mkdtempSync(join(tmpdir(), 'data-folder-'));
after(() => rmSync(root, { recursive: true, force: true }));

describe('a data folder', () => {
  test('is made, private to its owner, and can be opened again after its release', () => {
    const path = join(root, 'deep', 'new');
    openDataFolder(path).release();
    assert.equal(statSync(path).mode & 0o777, 0o700);
    openDataFolder(path).release();
  });

  test('is refused to a second instance, which is told who has it', () => {
    const path = join(root, 'busy');
    const first = openDataFolder(path);
    assert.throws(() => openDataFolder(path), {
      code: 'DATA_FOLDER_IN_USE',
      message: `The data folder ${path} is in use by another instance (process ${process.pid}): stop that one, or choose another folder with --data.`,
    });
    first.release();
  });

  test('is free again when its process was killed', async () => {
    const path = join(root, 'killed');
    const source = `import { openDataFolder } from ${JSON.stringify(new URL('./data-folder.ts', import.meta.url).href)};
      globalThis.kept = openDataFolder(${JSON.stringify(path)}); console.log('open'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    try {
      await once(child.stdout, 'data');
      assert.throws(() => openDataFolder(path), { code: 'DATA_FOLDER_IN_USE' });
    } finally {
      child.kill('SIGKILL');
    }
    await exited;
    openDataFolder(path).release();
  });

  test('of a newer version, and one whose version cannot be read, are refused with what to do', () => {
    const path = join(root, 'newer');
    mkdirSync(path);
    writeFileSync(join(path, 'format.json'), '{"format": 99}');
    assert.throws(
      () => openDataFolder(path),
      /written by a newer version \(format 99, this one knows 1\): run that version/,
    );
    writeFileSync(join(path, 'format.json'), 'garbage');
    assert.throws(() => openDataFolder(path), /unreadable format\.json: restore the folder from a backup/);
    assert.equal(readFileSync(join(path, 'format.json'), 'utf8'), 'garbage');
  });

  test('that is a file is refused with a sentence', () => {
    const path = join(root, 'file');
    writeFileSync(path, '');
    assert.throws(() => openDataFolder(path), /is not a folder: choose another with --data/);
  });

  test('that may not be written is refused with what to do, and nothing is left in it', () => {
    const path = join(root, 'read-only');
    mkdirSync(path);
    chmodSync(root, 0o711);
    chmodSync(path, 0o555);
    const refused = {
      code: 'DATA_FOLDER_UNUSABLE',
      message: `The data folder ${path} may not be written by this user: change its owner or mode, or choose another with --data.`,
    };
    assert.throws(() => withoutRoot(() => openDataFolder(path)), refused);
    assert.throws(() => withoutRoot(() => makeDataFolder(path)), refused);
    chmodSync(path, 0o755);
    makeDataFolder(path);
    assert.deepEqual(readdirSync(path), []);
  });
});

describe('a folder that cannot be made', () => {
  // Where a folder of the kernel's can be had: making folders there is refused, and Node's own way never comes back.
  const linux = existsSync('/proc/self');

  test('is refused with a sentence, however deep', { skip: linux ? false : 'needs /proc' }, () => {
    assert.throws(() => openDataFolder('/proc/self/no/such'), {
      code: 'DATA_FOLDER_UNUSABLE',
      message: /^The data folder \/proc\/self\/no\/such cannot be used/,
    });
  });
});

describe('a restore that was interrupted', () => {
  test('is not taken for a data folder', () => {
    const path = join(root, 'half');
    mkdirSync(path);
    writeFileSync(join(path, RESTORING_FILE), '');
    assert.throws(() => openDataFolder(path), { code: 'DATA_FOLDER_UNUSABLE', message: /restore again/ });
  });
});

describe("the operator's socket", () => {
  test('is inside the folder, in a private place', () => {
    const path = join(root, 'short');
    mkdirSync(path);
    const socket = prepareOperatorSocket(path);
    assert.equal(socket, findOperatorSocket(path));
    assert.equal(statSync(join(socket, '..')).mode & 0o777, 0o700);
    assert.ok(socket.startsWith(path));
  });

  test('is elsewhere, short and private, when the path is too long for a socket, and is found there', () => {
    const path = join(root, 'l'.repeat(120));
    mkdirSync(path);
    const socket = prepareOperatorSocket(path);
    assert.ok(Buffer.byteLength(socket) <= 103);
    assert.equal(socket, findOperatorSocket(path));
    assert.equal(statSync(join(socket, '..')).mode & 0o777, 0o700);
    rmSync(join(socket, '..'), { recursive: true });
  });
});
