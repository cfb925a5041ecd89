/** This repository keeps the rules of the house. */
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { describe, judge } from './judge.ts';
import { RULES } from './rules.ts';
import { readRepository, SOURCE_FOLDERS } from './source.ts';

const files = readRepository(join(dirname(import.meta.dirname), '..'));

for (const rule of [...RULES.map(({ name }) => name), 'excuse', 'something-to-read']) {
  test(`house rule: ${rule}`, () => {
    const violations = judge(files, RULES).filter((violation) => violation.rule === rule);
    assert.deepEqual(violations.map(describe), []);
  });
}

test('every folder that the rules speak of was really read', () => {
  const unseen = SOURCE_FOLDERS.filter((folder) => !files.some((file) => file.path.startsWith(`${folder}/`)));
  assert.deepEqual(unseen, []);
});
