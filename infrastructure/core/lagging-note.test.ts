/** A note that the disk does not take is told once, and is no bug; anything else is. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { SILENT } from '#tests/support/silent-logger.ts';
import { replaceFile } from './durable-files.ts';
import { LaggingNote } from './lagging-note.ts';

function tellingNote(): { readonly note: LaggingNote; readonly told: string[] } {
  const told: string[] = [];
  const logger = {
    ...SILENT,
    error: (_fields: unknown, message: string) => told.push(message),
    info: (_fields: unknown, message: string) => told.push(message),
  };
  return { note: new LaggingNote('What is there', logger), told };
}

const TOLD = ['What is there cannot be noted: tried again until it is', 'What is there is noted again'];

test('a file that cannot be written is told once, and once when it can be again', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lagging-note-'));
  try {
    const file = join(folder, 'note');
    const { note, told } = tellingNote();
    const write = () => note.write(() => replaceFile(file, 'noted'));
    // In the way of the file that becomes the note.
    mkdirSync(`${file}.tmp`);
    write();
    write();
    assert.equal(note.isLate, true);
    rmdirSync(`${file}.tmp`);
    write();
    write();
    assert.equal(note.isLate, false);
    assert.equal(readFileSync(file, 'utf8'), 'noted');
    assert.deepEqual(told, TOLD);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('so is a database', () => {
  const { note, told } = tellingNote();
  const db = new DatabaseSync(':memory:');
  const write = () => note.write(() => db.exec('CREATE TABLE IF NOT EXISTS notes (at INTEGER) STRICT'));
  db.exec('PRAGMA query_only = ON');
  write();
  db.exec('PRAGMA query_only = OFF');
  write();
  db.close();
  assert.deepEqual(told, TOLD);
});

test('what the disk has no part in is thrown', () => {
  const { note, told } = tellingNote();
  const bug = () => {
    throw new TypeError('a bug');
  };
  assert.throws(() => note.write(bug), TypeError);
  assert.deepEqual(told, []);
});
