import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readConfigurationFile } from './config.ts';

const folder = mkdtempSync(join(tmpdir(), 'tradehall-config-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function refusalOf(text: string): string {
  const path = join(folder, 'options.json');
  writeFileSync(path, text);
  try {
    readConfigurationFile(path);
  } catch (error) {
    assert.ok(error instanceof Error);
    return error.message.replace(path, 'FILE');
  }
  assert.fail('it was taken');
}

test('a configuration file that can be read in two ways, or not at all, is refused with its reason', () => {
  assert.equal(refusalOf('{"port": 1, "port": 2}'), '--config: FILE: port is given twice.');
  assert.equal(refusalOf('[]'), '--config: FILE must hold one JSON object of options.');
  assert.equal(refusalOf('{"a": [[[1]]]}'), '--config: FILE: must not be nested deeper than 3 levels.');
  assert.match(refusalOf('{"port": 1,\n}'), /^--config: FILE: is not JSON \(line 2 column 1\)\.$/);
});

test('what is not JSON is not quoted, since it may hold a password', () => {
  assert.doesNotMatch(refusalOf('{"cache": "redis://:secret@host" oops'), /secret/);
  assert.doesNotMatch(refusalOf('"secret'), /secret/);
});
