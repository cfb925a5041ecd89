/** strace's lines as system calls, and what those do to the disk. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf, splitWords, systemCalls } from './system-calls.ts';
import { TracedDisk } from './traced-disk.ts';

const ROOT = '/work/root';

/** What each line did. */
function play(...lines: readonly string[]): readonly (string | null)[] {
  const disk = new TracedDisk(ROOT);
  return [...systemCalls(lines.map((line) => `${line}\n`).join(''))]
    .map((call) => disk.play(call))
    .filter((what) => what !== null);
}

test('a call that another thread interrupts has begun at its first line and ended at its last', () => {
  const calls = systemCalls(
    [
      '100   pwrite64(3, "a\\0b", 3, 4096 <unfinished ...>',
      '101   fsync(4)                          = 0',
      '100   <... pwrite64 resumed>)           = 3',
      '101   +++ exited with 0 +++',
      '100   fsync(3 <unfini',
    ].join('\n'),
  );
  assert.deepEqual(
    [...calls].map(({ thread, name, moment, result, words }) => [thread, name, moment, result, words]),
    [
      ['100', 'pwrite64', 'begun', null, '3, "a\\0b", 3, 4096'],
      ['101', 'fsync', 'begun', null, '4'],
      ['101', 'fsync', 'ended', 0, '4'],
      ['100', 'pwrite64', 'ended', 3, '3, "a\\0b", 3, 4096'],
    ],
  );
});

test('texts are read as strace escapes them, and one that it cut off is refused', () => {
  assert.deepEqual(
    bytesOf('"a\\"\\\\\\n\\0\\01\\377\\1779"'),
    Buffer.from('a"\\\n\0\x01\xff\x7f9', 'latin1'),
  );
  assert.deepEqual(bytesOf('[{iov_base="ab", iov_len=2}, {iov_base="c", iov_len=1}]').toString(), 'abc');
  assert.throws(() => bytesOf('"abc"...'), /-s is too small/);
});

test('words are parted at commas that are in no text and no list', () => {
  assert.deepEqual(splitWords('3, "a, \\" b", [{x, y}, 1], O_RDWR|O_CREAT'), [
    '3',
    '"a, \\" b"',
    '[{x, y}, 1]',
    'O_RDWR|O_CREAT',
  ]);
});

test('a file is followed by its descriptor, until that is closed', () => {
  const open = (path: string) => `1 openat(AT_FDCWD, "${path}", O_RDWR|O_CREAT, 0600) = 7`;
  assert.deepEqual(
    play(
      open(`${ROOT}/a`),
      '1 write(7, "xy", 2) = 2',
      '1 fdatasync(7) = 0',
      '1 close(7) = 0',
      open('/elsewhere'),
      '1 write(7, "xy", 2) = 2',
      `1 rename("${ROOT}/a", "${ROOT}/b") = 0`,
      `1 unlink("${ROOT}/c") = -1 ENOENT (No such file or directory)`,
    ),
    ['openat a', 'write a', 'fdatasync a', 'rename a'],
  );
});

test('a way of writing that the model does not know is refused, not passed over', () => {
  const open = `1 openat(AT_FDCWD, "${ROOT}/a", O_RDWR|O_CREAT, 0600) = 7`;
  assert.throws(() => play(open, '1 fallocate(7, 0, 0, 4096) = 0'), /not known to the model/);
  assert.throws(
    () => play(`1 link("/x", "${ROOT}/y") = 0`, `1 link("${ROOT}/x", "${ROOT}/y") = 0`),
    /not known/,
  );
  const mapped = '1 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 7, 0) = 0x7f00';
  assert.throws(() => play(open, mapped), /written through memory/);
});

test('what is told to a client is told when the call begins', () => {
  const answer = `HTTP/1.1 202 Accepted ${'x'.repeat(100)}`;
  assert.deepEqual(play(`1 write(9, "${answer}", 121 <unfinished ...>`), [`>9, "${answer}", 121`]);
  assert.deepEqual(play('1 write(9, "\\1\\0\\0\\0\\0\\0\\0\\0", 8) = 8'), []);
});
