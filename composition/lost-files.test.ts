/** What was lost is taken for lost, and what could not be finished leaves nothing in the way of another attempt. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { DATA_PATHS } from './data-paths.ts';
import { importDataFolder } from './log-transfer.ts';
import { missingStores, PROJECTION_STORES, type ProjectionStore } from './rewind-projections.ts';

const root = mkdtempSync(join(tmpdir(), 'lost-files-'));
after(() => rmSync(root, { recursive: true, force: true }));

test('a store whose file is empty is as lost as one that is gone: opening it would make a new one', () => {
  const fileOf = (store: ProjectionStore) => join(root, DATA_PATHS[store]);
  for (const store of ['portfolios', 'analytics'] as const) writeFileSync(fileOf(store), 'something');
  writeFileSync(fileOf('history'), '');
  assert.deepEqual(missingStores(PROJECTION_STORES, fileOf), ['history', 'relational']);
  const onServer = (store: ProjectionStore) => (store === 'relational' ? null : fileOf(store));
  assert.deepEqual(
    missingStores(PROJECTION_STORES, onServer),
    ['history'],
    'one on a server has no file to lose',
  );
});

test('an import that failed leaves the folder empty, so that it can be tried again', async () => {
  const file = join(root, 'cut.ndjson');
  writeFileSync(file, '{"format":');
  const folder = join(root, 'imported');
  await assert.rejects(
    importDataFolder(file, folder, null, () => {}),
    { code: 'LOG_EXPORT_UNREADABLE' },
  );
  assert.deepEqual(readdirSync(folder), []);
});
