import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { resolveConfiguration } from '#infrastructure/core/configuration.ts';
import { type ProcessConfig, processOptions } from './options.ts';
import { PROJECTION_STORES } from './rewind-projections.ts';
import { isOnServer, movedStores, noteStores } from './store-places.ts';

function configOf(flags: Readonly<Record<string, string>>): ProcessConfig {
  const resolved = resolveConfiguration([processOptions], { flags, environment: {}, file: {} });
  assert(resolved.kind === 'resolved');
  return resolved.configuration.of(processOptions);
}

describe('where stores are', () => {
  let path: string;
  const folder = { file: (name: string) => join(path, name) };
  const embedded = configOf({});
  const onDynamoDb = configOf({ portfolios: 'dynamodb://eu-central-1' });
  const moved = (config: ProcessConfig) => movedStores(folder, config, PROJECTION_STORES);
  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'store-places-'));
  });
  afterEach(() => rmSync(path, { recursive: true, force: true }));

  test('a folder without a note was on its own files', () => {
    assert.deepEqual(moved(embedded), []);
    assert.deepEqual(moved(onDynamoDb), ['portfolios']);
    assert.equal(isOnServer(onDynamoDb, 'portfolios'), true);
    assert.equal(isOnServer(onDynamoDb, 'history'), false);
  });

  test('to a server and back, each move is noticed once', () => {
    for (const config of [onDynamoDb, embedded]) {
      assert.deepEqual(moved(config), ['portfolios']);
      noteStores(folder, config, PROJECTION_STORES);
      assert.deepEqual(moved(config), []);
    }
  });

  test('another table or endpoint is another place, other credentials are not', () => {
    noteStores(folder, onDynamoDb, PROJECTION_STORES);
    assert.deepEqual(moved(configOf({ portfolios: 'dynamodb://eu-central-1/other' })), ['portfolios']);
    const local = { portfolios: 'dynamodb://eu-central-1?endpoint=http://localhost:8000' };
    assert.deepEqual(moved(configOf(local)), ['portfolios']);
    noteStores(folder, configOf({ analytics: 'clickhouse://ada:one@host:8123/hall' }), PROJECTION_STORES);
    assert.deepEqual(moved(configOf({ analytics: 'clickhouse://bob:two@host:8123/hall' })), []);
  });

  test('a store that this start did not open keeps its note', () => {
    noteStores(folder, onDynamoDb, ['portfolios']);
    noteStores(folder, configOf({}), ['history']);
    assert.deepEqual(moved(onDynamoDb), []);
  });

  test('a note that cannot be read makes every store be filled again', () => {
    writeFileSync(folder.file('stores.json'), '{"portf');
    assert.deepEqual(moved(embedded), PROJECTION_STORES);
  });

  test('with the log on a server the note of one process says nothing', () => {
    assert.deepEqual(moved(configOf({ event_log: 'kafka://host:9092', history: 'opensearch://host' })), []);
  });
});
