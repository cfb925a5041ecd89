/** Which targets may be left to other processes, by where the stores are: none may answer from a part of the whole. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { resolveConfiguration } from '#infrastructure/core/configuration.ts';
import { selectTargets } from './chosen-targets.ts';
import { processOptions } from './options.ts';
import { targetNames } from './targets.ts';

type Flags = Readonly<Record<string, string>>;

const KAFKA = { event_log: 'kafka://host:9092' };
const EVERY_STORE: Flags = {
  ...KAFKA,
  cache: 'redis://host:6379',
  portfolios: 'dynamodb://eu-central-1',
  history: 'opensearch://host:9200',
  analytics: 'clickhouse://host:8123/db',
  database: 'postgres://host:5432/db',
};

function select(names: readonly string[], flags: Flags): readonly string[] {
  const resolved = resolveConfiguration([processOptions], { flags, environment: {}, file: {} });
  assert(resolved.kind === 'resolved', JSON.stringify(resolved));
  return selectTargets(names, resolved.configuration);
}

function all({ but }: { readonly but: string }): readonly string[] {
  return targetNames().filter((name) => name !== but);
}

describe('with the log on a server', () => {
  test('one process with every target has its stores where it likes', () => {
    assert.deepEqual(select([], KAFKA), targetNames());
    assert.deepEqual(select(targetNames(), KAFKA), targetNames());
  });

  test('so has one that leaves only ingestion elsewhere, which uses no store', () => {
    const others = all({ but: 'market-ingestion' });
    assert.deepEqual(select(others, KAFKA), others);
    assert.deepEqual(select(['market-ingestion'], KAFKA), ['market-ingestion']);
  });

  for (const [name, used] of Object.entries({
    'trade-execution': ['cache'],
    'trade-persistence': ['history', 'analytics'],
    portfolio: ['cache', 'portfolios', 'database'],
    'market-data': ['cache'],
    query: ['cache', 'history', 'analytics'],
    order: ['cache', 'portfolios', 'database'],
    'api-gateway': ['cache', 'database'],
  })) {
    test(`${name} by itself needs each store that it uses on a server, and no other`, () => {
      for (const option of used) {
        const { [option]: _, ...flags } = EVERY_STORE;
        assert.throws(() => select([name], flags), {
          code: 'PART_NOT_SHARED',
          message: new RegExp(`put ${option} on a server, or start every target here\\.$`),
        });
      }
      const enough = Object.entries(EVERY_STORE).filter(
        ([option]) => option in KAFKA || used.includes(option),
      );
      assert.deepEqual(select([name], Object.fromEntries(enough)), [name]);
    });
  }

  test('a group of targets too, though all that use the store are in it: another like it would share its partitions', () => {
    const { database: _, ...flags } = EVERY_STORE;
    assert.throws(() => select(['order', 'portfolio', 'api-gateway'], flags), { code: 'PART_NOT_SHARED' });
    assert.throws(() => select(all({ but: 'trade-execution' }), flags), { code: 'PART_NOT_SHARED' });
  });

  test('one sentence names who is missing and all that has to change', () => {
    assert.throws(() => select(['order'], KAFKA), {
      message:
        'The log is on a server and trade-execution is not in this process, so others share what this one stores: put cache, portfolios, database on a server, or start every target here.',
    });
  });
});

describe('with the log in the data folder, which has one process', () => {
  test('targets are started by themselves on embedded stores', () => {
    assert.deepEqual(select(['trade-persistence'], {}), ['trade-persistence']);
    assert.deepEqual(select(['order', 'market-data'], {}), ['market-data', 'order']);
  });

  test('but no reader of prices without the target that fills the cache in memory', () => {
    assert.throws(() => select(['order'], {}), {
      code: 'PART_NOT_SHARED',
      message: /add the target market-data\.$/,
    });
    assert.deepEqual(select(['order'], { cache: 'redis://host:6379' }), ['order']);
  });
});
